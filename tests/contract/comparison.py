"""A decoding record held against an engine's account of the same request."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.contract.accounts import CONSTRAINTS, UNSET, Account, single
from tests.contract.random_requests import SCHEMA

SAYS_NO = "answers with an error"
"""What the record's reasons say of a value that the engine refuses."""
NOT_KNOWN = "makes of it is not known"

Parameters = Mapping[str, Mapping[str, Any]]


@dataclass
class Tally:
    """What came of the comparisons so far.

    left_open: for each parameter that the engine reports and the record gives no value for, the
    record's actions.
    """

    requests: int = 0
    values: int = 0
    mismatches: list[str] = field(default_factory=list)
    left_open: dict[str, set[str]] = field(default_factory=dict)

    def add(self, kind: str, parameters: Parameters, account: Account, asked: object) -> None:
        """Compare every value that the account holds."""
        self.requests += 1
        for name, recorded, reported in _pairs(kind, parameters, account):
            if recorded is UNSET and reported is not UNSET:
                said_by = "top_logprobs" if name == "alternatives" else name
                action = parameters.get(said_by, {}).get("action", "no record")
                self.left_open.setdefault(name, set()).add(action)
                continue
            self.values += 1
            if not _same(recorded, reported):
                entry = parameters.get(name)
                self.mismatches.append(
                    f"{name}: recorded {recorded!r}, reported {reported!r}; {entry} for {asked}"
                )


def refusal_of(parameters: Parameters) -> bool | None:
    """Say whether the record expects the engine to refuse; None where it says it does not know."""
    sent = [entry for entry in parameters.values() if entry["action"] != "dropped"]
    reasons = [entry.get("reason", "") for entry in sent]
    if any(SAYS_NO in reason for reason in reasons):
        return True
    return None if any(NOT_KNOWN in reason for reason in reasons) else False


def _pairs(kind: str, parameters: Parameters, account: Account) -> Iterator[tuple[str, Any, Any]]:
    for name, reported in account.items():
        if name == "constraint":
            yield name, _constraint(parameters), _grammar(reported)
        elif name in ("logprobs", "alternatives"):
            switched, count = _logprobs(parameters)
            if name == "logprobs":
                yield name, switched, reported
            elif switched is True or kind == "llamacpp":
                yield name, count, reported
        else:
            alike = _ALIKE.get(name, _as_it_is)
            recorded = alike(_plain(parameters.get(name, {}).get("effective", UNSET)))
            if kind == "llamacpp":
                recorded = _in_single(recorded)
            yield name, recorded, alike(_plain(reported))
    switch = parameters.get("do_sample", {}).get("effective")
    if switch is not None and {"temperature", "top_k"} <= account.keys():
        # mirostat takes the place of top_k
        one = account["top_k"] == 1 and not account.get("mirostat")
        yield "do_sample", switch, account["temperature"] != 0 and not one


def _plain(value: Any) -> Any:
    """Let null, an empty list and an empty object be nothing."""
    return UNSET if value is None or value in ([], {}) else value


def _as_it_is(value: Any) -> Any:
    return value


def _in_single(value: Any) -> Any:
    """Give numbers as llama.cpp keeps them."""
    if isinstance(value, dict):
        return {key: _in_single(each) for key, each in value.items()}
    return single(value) if isinstance(value, float) else value


def _listed(value: Any) -> Any:
    """Make a list of one text, which every engine does."""
    return [value] if isinstance(value, str) else value


def _sorted(value: Any) -> Any:
    return value if value is UNSET else sorted(set(value))


def _biases(value: Any) -> Any:
    """Give offsets by token id; llama.cpp takes pairs too, and false for a ban."""
    if value is UNSET:
        return value
    pairs = value.items() if isinstance(value, dict) else value
    return {int(token): None if bias is False else bias for token, bias in pairs}


_ALIKE = {"stop": _listed, "stop_regex": _listed, "stop_token_ids": _sorted, "logit_bias": _biases}
"""What engines may write in two ways that are one: applied to both sides."""


def _logprobs(parameters: Parameters) -> tuple[Any, Any]:
    """Say whether log probabilities are returned, and how many alternatives beside them."""
    said = _claimed(parameters, "logprobs")
    if said is UNSET:
        return UNSET, UNSET
    if not isinstance(said, bool):
        return said is not None, said or 0
    count = _claimed(parameters, "top_logprobs") if said else 0
    return said, 0 if count is None else count


def _claimed(parameters: Parameters, name: str) -> Any:
    """Give an effective value, None for none, UNSET where the record says that it is not known."""
    entry = parameters.get(name, {})
    unknown = entry.get("evidence") == "unknown" and "effective" not in entry
    return UNSET if unknown else entry.get("effective")


def _constraint(parameters: Parameters) -> Any:
    """Give the one constraint that acts, by kind and value."""
    for name in CONSTRAINTS:
        value = _plain(parameters.get(name, {}).get("effective", UNSET))
        if value in (UNSET, "", {"type": "text"}):
            continue
        if name != "response_format":
            return name, value
        if value["type"] == "json_object":
            return "json_object"
        return "json_schema", value["json_schema"]["schema"]
    return UNSET


def _grammar(reported: Any) -> Any:
    if isinstance(reported, str):
        return _written(reported)
    if reported in (("json_schema", {"type": "object"}), ("json_object", True)):
        return "json_object"
    return reported


def _written(grammar: str) -> Any:
    """Tell what llama.cpp wrote a grammar for: it holds the schema, or rules named after it."""
    schema = grammar.partition("%llguidance {}\nstart: %json ")[2]
    if schema:
        return "json_schema", json.loads(schema)
    if "json-value ::=" in grammar:
        return ("json_schema", SCHEMA) if "a-kv ::=" in grammar else "json_object"
    return "grammar", grammar


def _same(recorded: Any, reported: Any) -> bool:
    if isinstance(recorded, bool) != isinstance(reported, bool):
        return False
    return bool(recorded == reported)
