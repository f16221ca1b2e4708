#!/usr/bin/env bash
# Make .venv-oracles in the repository root: the published scorers that ours are held against.
#
#   PYTHON=python3.11 tests/evals/oracles.sh
#
# Python 3.11 or 3.12: an old parser that bfcl-eval needs has no build for later ones. Does nothing
# when the environment was already made from the same list. About 1 GB.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
venv=$root/.venv-oracles
stamp=$venv/made-from
made_from=$(cat "$here/oracles.sh" "$here/oracles.txt" | sha256sum)

if [[ -f $stamp && $(<"$stamp") == "$made_from" ]]; then
  echo "$venv is ready"
  exit 0
fi
rm -rf "$venv"
"${PYTHON:-python3}" -m venv "$venv"
"$venv/bin/python" -m pip --disable-pip-version-check install --quiet --no-deps \
  -r "$here/oracles.txt"
echo "$made_from" >"$stamp"
echo "$venv is ready"
