"""Turn the facts of ended requests into metrics and spans, off the hot path.

The hot path appends to a queue and goes on. A thread of ours builds attributes, spans and metrics
from it; what finds the queue full is dropped and counted, because telemetry may be lost and audit
may not. Nothing here is global: each `Telemetry` has providers of its own, and OpenTelemetry's
global ones are left as they are.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from importlib.metadata import version

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import (
    SERVICE_NAME,
    SERVICE_VERSION,
    OTELResourceDetector,
    Resource,
)
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from evenhand_proxy.exchange import Opening, Outcome
from evenhand_proxy.telemetry import names
from evenhand_proxy.telemetry.attributes import error_type, span_attributes, span_name
from evenhand_proxy.telemetry.metrics import (
    Instruments,
    JournalCounts,
    observe_dropped,
    observe_journal,
)
from evenhand_proxy.telemetry.settings import TelemetrySettings

PROMETHEUS_CONTENT_TYPE = CONTENT_TYPE_LATEST
TICK_SECONDS = 0.25
"""How often the queue is emptied. A thread woken for each request would cost a switch for each."""

_BATCH = 128  # spans; a larger batch keeps the interpreter longer while it is encoded

logger = logging.getLogger(__name__)


class Telemetry:
    """The metrics of one app, and its spans where the settings export them."""

    def __init__(self, settings: TelemetrySettings) -> None:
        self._settings = settings
        self._queue: deque[tuple[Opening, Outcome]] = deque()
        self.dropped = {"queue_full": 0, "export_queue_full": 0, "export_failed": 0, "fault": 0}
        """Requests and spans that were lost, by reason."""
        self._emptying = threading.Lock()
        self._stopping = threading.Event()
        self._flushed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="evenhand-telemetry", daemon=True)
        resource = _resource()
        self._registry = CollectorRegistry()
        readers: list[MetricReader] = [
            PrometheusMetricReader(registry=self._registry, scope_info_enabled=False)
        ]
        if settings.otlp_metrics:
            readers.append(PeriodicExportingMetricReader(OTLPMetricExporter()))
        # Spans are made after the fact, so no measurement has one around it to be an exemplar of.
        exemplars = AlwaysOffExemplarFilter()
        self._meters = MeterProvider(readers, resource, exemplars, shutdown_on_exit=False)
        self._meter = self._meters.get_meter(names.SCOPE, schema_url=names.SCHEMA_URL)
        self._instruments = Instruments(self._meter)
        observe_dropped(self._meter, self.dropped)
        self._spans = _Spans(settings, resource, self.dropped) if settings.spans else None

    def start(self) -> None:
        """Start the thread that empties the queue."""
        self._thread.start()

    def watch_journal(self, journal: JournalCounts) -> None:
        """Publish the journal's counts among the metrics."""
        observe_journal(self._meter, journal)

    def record(self, opening: Opening, outcome: Outcome) -> None:
        """Take the facts of a request that ended. Never blocks, never raises."""
        if len(self._queue) >= self._settings.queue:
            self.dropped["queue_full"] += 1
        else:
            self._queue.append((opening, outcome))

    def prometheus_text(self) -> bytes:
        """Give all metrics in Prometheus' text format, with every request recorded so far.

        Takes milliseconds, more after a burst: call it in a thread.
        """
        self._empty()
        return generate_latest(self._registry)

    async def stop(self) -> None:
        """Record and export what is queued, in at most `shutdown_seconds`."""
        self._stopping.set()
        flushed = await asyncio.to_thread(self._flushed.wait, self._settings.shutdown_seconds)
        if not flushed:
            logger.warning(
                "telemetry was not flushed within %g s; what is left is lost",
                self._settings.shutdown_seconds,
            )

    def _run(self) -> None:
        while not self._stopping.wait(TICK_SECONDS):
            self._empty()
        self._empty()
        try:
            self._meters.shutdown(timeout_millis=self._settings.shutdown_seconds * 500)
        except Exception:  # the SDK raises the bare class here
            logger.exception("metrics were not flushed")
        if self._spans is not None:
            self._spans.shutdown()
        self._flushed.set()

    def _empty(self) -> None:
        with self._emptying:
            while self._queue:
                opening, outcome = self._queue.popleft()
                try:
                    self._instruments.record(opening, outcome)
                    if self._spans is not None:
                        self._spans.emit(opening, outcome)
                except Exception:
                    # The rim: one request that cannot be projected must not end the thread.
                    self.dropped["fault"] += 1
                    logger.exception("no telemetry for request %s", opening.request_id)
                time.sleep(0)  # let go of the interpreter: the event loop may be waiting for it


class _Spans:
    """Builds one finished span for each request and hands it to the OTLP exporter's thread."""

    def __init__(
        self, settings: TelemetrySettings, resource: Resource, dropped: dict[str, int]
    ) -> None:
        self._limit = settings.queue
        self._dropped = dropped
        self._emitted = 0
        self._exporter = _CountingExporter(OTLPSpanExporter(), dropped)
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(
            BatchSpanProcessor(
                self._exporter,
                max_queue_size=settings.queue,
                max_export_batch_size=min(_BATCH, settings.queue),
            )
        )
        self._tracer = self._provider.get_tracer(names.SCOPE, schema_url=names.SCHEMA_URL)
        self._propagator = TraceContextTextMapPropagator()

    def emit(self, opening: Opening, outcome: Outcome) -> None:
        # The batch processor drops the oldest span without a word when it is full.
        if self._emitted - self._exporter.settled >= self._limit:
            self._dropped["export_queue_full"] += 1
            return
        parent = Context()
        if opening.traceparent is not None:
            parent = self._propagator.extract({"traceparent": opening.traceparent}, parent)
        start = _nanoseconds(opening.opened_at)
        span = self._tracer.start_span(
            span_name(opening),
            parent,
            SpanKind.CLIENT,
            span_attributes(opening, outcome),
            start_time=start,
        )
        if error_type(outcome) is not None:
            # No description: an engine's error text may quote the prompt, and spans leave here.
            span.set_status(Status(StatusCode.ERROR))
        self._emitted += span.is_recording()
        span.end(start + _nanoseconds(outcome.duration))

    def shutdown(self) -> None:
        self._provider.shutdown()


class _CountingExporter(SpanExporter):
    """Hands spans on and counts what became of them."""

    def __init__(self, inner: SpanExporter, dropped: dict[str, int]) -> None:
        self.settled = 0
        self._inner = inner
        self._dropped = dropped

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = SpanExportResult.FAILURE
        try:
            result = self._inner.export(spans)
        finally:
            self.settled += len(spans)
            if result is not SpanExportResult.SUCCESS:
                self._dropped["export_failed"] += len(spans)
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._inner.force_flush(timeout_millis)


def _nanoseconds(seconds: float) -> int:
    """Convert by way of microseconds: a double of today's epoch holds no finer time."""
    return round(seconds * 1_000_000) * 1_000


def _resource() -> Resource:
    """Say who is speaking; `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` win."""
    ours = {SERVICE_NAME: "evenhand", SERVICE_VERSION: version("evenhand")}
    theirs = OTELResourceDetector().detect().attributes
    return Resource.create({name: value for name, value in ours.items() if name not in theirs})
