"""The names are a contract with dashboards: a change must be seen to be made."""

from evenhand_proxy.telemetry import names


def test_attribute_names_are_those_of_the_conventions() -> None:
    """Written by hand from the GenAI conventions v1.41.1 and our own list."""
    assert names.SCHEMA_URL == "https://opentelemetry.io/schemas/1.41.1"
    values = {name: getattr(names, name) for name in vars(names) if name.isupper()}
    texts = {name: value for name, value in values.items() if isinstance(value, str)}
    assert texts == {
        "SCHEMA_URL": "https://opentelemetry.io/schemas/1.41.1",
        "SCOPE": "evenhand",
        "OPERATION_NAME": "gen_ai.operation.name",
        "PROVIDER_NAME": "gen_ai.provider.name",
        "REQUEST_MODEL": "gen_ai.request.model",
        "REQUEST_STREAM": "gen_ai.request.stream",
        "RESPONSE_ID": "gen_ai.response.id",
        "RESPONSE_MODEL": "gen_ai.response.model",
        "RESPONSE_FINISH_REASONS": "gen_ai.response.finish_reasons",
        "RESPONSE_TIME_TO_FIRST_CHUNK": "gen_ai.response.time_to_first_chunk",
        "USAGE_INPUT_TOKENS": "gen_ai.usage.input_tokens",
        "USAGE_OUTPUT_TOKENS": "gen_ai.usage.output_tokens",
        "TOKEN_TYPE": "gen_ai.token.type",
        "SERVER_ADDRESS": "server.address",
        "SERVER_PORT": "server.port",
        "ERROR_TYPE": "error.type",
        "HTTP_STATUS": "http.response.status_code",
        "REQUEST_ID": "evenhand.request.id",
        "MODEL": "evenhand.model",
        "PROFILE": "evenhand.profile",
        "FINGERPRINT": "evenhand.decoding.fingerprint",
        "CHANGED_COUNT": "evenhand.decoding.changed_count",
        "OUTCOME": "evenhand.outcome",
        "USAGE_SOURCE": "evenhand.usage.source",
        "DROP_REASON": "evenhand.drop.reason",
        "AUDIT_STATE": "evenhand.audit.state",
        "SENT": "evenhand.sent.",
        "CLIENT_TOKEN_USAGE": "gen_ai.client.token.usage",
        "CLIENT_OPERATION_DURATION": "gen_ai.client.operation.duration",
        "CLIENT_TIME_TO_FIRST_CHUNK": "gen_ai.client.operation.time_to_first_chunk",
        "SERVER_REQUEST_DURATION": "gen_ai.server.request.duration",
        "SERVER_TIME_TO_FIRST_TOKEN": "gen_ai.server.time_to_first_token",
        "REQUESTS": "evenhand.requests",
        "TELEMETRY_DROPPED": "evenhand.telemetry.dropped",
        "AUDIT_ROWS": "evenhand.audit.rows",
        "AUDIT_QUEUED": "evenhand.audit.queued",
    }


def test_parameters_have_the_types_of_the_conventions() -> None:
    """Doubles, integers and string lists as the attribute registry has them; top_k is a double."""
    assert names.REQUEST_PARAMETERS == {
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
    assert names.OPERATIONS == {
        "/v1/chat/completions": "chat",
        "/v1/completions": "text_completion",
        "/v1/embeddings": "embeddings",
    }


def test_buckets_begin_as_the_conventions_say_and_go_further() -> None:
    """The conventions' bounds, then ours for answers that take minutes."""
    assert names.DURATION_BUCKETS[:14] == (
        *(0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92),
    )
    assert names.DURATION_BUCKETS[14:] == (163.84, 327.68, 655.36)
    assert (
        *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10),
        *(20, 40, 80, 160, 320),
    ) == names.FIRST_TOKEN_BUCKETS
    assert (
        *(1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216),
        67108864,
    ) == names.TOKEN_BUCKETS
