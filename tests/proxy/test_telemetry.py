"""Telemetry against a real OTLP receiver and a real Prometheus parser."""

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from opentelemetry import metrics, trace
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from evenhand_proxy.audit.journal import Journal
from evenhand_proxy.exchange import Usage
from evenhand_proxy.telemetry.emitter import Telemetry
from evenhand_proxy.telemetry.settings import TelemetrySettings
from tests.proxy.facts import opening, outcome
from tests.proxy.otlp_receiver import Receiver, attributes, receiving


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """Run a receiver that the standard variable points to."""
    with receiving() as running:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", running.url)
        yield running


@asynccontextmanager
async def telemetry(settings: TelemetrySettings) -> AsyncIterator[Telemetry]:
    """Run telemetry for the length of a block; everything is exported at its end."""
    running = Telemetry(settings)
    running.start()
    try:
        yield running
    finally:
        await running.stop()


SPANS = TelemetrySettings(spans=True, shutdown_seconds=30)


def families(running: Telemetry) -> dict[str, Metric]:
    """Give the metrics as a Prometheus server reads them."""
    text = running.prometheus_text().decode()
    return {family.name: family for family in text_string_to_metric_families(text)}


def sample(running: Telemetry, name: str, **labels: str) -> float:
    """Give the one value of that name whose labels include the given ones."""
    values = [
        point.value
        for family in families(running).values()
        for point in family.samples
        if point.name == name and labels.items() <= point.labels.items()
    ]
    assert len(values) == 1, (name, labels, values)
    return float(values[0])


SENT = {
    "temperature": 0,
    "seed": 0,
    "top_p": 0.95,
    "top_k": 20,
    "max_tokens": 512,
    "stop": ["。"],
    "n": 2,
    "frequency_penalty": 0,
    "presence_penalty": 0.5,
    "min_p": 0,
    "do_sample": False,
    "logit_bias": {"7": -100},
}


async def test_a_chat_span_has_every_attribute(receiver: Receiver) -> None:
    """Zeros that were sent are there as zeros, with their types; the times are the facts' own."""
    async with telemetry(SPANS) as running:
        running.record(opening(stream=True, sent_parameters=SENT), outcome())
    [span] = receiver.spans
    assert attributes(span.attributes) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "sglang",
        "gen_ai.request.model": "THUDM/GLM-4-9B-0414",
        "gen_ai.request.stream": True,
        "gen_ai.request.temperature": 0.0,
        "gen_ai.request.seed": 0,
        "gen_ai.request.top_p": 0.95,
        "gen_ai.request.top_k": 20.0,
        "gen_ai.request.max_tokens": 512,
        "gen_ai.request.stop_sequences": ["。"],
        "gen_ai.request.choice.count": 2,
        "gen_ai.request.frequency_penalty": 0.0,
        "gen_ai.request.presence_penalty": 0.5,
        "evenhand.sent.min_p": 0,
        "evenhand.sent.do_sample": False,
        "evenhand.sent.logit_bias": '{"7": -100}',
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.model": "THUDM/GLM-4-9B-0414",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.response.time_to_first_chunk": 0.2,
        "gen_ai.usage.input_tokens": 11,
        "gen_ai.usage.output_tokens": 22,
        "server.address": "127.0.0.1",
        "server.port": 30000,
        "http.response.status_code": 200,
        "evenhand.request.id": "req-1",
        "evenhand.model": "glm-4",
        "evenhand.profile": "greedy",
        "evenhand.decoding.fingerprint": "ab" * 32,
        "evenhand.decoding.changed_count": 1,
        "evenhand.outcome": "completed",
        "evenhand.usage.source": "engine",
    }
    kinds = {pair.key: pair.value.WhichOneof("value") for pair in span.attributes}
    assert kinds["gen_ai.request.temperature"] == "double_value"
    assert kinds["gen_ai.request.seed"] == "int_value"
    assert span.name == "chat THUDM/GLM-4-9B-0414"
    assert span.kind == Span.SPAN_KIND_CLIENT
    assert span.status.code == Status.STATUS_CODE_UNSET
    assert span.parent_span_id == b""
    assert span.start_time_unix_nano == 1_790_000_000_250_000_000
    assert span.end_time_unix_nano - span.start_time_unix_nano == 1_250_000_000


async def test_what_was_absent_is_absent(receiver: Receiver) -> None:
    """No request attribute stands in a span of a request that sent no parameter."""
    async with telemetry(SPANS) as running:
        running.record(opening(sent_parameters={}, profile=None), outcome(usage=None))
    [span] = receiver.spans
    names = set(attributes(span.attributes))
    assert {name for name in names if name.startswith("gen_ai.request.")} == {
        "gen_ai.request.model"
    }
    assert not {name for name in names if "usage" in name or "profile" in name}
    assert "gen_ai.response.time_to_first_chunk" not in names


