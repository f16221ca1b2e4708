"""What a request's facts become as span and metric attributes. Pure functions."""

import json
import math
from collections.abc import Mapping
from typing import Any

from evenhand_proxy.exchange import Opening, Outcome
from evenhand_proxy.telemetry import names

Attribute = str | bool | int | float | list[str]
Attributes = dict[str, Attribute]

_INT64 = range(-(2**63), 2**63)


def operation(opening: Opening) -> str:
    """Give `gen_ai.operation.name`: the convention's word for the route, or the route itself."""
    return names.OPERATIONS.get(opening.route, opening.route)


def span_name(opening: Opening) -> str:
    """Give the span's name as the conventions want it: `{operation} {model sent upstream}`."""
    return f"{operation(opening)} {opening.upstream_model}"


def error_type(outcome: Outcome) -> str | None:
    """Give `error.type`: the status of a refusal, else the kind of failure, None if none."""
    if outcome.kind == "completed":
        return None
    if outcome.kind == "refused" and outcome.status is not None:
        return str(outcome.status)
    return outcome.kind


def metric_attributes(opening: Opening, outcome: Outcome) -> Attributes:
    """Give the attributes that all request metrics carry.

    Only values that the config bounds: a name that an engine makes up, as in
    `gen_ai.response.model`, could make a time series for each request. And few: the SDK spends
    a microsecond on each attribute of each measurement, and the model implies the server.
    """
    attributes: Attributes = {
        names.OPERATION_NAME: operation(opening),
        names.PROVIDER_NAME: opening.engine,
        names.REQUEST_MODEL: opening.upstream_model,
        names.MODEL: opening.model,
    }
    failure = error_type(outcome)
    if failure is not None:
        attributes[names.ERROR_TYPE] = failure
    return attributes


def span_attributes(opening: Opening, outcome: Outcome) -> Attributes:
    """Give every attribute of a request's span; what is absent in the facts is absent here."""
    attributes = metric_attributes(opening, outcome)
    attributes[names.SERVER_ADDRESS] = opening.server_address
    attributes[names.SERVER_PORT] = opening.server_port
    attributes[names.REQUEST_ID] = opening.request_id
    if opening.fingerprint:  # where nothing is decoded there is none
        attributes[names.FINGERPRINT] = opening.fingerprint
        attributes[names.CHANGED_COUNT] = _changed_count(opening.decoding)
    attributes[names.OUTCOME] = outcome.kind
    if opening.profile is not None:
        attributes[names.PROFILE] = opening.profile
    if opening.stream:
        attributes[names.REQUEST_STREAM] = True
    attributes.update(sent_attributes(opening.sent_parameters))
    attributes.update(_outcome_attributes(opening, outcome))
    return attributes


def _outcome_attributes(opening: Opening, outcome: Outcome) -> Attributes:
    usage = outcome.usage
    candidates: dict[str, Attribute | None] = {
        names.HTTP_STATUS: outcome.status,
        names.RESPONSE_ID: _text(outcome.response_id),
        names.RESPONSE_MODEL: _text(outcome.response_model),
        names.RESPONSE_FINISH_REASONS: [str(_text(r)) for r in outcome.finish_reasons] or None,
        names.RESPONSE_TIME_TO_FIRST_CHUNK: outcome.first_byte if opening.stream else None,
        names.USAGE_INPUT_TOKENS: usage.prompt_tokens if usage else None,
        names.USAGE_OUTPUT_TOKENS: usage.completion_tokens if usage else None,
        names.USAGE_SOURCE: usage.source if usage else None,
    }
    return {name: value for name, value in candidates.items() if value is not None}


def sent_attributes(sent: Mapping[str, Any]) -> Attributes:
    """Give the decoding parameters that went on the wire, zeros included.

    A parameter with a name in the conventions gets it if its value has the type they ask for.
    Every other one stands under `evenhand.sent.`, its value as it is where OpenTelemetry has a
    type for it and as JSON where not: null, lists, objects, integers beyond 64 bits. So does
    null under a name of the conventions, which have no way to say it, and `n` where it is 1,
    which they want left out.
    """
    attributes: Attributes = {}
    for parameter, value in sent.items():
        known = names.REQUEST_PARAMETERS.get(parameter)
        typed = _typed(value, known[1]) if known else None
        if known is None or typed is None or (parameter, typed) == ("n", 1):
            attributes[names.SENT + parameter] = _own(value)
        else:
            attributes[known[0]] = typed
    return attributes


def _typed(value: Any, kind: names.Kind) -> Attribute | None:
    if kind == "strings":
        texts = [value] if isinstance(value, str) else value
        if isinstance(texts, (list, tuple)) and all(isinstance(text, str) for text in texts):
            return [str(_text(text)) for text in texts]
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if kind == "float":
        return float(value) if math.isfinite(value) and abs(value) <= 2**53 else None
    return value if isinstance(value, int) and value in _INT64 else None


def _own(value: Any) -> Attribute:
    if isinstance(value, str):
        return str(_text(value))
    if isinstance(value, (bool, float)) or (isinstance(value, int) and value in _INT64):
        return value
    return json.dumps(value)


def _changed_count(decoding: bytes) -> int:
    return len(json.loads(decoding).get("changes", ())) if decoding else 0


def _text(text: str | None) -> str | None:
    """Make text that came from outside fit for protobuf, which takes no lone surrogates."""
    if text is None or text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
