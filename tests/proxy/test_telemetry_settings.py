"""The standard environment variables switch exports on and off."""

import pytest

from evenhand_proxy.errors import ConfigError
from evenhand_proxy.telemetry.settings import settings_from

ALL = "OTEL_EXPORTER_OTLP_ENDPOINT"
TRACES = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
METRICS = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"
URL = "http://127.0.0.1:4318"


@pytest.mark.parametrize(
    ("environment", "spans", "metrics"),
    [
        ({}, False, False),
        ({ALL: ""}, False, False),
        ({ALL: URL}, True, True),
        ({TRACES: URL}, True, False),
        ({METRICS: URL}, False, True),
        ({ALL: URL, "OTEL_TRACES_EXPORTER": "none"}, False, True),
        ({ALL: URL, "OTEL_METRICS_EXPORTER": "none"}, True, False),
        ({ALL: URL, "OTEL_METRICS_EXPORTER": "prometheus"}, True, False),
        ({ALL: URL, "OTEL_METRICS_EXPORTER": "prometheus, otlp"}, True, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True, False),
        ({ALL: URL, "OTEL_SDK_DISABLED": "true"}, False, False),
        ({ALL: URL, "OTEL_SDK_DISABLED": "TRUE "}, False, False),
        ({ALL: URL, "OTEL_SDK_DISABLED": "1"}, True, True),
        ({ALL: URL, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, True, True),
        ({TRACES: URL, "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "grpc"}, True, False),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, False, False),
    ],
)
def test_what_is_exported(environment: dict[str, str], spans: bool, metrics: bool) -> None:
    """An endpoint or a named exporter switches a signal on; none and disabled switch it off."""
    settings = settings_from(environment)
    assert (settings.spans, settings.otlp_metrics) == (spans, metrics)


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER='zipkin'.*use otlp, or none"),
        ({"OTEL_TRACES_EXPORTER": "prometheus"}, "no exporter prometheus here"),
        ({ALL: URL, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "PROTOCOL='grpc'.*http/protobuf"),
        (
            {TRACES: URL, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json"},
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL='http/json'",
        ),
    ],
)
def test_what_there_is_not_is_refused(environment: dict[str, str], message: str) -> None:
    """An exporter or protocol that is missing here is an error, not silence."""
    with pytest.raises(ConfigError, match=message):
        settings_from(environment)
