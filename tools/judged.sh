#!/usr/bin/env bash
# The quick form of chaos experiments as a check: tools/judged.sh ARGUMENTS of holdfast-chaos. As with a test, FAIL (1)
# twice in a row fails. INCONCLUSIVE (2) says that this machine had other things to do, and passes; a refusal is 2 as
# well, but leaves no verdict.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

reports=$(mktemp -d)
trap 'rm -rf "$reports"' EXIT
code=0
for try in 1 2; do
  code=0
  .venv/bin/holdfast-chaos --quick --reports "$reports/$try" "$@" || code=$?
  [[ $code == 1 ]] || break
done
[[ $code == 0 ]] || { [[ $code == 2 ]] && find "$reports/$try" -name verdict.json 2>/dev/null | grep -q .; }
