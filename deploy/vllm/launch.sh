#!/usr/bin/env bash
# Serve GLM-4-9B-0414 with vLLM on one GPU (about 18 GB of weights; a 24 GB card or larger).
#
#   deploy/vllm/launch.sh [more vLLM flags, which win over those below]
#
# Variables, with what they are when unset:
#   PYTHON         python                 an interpreter whose environment has vLLM
#   MODEL_PATH     zai-org/GLM-4-9B-0414  a folder, or a repository on the model hub
#   SERVED_NAME    glm-4-9b-0414          what GET /v1/models says; any other name is a 404
#   HOST           127.0.0.1              open it wider only behind something that checks keys
#   PORT           8000
#   DTYPE          bfloat16               as the weights are stored
#   CONTEXT        32768                  what the model was trained for
# deploy/vllm/README.md says why each flag is here and what was seen.
set -euo pipefail

export VLLM_NO_USAGE_STATS=${VLLM_NO_USAGE_STATS:-1} DO_NOT_TRACK=${DO_NOT_TRACK:-1}

flags=(
  --model "${MODEL_PATH:-zai-org/GLM-4-9B-0414}"
  --served-model-name "${SERVED_NAME:-glm-4-9b-0414}"
  --host "${HOST:-127.0.0.1}"
  --port "${PORT:-8000}"
  --dtype "${DTYPE:-bfloat16}"
  --max-model-len "${CONTEXT:-32768}"

  # A request that leaves a parameter out gets it from the model's generation_config.json. This is
  # vLLM's default too; it stands here because it changes answers.
  --generation-config auto

  # One line for each request with the sampling parameters that the engine used: the evidence behind
  # a decoding record. Prompts are logged only at VLLM_LOGGING_LEVEL=DEBUG.
  --enable-log-requests

  # Answers carry the X-Request-Id that came in, which is also in the log line.
  --enable-request-id-headers
)

exec "${PYTHON:-python}" -m vllm.entrypoints.openai.api_server "${flags[@]}" "$@"
