"""Every OpenTelemetry name that Evenhand emits, in one place.

The `gen_ai.*` names are those of the OpenTelemetry semantic conventions v1.41.1, the last release
that carries the GenAI conventions (docs/gen-ai/gen-ai-spans.md and gen-ai-metrics.md there; they
have a repository of their own since and are changing in it). `gen_ai.request.*` carries what was
SENT to the engine, zeros included, and nothing for what was not sent. The names under `evenhand.`
are ours.
"""

from typing import Literal

SCHEMA_URL = "https://opentelemetry.io/schemas/1.41.1"
SCOPE = "evenhand"

# Span and metric attributes of the conventions.
OPERATION_NAME = "gen_ai.operation.name"
PROVIDER_NAME = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
REQUEST_STREAM = "gen_ai.request.stream"
RESPONSE_ID = "gen_ai.response.id"
RESPONSE_MODEL = "gen_ai.response.model"
RESPONSE_FINISH_REASONS = "gen_ai.response.finish_reasons"
RESPONSE_TIME_TO_FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
USAGE_INPUT_TOKENS = "gen_ai.usage.input_tokens"
USAGE_OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
TOKEN_TYPE = "gen_ai.token.type"  # noqa: S105
SERVER_ADDRESS = "server.address"
SERVER_PORT = "server.port"
ERROR_TYPE = "error.type"
HTTP_STATUS = "http.response.status_code"

# Attributes of ours.
REQUEST_ID = "evenhand.request.id"
MODEL = "evenhand.model"
PROFILE = "evenhand.profile"
FINGERPRINT = "evenhand.decoding.fingerprint"
CHANGED_COUNT = "evenhand.decoding.changed_count"
OUTCOME = "evenhand.outcome"
USAGE_SOURCE = "evenhand.usage.source"
DROP_REASON = "evenhand.drop.reason"
AUDIT_STATE = "evenhand.audit.state"
SENT = "evenhand.sent."
"""Prefix of sent decoding parameters for which the conventions have no name or no room."""

Kind = Literal["float", "int", "strings"]

REQUEST_PARAMETERS: dict[str, tuple[str, Kind]] = {
    "temperature": ("gen_ai.request.temperature", "float"),
    "top_p": ("gen_ai.request.top_p", "float"),
    "top_k": ("gen_ai.request.top_k", "float"),
    "frequency_penalty": ("gen_ai.request.frequency_penalty", "float"),
    "presence_penalty": ("gen_ai.request.presence_penalty", "float"),
    "max_tokens": ("gen_ai.request.max_tokens", "int"),
    "seed": ("gen_ai.request.seed", "int"),
    "n": ("gen_ai.request.choice.count", "int"),
    "stop": ("gen_ai.request.stop_sequences", "strings"),
}
"""Canonical decoding parameter -> attribute and its type in v1.41.1 (top_k is a double there)."""

OPERATIONS = {
    "/v1/chat/completions": "chat",
    "/v1/completions": "text_completion",
    "/v1/embeddings": "embeddings",
}
"""Route -> `gen_ai.operation.name`."""

# Metrics of the conventions.
CLIENT_TOKEN_USAGE = "gen_ai.client.token.usage"  # noqa: S105
CLIENT_OPERATION_DURATION = "gen_ai.client.operation.duration"
CLIENT_TIME_TO_FIRST_CHUNK = "gen_ai.client.operation.time_to_first_chunk"
SERVER_REQUEST_DURATION = "gen_ai.server.request.duration"
SERVER_TIME_TO_FIRST_TOKEN = "gen_ai.server.time_to_first_token"  # noqa: S105

# Metrics of ours.
REQUESTS = "evenhand.requests"
TELEMETRY_DROPPED = "evenhand.telemetry.dropped"
AUDIT_ROWS = "evenhand.audit.rows"
AUDIT_QUEUED = "evenhand.audit.queued"

DURATION_BUCKETS = tuple(0.01 * 2**power for power in range(17))
"""Seconds. The conventions' fourteen, 0.01 to 81.92, and three more: reasoning takes longer."""

FIRST_TOKEN_BUCKETS = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0),
    *(20.0, 40.0, 80.0, 160.0, 320.0),
)
"""Seconds. The conventions' sixteen, 0.001 to 10, and five more: a full engine queues longer."""

TOKEN_BUCKETS = tuple(float(4**power) for power in range(14))
"""Tokens: 1, 4, 16, ... 67108864, as in the conventions."""
