#!/usr/bin/env bash
# Makes .venv hold exactly requirements.lock (checked by hash) and the workspace's packages. Seconds when nothing changed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
stamp=.venv/.installed
want=$(cat requirements.lock pyproject.toml */pyproject.toml services/*/pyproject.toml tools/setup.sh | sha256sum)
[[ -f $stamp && $(<"$stamp") == "$want" ]] && exit 0
UV_VERSION=0.13.9
"${PYTHON:-python3}" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
  || { echo "holdfast needs Python 3.11 or later; set PYTHON to one (found: $("${PYTHON:-python3}" --version))" >&2; exit 1; }
[[ -x .venv/bin/python ]] || "${PYTHON:-python3}" -m venv .venv \
  || { echo "python3 has no venv module; on Debian: apt-get install python3-venv" >&2; exit 1; }
.venv/bin/python -m pip install -q --disable-pip-version-check "uv==$UV_VERSION"
echo "installing the locked dependencies into .venv" >&2
.venv/bin/uv pip install -q --python .venv/bin/python --require-hashes -r requirements.lock
own=()
for dir in shared services/*/ embedded tools load-tests; do [[ -f $dir/pyproject.toml ]] && own+=(-e "$dir"); done
.venv/bin/uv pip install -q --python .venv/bin/python --no-deps --no-build-isolation "${own[@]}"
echo "$want" > "$stamp"
