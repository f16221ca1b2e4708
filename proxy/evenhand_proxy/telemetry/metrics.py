"""The metrics of the conventions and our own, and how one request is recorded in them."""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from opentelemetry.metrics import CallbackOptions, Histogram, Meter, Observation

from evenhand_proxy.exchange import Opening, Outcome
from evenhand_proxy.telemetry import names
from evenhand_proxy.telemetry.attributes import Attributes, metric_attributes

_Observer = Callable[[CallbackOptions], Iterable[Observation]]


class JournalCounts(Protocol):
    """What the audit journal tells about itself."""

    @property
    def written(self) -> int:
        """Rows that were committed."""

    @property
    def failed(self) -> int:
        """Rows that were not written and never will be."""

    @property
    def queued(self) -> int:
        """Rows that wait to be written."""


class Instruments:
    """The instruments of one meter.

    A gateway plays both roles of the conventions: to the engine it is the client, to whoever
    calls it the server, and both see the same times.
    """

    def __init__(self, meter: Meter) -> None:
        self._tokens = meter.create_histogram(
            names.CLIENT_TOKEN_USAGE,
            "{token}",
            "Tokens of a request, input and output apart.",
            explicit_bucket_boundaries_advisory=names.TOKEN_BUCKETS,
        )
        self._durations = [
            _seconds(meter, names.CLIENT_OPERATION_DURATION, "Time of the engine's whole answer."),
            _seconds(meter, names.SERVER_REQUEST_DURATION, "Time of our whole answer."),
        ]
        self._first_chunk = _seconds(
            meter, names.CLIENT_TIME_TO_FIRST_CHUNK, "Time to a stream's first bytes."
        )
        self._first_token = meter.create_histogram(
            names.SERVER_TIME_TO_FIRST_TOKEN,
            "s",
            "Time to the first bytes that a streaming client gets.",
            explicit_bucket_boundaries_advisory=names.FIRST_TOKEN_BUCKETS,
        )
        self._requests = meter.create_counter(
            names.REQUESTS, "{request}", "Requests that ended, by how they ended."
        )

    def record(self, opening: Opening, outcome: Outcome) -> None:
        """Record one request that ended."""
        attributes = metric_attributes(opening, outcome)
        self._requests.add(1, {**attributes, names.OUTCOME: outcome.kind})
        for histogram in self._durations:
            histogram.record(outcome.duration, attributes)
        if opening.stream and outcome.first_byte is not None:
            self._first_chunk.record(outcome.first_byte, attributes)
            self._first_token.record(outcome.first_byte, attributes)
        self._record_tokens(outcome, attributes)

    def _record_tokens(self, outcome: Outcome, attributes: Attributes) -> None:
        usage = outcome.usage
        if usage is None:
            return
        counts = {"input": usage.prompt_tokens, "output": usage.completion_tokens}
        for token_type, count in counts.items():
            if count is not None:
                # The source is a label: a histogram that mixes counts and guesses is neither.
                labels = {names.TOKEN_TYPE: token_type, names.USAGE_SOURCE: usage.source}
                self._tokens.record(count, {**attributes, **labels})


def observe_dropped(meter: Meter, dropped: Mapping[str, int]) -> None:
    """Publish how much telemetry was lost, by reason; `dropped` is read at each collection."""
    meter.create_observable_counter(
        names.TELEMETRY_DROPPED,
        [_by_label(names.DROP_REASON, lambda: dropped)],
        "{item}",
        "Requests or spans that never became telemetry.",
    )


def observe_journal(meter: Meter, journal: JournalCounts) -> None:
    """Publish the journal's counts, read at each collection."""
    meter.create_observable_counter(
        names.AUDIT_ROWS,
        [
            _by_label(
                names.AUDIT_STATE, lambda: {"written": journal.written, "failed": journal.failed}
            )
        ],
        "{row}",
        "Audit rows that were written, and that failed to be.",
    )
    meter.create_observable_gauge(
        names.AUDIT_QUEUED,
        [lambda _: [Observation(journal.queued)]],
        "{row}",
        "Audit rows that wait to be written.",
    )


def _by_label(label: str, counts: Callable[[], Mapping[str, int]]) -> _Observer:
    def observe(_: CallbackOptions) -> list[Observation]:
        return [Observation(count, {label: value}) for value, count in counts().items()]

    return observe


def _seconds(meter: Meter, name: str, description: str) -> Histogram:
    return meter.create_histogram(
        name, "s", description, explicit_bucket_boundaries_advisory=names.DURATION_BUCKETS
    )
