#!/usr/bin/env bash
# Writes requirements.txt (what ships) and requirements-dev.txt (simulator, tests, checks), with hashes.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -x .venv-uv/bin/uv ] || { .venv/bin/python -m venv .venv-uv && .venv-uv/bin/pip install --quiet uv; }
compile() { .venv-uv/bin/uv pip compile --quiet --generate-hashes --no-header --python-version 3.13 pyproject.toml "$@"; }
compile --output-file requirements.txt
compile --extra dev --constraint requirements.txt --output-file requirements-dev.txt
.venv-uv/bin/uv pip compile --quiet --generate-hashes --no-header --no-annotate --python-version 3.13 tools/checkov/requirements.in --output-file tools/checkov/requirements.txt
