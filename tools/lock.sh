#!/usr/bin/env bash
# Resolves every package of the workspace into requirements.lock, with hashes, for Python 3.11 and later.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
uv=${UV:-.venv/bin/uv}
own=()
while read -r name; do own+=(--no-emit-package "$name"); done < <(sed -n 's/^name = "\(holdfast.*\)"/\1/p' shared/pyproject.toml services/*/pyproject.toml embedded/pyproject.toml tools/pyproject.toml load-tests/pyproject.toml)
"$uv" pip compile -q --universal --generate-hashes --no-emit-index-url --no-header "${own[@]}" --group dev pyproject.toml -o requirements.lock "$@"
