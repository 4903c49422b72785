#!/usr/bin/env bash
# The quick form of chaos experiments as a check: tools/judged.sh [EXPERIMENT...] [OPTIONS of holdfast-chaos]. Its bars are
# such that its sample can show them, so both FAIL (1) and INCONCLUSIVE (2) fail the check. Nothing is run again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

names=()
while [[ $# -gt 0 && $1 != -* ]]; do names+=("$1"); shift; done

reports=$(mktemp -d)
trap 'rm -rf "$reports"' EXIT
timeout --foreground --signal=INT --kill-after=120 1200 \
  .venv/bin/holdfast-chaos ${names[@]+"${names[@]}"} --quick --reports "$reports" "$@"
