#!/usr/bin/env bash
# Make .venv-harnesses in the repository root: the eval clients that ours is measured against.
#
#   PYTHON=python3.11 tests/bench/harnesses.sh
#
# Does nothing when the environment was already made from this same list. About 1 GB.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
venv=$root/.venv-harnesses
stamp=$venv/made-from
made_from=$(sha256sum <"$here/harnesses.sh")

if [[ -f $stamp && $(<"$stamp") == "$made_from" ]]; then
  echo "$venv is ready"
  exit 0
fi
rm -rf "$venv"
"${PYTHON:-python3}" -m venv "$venv"
"$venv/bin/python" -m pip --disable-pip-version-check install --quiet \
  "lm-eval[api]==0.4.13" "inspect_ai==0.3.285" "openai==3.54.0"
echo "$made_from" >"$stamp"
echo "$venv is ready"