async def test_a_failure_marks_the_span(receiver: Receiver) -> None:
    """The status is an error with its type, and no engine's error text leaves the process."""
    failed = outcome(kind="upstream_broken", status=200, error="prompt was: secret")
    async with telemetry(SPANS) as running:
        running.record(opening(), failed)
    [span] = receiver.spans
    assert span.status.code == Status.STATUS_CODE_ERROR
    assert attributes(span.attributes)["error.type"] == "upstream_broken"
    assert b"secret" not in span.SerializeToString()


async def test_contents_never_leave_by_telemetry(receiver: Receiver) -> None:
    """What the journal may store by configuration is in no span and no metric."""
    async with telemetry(SPANS) as running:
        running.record(opening(content=b"hush-prompt"), outcome(content=b"hush-answer"))
        assert b"hush" not in running.prometheus_text()
    assert not any(b"hush" in spans.SerializeToString() for spans in receiver.resource_spans)


async def test_the_callers_trace_goes_on(receiver: Receiver) -> None:
    """A valid traceparent is the span's parent; a broken one starts a trace of its own."""
    trace_id, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    async with telemetry(SPANS) as running:
        running.record(opening(traceparent=f"00-{trace_id}-{parent}-01"), outcome())
        running.record(opening(traceparent="nonsense"), outcome())
    followed, own = receiver.spans
    assert (followed.trace_id.hex(), followed.parent_span_id.hex()) == (trace_id, parent)
    assert own.trace_id.hex() != trace_id
    assert own.parent_span_id == b""


