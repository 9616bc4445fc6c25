#!/usr/bin/env bash
# Scans the templates with checkov, which pins older packages than ours: in .venv-checkov, by its own lock file.
# Where the packages cannot be fetched it says so and ends well. Exit status 1: findings that nobody explained.
set -euo pipefail
cd "$(dirname "$0")/../.."
lock=tools/checkov/requirements.txt
wanted=$(cksum < "$lock")
if [ "$(cat .venv-checkov/.ready 2>/dev/null)" != "$wanted" ]; then
  rm -rf .venv-checkov && .venv/bin/python -m venv .venv-checkov
  if ! .venv-checkov/bin/pip install --quiet --disable-pip-version-check --require-hashes -r "$lock" 2>/dev/null; then
    echo "checkov: skipped, its packages cannot be fetched here"
    exit 0
  fi
  echo "$wanted" > .venv-checkov/.ready
fi
# Its warnings, and a check of its own that fails over a conditional resource, would drown the findings.
LOG_LEVEL=CRITICAL .venv-checkov/bin/checkov --config-file deploy/.checkov.yaml
