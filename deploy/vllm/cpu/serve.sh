#!/usr/bin/env bash
# Serve the tiny GLM-4 with the real vLLM server on CPU (make the environment with setup.sh).
#
#   PORT=8000 deploy/vllm/cpu/serve.sh [more vLLM flags]
#
# It is ../launch.sh with a small model and the flags that a machine without a GPU needs. Takes its
# variables but PYTHON; the process keeps its id, and its children end with it.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)

export PYTHON=$root/.venv-vllm/bin/python
export MODEL_PATH=${MODEL_PATH:-$root/deploy/tiny-glm4/checkpoint}
export SERVED_NAME=${SERVED_NAME:-tiny-glm4}
export CONTEXT=${CONTEXT:-4096}

export HF_HUB_OFFLINE=1                     # the model is a folder; nothing is looked up
export VLLM_HOST_IP=127.0.0.1               # what its own processes talk over
export VLLM_CPU_KVCACHE_SPACE=1             # GiB for the key-value cache
export VLLM_CPU_OMP_THREADS_BIND=nobind     # take no core from others
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-2}

exec "$here/../launch.sh" \
  --max-num-seqs 8 \
  --enforce-eager \
  --enable-auto-tool-choice \
  --tool-call-parser hermes \
  "$@"
