#!/usr/bin/env bash
# Serve GLM-4-9B-0414 with SGLang on one GPU (about 18 GB of weights; a 24 GB card or larger).
#
#   deploy/sglang/launch.sh [more SGLang flags, which win over those below]
#
# Variables, with what they are when unset:
#   PYTHON         python                 an interpreter whose environment has SGLang
#   MODEL_PATH     zai-org/GLM-4-9B-0414  a folder, or a repository on the model hub
#   SERVED_NAME    glm-4-9b-0414          what GET /v1/models says
#   HOST           127.0.0.1              open it wider only behind something that checks keys
#   PORT           30000
#   DTYPE          bfloat16               as the weights are stored
#   CONTEXT        32768                  what the model was trained for
#   LOG_LEVEL      1                      0 no sampling parameters, 1 those, 2 and 3 prompts as well
# deploy/sglang/README.md says why each flag is here and what was seen.
set -euo pipefail

# The request log carries this header of ours, so that a log line finds its audit record.
export SGLANG_LOG_REQUEST_HEADERS=${SGLANG_LOG_REQUEST_HEADERS:-evenhand-request-id}

flags=(
  --model-path "${MODEL_PATH:-zai-org/GLM-4-9B-0414}"
  --served-model-name "${SERVED_NAME:-glm-4-9b-0414}"
  --host "${HOST:-127.0.0.1}"
  --port "${PORT:-30000}"
  --dtype "${DTYPE:-bfloat16}"
  --context-length "${CONTEXT:-32768}"

  # A request that leaves a parameter out gets it from the model's generation_config.json. This is
  # SGLang's default too; it stands here because it changes answers.
  --sampling-defaults model

  # Prometheus at /metrics; without the flag that route is a 404.
  --enable-metrics

  # One JSON line for each request, with the sampling parameters that the engine used: the evidence
  # behind a decoding record. At level 1 no prompt and no answer is logged.
  --log-requests
  --log-requests-level "${LOG_LEVEL:-1}"
  --log-requests-format json
)

exec "${PYTHON:-python}" -m sglang.launch_server "${flags[@]}" "$@"
