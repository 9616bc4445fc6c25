#!/usr/bin/env bash
# Makes .venv with every locked package for the product, the simulator and the tests.
# Safe to run again: it does nothing while Python and the lock file are unchanged.
set -euo pipefail
cd "$(dirname "$0")/.."

lock=requirements-dev.txt
stamp=.venv/.ready
wanted="3.13 $(cksum < "$lock")"
if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
  exit 0
fi

# A candidate counts only if it runs: a version manager's shim may exist and fail.
runs_313() { "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 13))' >/dev/null 2>&1; }

find_python() {
  local candidate
  for candidate in ${PYTHON:-} python3.13 python3 python \
    "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.13.*/bin/python3.13 \
    /usr/local/bin/python3.13 /opt/homebrew/bin/python3.13; do
    if runs_313 "$candidate"; then echo "$candidate"; return; fi
  done
  # Last resort: uv brings a Python of its own where the network allows it.
  python3 -m venv .venv-uv >&2 && .venv-uv/bin/pip install --quiet uv >&2 || return 1
  candidate=$(.venv-uv/bin/uv python find 3.13 2>/dev/null || { .venv-uv/bin/uv python install --quiet 3.13 >&2 && .venv-uv/bin/uv python find 3.13; }) || return 1
  runs_313 "$candidate" && echo "$candidate"
}

if ! python=$(find_python); then
  echo "Python 3.13 was not found. Install it (for example: pyenv install 3.13, or apt-get install python3.13-venv) or name it: make PYTHON=/path/to/python3.13" >&2
  exit 2
fi

echo "Setting up .venv with $("$python" --version) (about a minute on a fresh machine)"
rm -rf .venv
"$python" -m venv .venv
.venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r "$lock"
echo "$wanted" > "$stamp"