async def test_the_resource_says_who_speaks(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service is evenhand unless the standard variables name it."""
    async with telemetry(SPANS) as running:
        running.record(opening(), outcome())
    monkeypatch.setenv("OTEL_SERVICE_NAME", "gateway-7")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "team=eval,service.version=mine")
    async with telemetry(SPANS) as running:
        running.record(opening(), outcome())
    ours, theirs = (attributes(spans.resource.attributes) for spans in receiver.resource_spans)
    assert ours["service.name"] == "evenhand"
    assert (theirs["service.name"], theirs["service.version"]) == ("gateway-7", "mine")
    assert theirs["team"] == "eval"
    schema = {s.schema_url for spans in receiver.resource_spans for s in spans.scope_spans}
    assert schema == {"https://opentelemetry.io/schemas/1.41.1"}


async def test_a_sampler_is_honoured(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the standard sampler variable turns off makes no span, and is no loss."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    async with telemetry(SPANS) as running:
        running.record(opening(), outcome())
        assert sample(running, "evenhand_requests_total") == 1
    assert receiver.spans == []


async def test_without_export_no_span_is_made(receiver: Receiver) -> None:
    """Settings without spans send nothing anywhere; metrics are there all the same."""
    async with telemetry(TelemetrySettings()) as running:
        running.record(opening(), outcome())
        assert sample(running, "evenhand_requests_total", evenhand_outcome="completed") == 1
    assert not receiver.asked.is_set()


async def test_prometheus_reads_every_metric() -> None:
    """Names, labels, sums and buckets are what a Prometheus server will see."""
    async with telemetry(TelemetrySettings()) as running:
        running.record(opening(stream=True), outcome())
        running.record(opening(), outcome(usage=Usage(5, None, "estimate", "evenhand")))
        running.record(opening(), outcome(kind="refused", status=429, usage=None, duration=100.0))
        found = families(running)
        assert set(found) == {
            "target_info",
            "gen_ai_client_token_usage",
            "gen_ai_client_operation_duration_seconds",
            "gen_ai_client_operation_time_to_first_chunk_seconds",
            "gen_ai_server_request_duration_seconds",
            "gen_ai_server_time_to_first_token_seconds",
            "evenhand_requests",
            "evenhand_telemetry_dropped",
        }
        tokens = "gen_ai_client_token_usage_sum"
        engine, guess = {"evenhand_usage_source": "engine"}, {"evenhand_usage_source": "estimate"}
        assert sample(running, tokens, gen_ai_token_type="input", **engine) == 11
        assert sample(running, tokens, gen_ai_token_type="output", **engine) == 22
        assert sample(running, tokens, gen_ai_token_type="input", **guess) == 5
        count = "gen_ai_client_operation_duration_seconds_count"
        assert sample(running, count, error_type="429") == 1
        assert sample(running, count, error_type="") == 2
        bucket = "gen_ai_server_request_duration_seconds_bucket"
        assert sample(running, bucket, error_type="429", le="81.92") == 0
        assert sample(running, bucket, error_type="429", le="163.84") == 1
        first = "gen_ai_server_time_to_first_token_seconds"
        assert sample(running, f"{first}_count") == 1
        assert sample(running, f"{first}_bucket", le="0.1") == 0
        assert sample(running, f"{first}_bucket", le="0.25") == 1
        assert sample(running, "evenhand_requests_total", evenhand_outcome="refused") == 1


async def test_metrics_go_out_by_otlp_too(receiver: Receiver) -> None:
    """With metric export on, the last values reach the collector before the end."""
    settings = TelemetrySettings(otlp_metrics=True, shutdown_seconds=30)
    async with telemetry(settings) as running:
        running.record(opening(), outcome())
    [point] = receiver.metrics["gen_ai.client.operation.duration"].histogram.data_points
    assert (point.count, point.sum) == (1, 1.25)
    assert attributes(point.attributes)["evenhand.model"] == "glm-4"
    assert receiver.metrics["gen_ai.client.token.usage"].unit == "{token}"


async def test_the_journals_counts_are_published(tmp_path: Path) -> None:
    """Rows written, failed and waiting are read when the metrics are."""
    journal = Journal(tmp_path / "journal.db")
    await journal.start()
    async with telemetry(TelemetrySettings()) as running:
        running.watch_journal(journal)
        await journal.open(opening())
        rows = "evenhand_audit_rows_total"
        assert sample(running, rows, evenhand_audit_state="written") == 1
        assert sample(running, rows, evenhand_audit_state="failed") == 0
        assert sample(running, "evenhand_audit_queued") == 0
        await journal.stop()


async def test_a_full_queue_drops_and_counts() -> None:
    """What comes to a full queue is counted as dropped; what was in it is recorded."""
    running = Telemetry(TelemetrySettings(queue=3))
    for _ in range(5):
        running.record(opening(), outcome())
    dropped = "evenhand_telemetry_dropped_total"
    assert sample(running, dropped, evenhand_drop_reason="queue_full") == 2
    assert sample(running, "evenhand_requests_total") == 3
    running.start()
    await running.stop()


async def test_a_collector_that_refuses_is_counted(receiver: Receiver) -> None:
    """Spans that the collector does not take are counted as failed exports."""
    receiver.status = 400
    running = Telemetry(TelemetrySettings(spans=True, queue=4, shutdown_seconds=30))
    running.start()
    for _ in range(4):
        running.record(opening(), outcome())
    running.prometheus_text()
    await running.stop()
    assert running.dropped["export_failed"] == 4
    assert receiver.spans == []


async def test_a_collector_that_hangs_costs_spans_not_requests(receiver: Receiver) -> None:
    """While it gives no answer, spans above the limit are counted as dropped, metrics go on."""
    receiver.gate.clear()
    running = Telemetry(TelemetrySettings(spans=True, queue=4, shutdown_seconds=0.2))
    running.start()
    for _ in range(3):
        for _ in range(4):
            running.record(opening(), outcome())
        running.prometheus_text()
    assert sample(running, "evenhand_requests_total") == 12
    assert running.dropped == {
        "queue_full": 0,
        "export_queue_full": 8,
        "export_failed": 0,
        "fault": 0,
    }
    await running.stop()
    receiver.gate.set()


async def test_one_broken_fact_does_not_end_telemetry(receiver: Receiver) -> None:
    """A request that cannot be projected is counted; the next ones are recorded."""
    async with telemetry(SPANS) as running:
        running.record(opening("bad", decoding=b"{not json"), outcome())
        running.record(opening("good"), outcome())
        running.prometheus_text()
        assert running.dropped["fault"] == 1
    assert [attributes(s.attributes)["evenhand.request.id"] for s in receiver.spans] == ["good"]


async def test_nothing_is_global() -> None:
    """Two apps in one process count apart, and OpenTelemetry's own globals stay unset."""
    async with telemetry(TelemetrySettings()) as one, telemetry(TelemetrySettings()) as two:
        one.record(opening(), outcome())
        assert sample(one, "evenhand_requests_total") == 1
        assert "evenhand_requests" not in families(two)
        assert type(trace.get_tracer_provider()).__module__ == "opentelemetry.trace"
        assert type(metrics.get_meter_provider()).__module__.startswith("opentelemetry.metrics")


def test_the_command_line_does_not_load_opentelemetry() -> None:
    """Listing the audit or asking for help costs no import of the SDK."""
    script = (
        "import sys, evenhand_proxy.cli.root, evenhand_proxy.cli.audit;"
        "print(sorted({m.split('.')[0] for m in sys.modules}"
        " & {'opentelemetry', 'prometheus_client', 'tiktoken', 'requests'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
