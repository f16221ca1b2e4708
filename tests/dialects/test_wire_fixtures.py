"""What goes on the wire and what becomes of it, case by case, written by hand from documents."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from evenhand_proxy.decoding import ABSENT, DIALECTS, PARAMETERS, EngineFacts, Resolution, resolve
from evenhand_proxy.decoding.dialect import ANY, Rule

FOLDER = Path(__file__).parent
FILES = sorted(FOLDER.glob("*.yaml"))
NO_VALUE = "<absent>"

GENERIC = frozenset(name for name in DIALECTS if name.startswith("generic_"))
"""Nothing is known of their engine, so that no row has a behaviour to try."""


@cache
def _documents() -> Mapping[str, Any]:
    return {file.stem: yaml.safe_load(file.read_text("utf-8")) for file in FILES}


def _cases() -> list[Any]:
    return [
        pytest.param(
            case.get("dialect", document["dialect"]),
            case,
            id=f"{stem}-{number}-{'+'.join(_rows(case))}",
        )
        for stem, document in _documents().items()
        for number, case in enumerate(document["cases"])
    ]


def _rows(case: Mapping[str, Any]) -> list[str]:
    row = case["row"]
    return row if isinstance(row, list) else [row]


def _route(dialect: str) -> str:
    return next((each for each in ("completions", "responses") if dialect.endswith(each)), "chat")


def _resolved(dialect: str, case: Mapping[str, Any]) -> Resolution:
    given = dict(case.get("facts", {}))
    uncertain = frozenset(given.pop("uncertain_defaults", ()))
    facts = EngineFacts(DIALECTS[dialect].engine, uncertain_defaults=uncertain, **given)
    return resolve(
        case["body"],
        DIALECTS[dialect],
        model=case.get("model", "glm-4"),
        facts=facts,
        route=case.get("route", _route(dialect)),
        mode=case.get("mode", "report"),
    )


@pytest.mark.parametrize(("dialect", "case"), _cases())
def test_a_case(dialect: str, case: Mapping[str, Any]) -> None:
    """The body that is sent and the record are what the case says."""
    found, why = _resolved(dialect, case), case["why"]
    if "sent" in case:
        assert found.apply(case["body"]) == case["sent"], why
    if "violations" in case:
        assert {each.parameter for each in found.violations} == set(case["violations"]), why
    document = found.record.document()["parameters"]
    for name, wanted in case.get("effective", {}).items():
        assert document.get(name, {}).get("effective", NO_VALUE) == wanted, (name, why)
    for name, wanted in case.get("actions", {}).items():
        assert document[name]["action"] == wanted, (name, why, document[name])
    for name, wanted in case.get("evidence", {}).items():
        assert document[name]["evidence"] == wanted, (name, why)


@pytest.mark.parametrize("stem", sorted(_documents()))
def test_a_case_says_where_it_was_read(stem: str) -> None:
    """Each case names its source and expects something; no key of it is a typing error."""
    known = {"row", "why", "source", "dialect", "route", "model", "facts", "mode", "body"}
    expected = {"sent", "effective", "actions", "evidence", "violations"}
    for case in _documents()[stem]["cases"]:
        assert len(case["source"]) > 5, case["why"]
        assert set(case) <= known | expected, case["why"]
        assert set(case) & expected, case["why"]
        assert set(_rows(case)) <= set(PARAMETERS), case["why"]


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_every_rule_has_its_source(dialect: str) -> None:
    """Nothing stands in a table without the place where it was read."""
    for name, rule in DIALECTS[dialect].rules.items():
        assert len(rule.source) > 5, name
        for _, older in rule.before:
            assert len(older.source) > 5, name


@pytest.mark.parametrize("dialect", sorted(set(DIALECTS) - GENERIC))
def test_every_row_that_does_not_plainly_pass_has_a_case(dialect: str) -> None:
    """A row with a range, a rewrite, a need, a hidden default or no wire name is tried out."""
    tried = {
        name
        for document in _documents().values()
        for case in document["cases"]
        if case.get("dialect", document["dialect"]) == dialect
        for name in _rows(case)
    }
    rules = DIALECTS[dialect].rules
    assert [name for name in rules if name not in tried and not _plain(name, rules[name])] == []


def _plain(name: str, rule: Rule) -> bool:
    """Whether a row does nothing but pass a value on under a name that clients use."""
    bare = Rule(rule.wire, rule.source)
    aside = ("accepts", "default_note", "note", "status", "evidence", "out_of_range", "null")
    return (
        rule.wire in PARAMETERS[name].spellings
        and rule.range == ANY
        and rule.default is ABSENT
        and all(
            getattr(rule, field) == getattr(bare, field)
            for field in Rule.__slots__
            if field not in aside
        )
    )
