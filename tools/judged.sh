#!/usr/bin/env bash
# The quick form of chaos experiments as a check: tools/judged.sh [EXPERIMENT...] [OPTIONS of holdfast-chaos]. As with a
# test, what FAILs (1) is run once more, and alone. INCONCLUSIVE (2) says that this machine had other things to do, and
# passes; a refusal is 2 as well, but leaves no verdict.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

names=()
while [[ $# -gt 0 && $1 != -* ]]; do names+=("$1"); shift; done

reports=$(mktemp -d)
trap 'rm -rf "$reports"' EXIT

failed() {
  .venv/bin/python - "$1" <<'PYTHON'
import json, sys
from pathlib import Path
verdicts = [json.loads(path.read_text()) for path in Path(sys.argv[1]).rglob("verdict.json")]
for name in sorted({verdict["facts"]["experiment"] for verdict in verdicts if verdict["result"] == "FAIL"}):
    print(name)
PYTHON
}

code=0
for try in 1 2; do
  code=0
  timeout --foreground --signal=INT --kill-after=120 1200 \
    .venv/bin/holdfast-chaos ${names[@]+"${names[@]}"} --quick --reports "$reports/$try" "$@" || code=$?
  [[ $code == 1 ]] || break
  mapfile -t again < <(failed "$reports/$try")
  [[ ${#again[@]} == 0 ]] || names=("${again[@]}")  # none: what failed is the runs of a row together
done
[[ $code == 0 ]] || { [[ $code == 2 ]] && find "$reports/$try" -name verdict.json 2>/dev/null | grep -q .; }
