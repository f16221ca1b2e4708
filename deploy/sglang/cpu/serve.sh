#!/usr/bin/env bash
# Serve the tiny GLM-4 with the real SGLang server on CPU (make the environment with setup.sh).
#
#   PORT=30000 deploy/sglang/cpu/serve.sh [more SGLang flags]
#
# It is ../launch.sh with a small model and the flags that a machine without a GPU needs. Takes its
# variables but PYTHON; the process keeps its id, and its children end with it.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)

export PYTHON=$root/.venv-sglang/bin/python
export MODEL_PATH=${MODEL_PATH:-$root/deploy/tiny-glm4/checkpoint}
export SERVED_NAME=${SERVED_NAME:-tiny-glm4}
export CONTEXT=${CONTEXT:-4096}

export PYTHONPATH=$here${PYTHONPATH:+:$PYTHONPATH} # sgl_kernel.py, in place of the CUDA kernels
export SGLANG_USE_CPU_ENGINE=1
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-2}
export HF_HUB_OFFLINE=1 # the model is a folder; nothing is looked up

exec "$here/../launch.sh" \
  --device cpu \
  --attention-backend torch_native \
  --sampling-backend pytorch \
  --disable-cuda-graph \
  --skip-server-warmup \
  --mem-fraction-static 0.3 \
  --max-total-tokens 16384 \
  --tool-call-parser hermes \
  "$@"
