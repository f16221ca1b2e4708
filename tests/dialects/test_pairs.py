"""Every ordered pair of dialects: a body in the words of one, resolved for the engine of another.

A body is read in its dialect's words, resolved, and sent in the engine's. Resolving is idempotent
in this sense: what is sent, read in the engine's own words and resolved again on the same facts,
in the same mode, with the same profiles, is sent just so once more, and the engine makes the same
of it. (What an engine rewrites is not on the wire, so that a second look rewrites it alike.)
"""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from evenhand_proxy.decoding import (
    ABSENT,
    CLIENT,
    DIALECTS,
    PARAMETERS,
    PROFILES,
    EngineFacts,
    Mode,
    ParameterRecord,
    PolicyRule,
    Resolution,
    Resolver,
    speaking,
)
from evenhand_proxy.decoding.asked import Spelled, equivalent, words_of
from evenhand_proxy.decoding.forms import SPELLING_FORMS
from evenhand_proxy.decoding.values import alike
from tests.dialects.bodies import Words, bodies, found, inside, without

NAMES = sorted(DIALECTS)
CLIENTS: Words = {
    path: (Spelled(parameter.name, rank, SPELLING_FORMS.get(path, "plain")),)
    for parameter in PARAMETERS.values()
    for rank, path in enumerate(parameter.spellings)
}
WORDS: Mapping[str, Words] = {
    "client": CLIENTS,
    **{name: words_of(dialect) for name, dialect in DIALECTS.items()},
}
FACTS: Mapping[str, Mapping[str, Any]] = {
    "unknown": {},
    "told": {
        "flags": {"deterministic": False, "reasoning_parser": None},
        "model_defaults": {"temperature": 0.6, "top_k": 20},
        "reported_defaults": {"min_p": 0.05},
        "limits": {"n": 4, "max_tokens": 4096},
        "caps": {"max_tokens": 100},
        "attested": {"seed": "applied", "top_p": "ignored", "top_k": "altered"},
        "attested_route": "chat",
    },
}
EXAMPLES = settings(
    phases=(Phase.generate,),
    max_examples=10,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@cache
def resolver(engine: str, inbound: str, mode: Mode = "report", facts: str = "told") -> Resolver:
    """Give the resolver of a pair; it holds nothing of any request."""
    dialect = DIALECTS[engine]
    return Resolver(
        dialect,
        model="glm-4",
        facts=EngineFacts(dialect.engine, **FACTS[facts]),
        mode=mode,
        inbound=CLIENT if inbound == "client" else speaking(DIALECTS[inbound]),
    )


def records(resolution: Resolution) -> dict[str, ParameterRecord]:
    """Give the records by name."""
    return {record.name: record for record in resolution.record.parameters}


def written(engine: str, name: str) -> tuple[str, ...]:
    """Give the paths under which an engine may be sent a parameter."""
    rule = DIALECTS[engine].rules.get(name)
    return () if rule is None or rule.wire is None else (rule.wire, *rule.accepts)


def holds(body: Any, path: str, sent: Any) -> bool:
    """Whether a body holds what was sent at a path; an object may have been added to."""
    value = inside(body, path) if path else body
    if isinstance(sent, dict) and isinstance(value, dict):
        return all(key in value and alike(value[key], item) for key, item in sent.items())
    return alike(value, sent)


def no_parameter_is_lost(body: dict[str, Any], words: Words, resolution: Resolution) -> None:
    """Each value that stands in the body is requested in a record, or was beaten in one."""
    known = records(resolution)
    for path, value in found(body, words).items():
        meant = [known[each.name] for each in words[path] if each.name in known]
        assert any(
            (each.requested is not ABSENT and alike(each.requested, value))
            or f"{path}=" in (each.reason or "")
            for each in meant
        ), (path, value, meant)


def kinds_of_nothing_stay_apart(body: dict[str, Any], words: Words, sent: Resolution) -> None:
    """Absent, null, 0 and false are four things, in the record as in the body."""
    said = found(body, words)
    for name, record in records(sent).items():
        if name not in PARAMETERS:
            continue
        values = [value for path, value in said.items() if name in {e.name for e in words[path]}]
        assert (record.requested is ABSENT) <= (not values or not _alone(words, said)), record
        if record.requested is None:
            assert all(value is None for value in values) or not _alone(words, said)
            assert record.resolved is None or record.action in ("injected", "converted"), record
        if record.action == "passed" and record.requested is not ABSENT:
            assert alike(record.sent, record.requested), record


def _alone(words: Words, said: Mapping[str, Any]) -> bool:
    return all(len(words[path]) == 1 for path in said)


def the_body_is_what_the_records_say(
    body: dict[str, Any], words: Words, engine: str, resolution: Resolution
) -> None:
    """What is sent stands at the engine's path; nothing stands where something was left out."""
    out = resolution.apply(body)
    known = records(resolution)
    sent: set[str] = set()
    for name, record in known.items():
        if name in PARAMETERS and record.sent is not ABSENT:
            paths = [path for path in written(engine, name) if holds(out, path, record.sent)]
            assert paths, (record, out)
            sent.update(written(engine, name))
    for path in found(body, words):
        above = any(path.startswith(f"{each}.") for each in sent)
        below = any(each.startswith(f"{path}.") for each in sent)
        if path not in sent and not above and not below:
            assert inside(out, path) is ABSENT, (path, out)


def the_rest_is_untouched(
    body: dict[str, Any], words: Words, engine: str, resolution: Resolution
) -> None:
    """Fields that are no decoding parameter come out as they went in."""
    paths = {*words, *WORDS[engine]}
    before, after = without(body, paths), without(resolution.apply(body), paths)
    gone = {name for name, each in records(resolution).items() if each.sent is ABSENT}
    before = without(before, gone - PARAMETERS.keys())
    for key, value in before.items():
        if value is None and any(path.startswith(f"{key}.") for path in paths):
            continue  # null makes way for an object
        assert alike(after.get(key, ABSENT), value), (key, after)
    assert set(after) <= set(before)


def foreign(body: dict[str, Any], words: Words, engine: str) -> bool:
    """Whether something that one dialect passes over as none of its own means something here."""
    return any(path not in words for path in found(body, WORDS[engine]))


def it_is_idempotent(body: dict[str, Any], engine: str, first: Resolution) -> None:
    """What is sent is sent again, and acts alike."""
    once = first.apply(body)
    mode = first.record.mode
    second = resolver(engine, engine, mode).resolve(once)
    assert alike(second.apply(once), once), (once, second.apply(once))
    was = records(first)
    if any("cannot be written as" in (each.reason or "") for each in was.values()):
        return  # it stands there all the same, and means another thing to a second reader
    shared = {each.name for each in _sharing(engine)}
    for name, record in records(second).items():
        before = was.get(name)
        if record.sent is ABSENT or name in shared or before is None or before.sent is ABSENT:
            continue
        if record.evidence == "unknown":
            continue  # a default was told by an engine of which nothing else is known
        if "is no way to write" in (before.reason or ""):
            continue  # what one dialect cannot read may mean something in another
        parts = isinstance(record.effective, dict) and isinstance(before.effective, dict)
        same = holds(before.effective, "", record.effective) if parts else None
        assert same or alike(before.effective, record.effective), (before, record)


def _sharing(engine: str) -> list[Spelled]:
    return [each for words in WORDS[engine].values() if len(words) > 1 for each in words]


@pytest.mark.parametrize("inbound", ["client", *NAMES])
def test_what_is_asked_in_one_dialect_is_accounted_for_in_every_other(inbound: str) -> None:
    """Nothing raises, nothing is lost or added, and resolving again changes nothing."""
    words = WORDS[inbound]

    @EXAMPLES
    @given(body=bodies(words))
    def check(body: dict[str, Any]) -> None:
        before = repr(body)
        for engine in NAMES:
            resolution = resolver(engine, inbound).resolve(body)
            no_parameter_is_lost(body, words, resolution)
            kinds_of_nothing_stay_apart(body, words, resolution)
            the_body_is_what_the_records_say(body, words, engine, resolution)
            the_rest_is_untouched(body, words, engine, resolution)
            if not foreign(body, words, engine):
                it_is_idempotent(body, engine, resolution)
        assert repr(body) == before

    check()


@pytest.mark.parametrize("engine", NAMES)
def test_strict_sends_nothing_that_it_refuses(engine: str) -> None:
    """Each violation is a refused parameter, of which nothing stands in the body that is sent."""

    @EXAMPLES
    @given(body=bodies(CLIENTS))
    def check(body: dict[str, Any]) -> None:
        resolution = resolver(engine, "client", "strict").resolve(body)
        known = records(resolution)
        for violation in resolution.violations:
            assert known[violation.parameter].action == "refused", violation
            assert str(violation)
        for record in known.values():
            assert record.action != "refused" or record.sent is record.effective is ABSENT
        the_body_is_what_the_records_say(body, CLIENTS, engine, resolution)
        the_rest_is_untouched(body, CLIENTS, engine, resolution)
        no_parameter_is_lost(body, CLIENTS, resolution)

    check()


@pytest.mark.parametrize("engine", NAMES)
def test_pin_sends_every_default_that_the_engine_takes(engine: str) -> None:
    """A default that is known and not sent has a reason, or a null in its place."""

    @EXAMPLES
    @given(body=bodies(CLIENTS))
    def check(body: dict[str, Any]) -> None:
        resolution = resolver(engine, "client", "pin").resolve(body)
        the_body_is_what_the_records_say(body, CLIENTS, engine, resolution)
        the_rest_is_untouched(body, CLIENTS, engine, resolution)
        it_is_idempotent(body, engine, resolution)

    check()
    for name, record in records(resolver(engine, "client", "pin").resolve({})).items():
        plain = records(resolver(engine, "client").resolve({})).get(name)
        assert plain is not None
        if plain.effective not in (ABSENT, None) and written(engine, name):
            told = record.sent is not ABSENT or "not pinned" in (record.reason or "")
            assert told or _follows(engine, plain) or _refused(engine, name, plain.effective), (
                record
            )


def _follows(engine: str, plain: ParameterRecord) -> bool:
    """Whether a default is said by leaving it out, or follows from other values alone."""
    dialect = DIALECTS[engine]
    if equivalent(dialect.rules[plain.name], plain.effective) == {}:
        return True
    return plain.reason in {each.reason for each in dialect.interactions}


def _refused(engine: str, name: str, value: Any) -> bool:
    """Whether an engine refuses the very value that it defaults to."""
    path = written(engine, name)[0]
    body: dict[str, Any] = {}
    *above, last = path.split(".")
    place = body
    for step in above:
        place = place.setdefault(step, {})
    place[last] = value
    resolution = resolver(engine, engine).resolve(body)
    return name in {violation.parameter for violation in resolution.violations}


@pytest.mark.parametrize("engine", NAMES)
def test_profiles_and_policies_change_no_law(engine: str) -> None:
    """With a profile and rules too, the body is what the records say, and stays so."""
    rules = (
        PolicyRule("cap", "cap", "max_tokens", 64),
        PolicyRule("pin", "pin", "do_sample", False),
        PolicyRule("floor", "floor", "top_k", 2),
        PolicyRule("default", "default", "seed", 7),
    )

    @EXAMPLES
    @given(
        body=bodies(CLIENTS),
        profiles=st.lists(st.sampled_from([PROFILES[name] for name in sorted(PROFILES)])),
        ruled=st.booleans(),
        facts=st.sampled_from(sorted(FACTS)),
    )
    def check(body: dict[str, Any], profiles: Any, ruled: bool, facts: str) -> None:
        asked = {"profiles": profiles, "rules": rules if ruled else ()}
        resolution = resolver(engine, "client", facts=facts).resolve(body, **asked)
        no_parameter_is_lost(body, CLIENTS, resolution)
        the_body_is_what_the_records_say(body, CLIENTS, engine, resolution)
        the_rest_is_untouched(body, CLIENTS, engine, resolution)
        once = resolution.apply(body)
        again = resolver(engine, engine, facts=facts).resolve(once, **asked)
        filled = {each.name for each in again.record.parameters if each.source == "profile"}
        if not filled - {each.name for each in resolution.record.parameters if each.sent is ABSENT}:
            assert alike(again.apply(once), once)

    check()


@pytest.mark.parametrize("engine", NAMES)
def test_the_document_is_json_and_says_no_more_than_there_is(engine: str) -> None:
    """It survives JSON, and has no key without a value."""

    @EXAMPLES
    @given(body=bodies(CLIENTS), mode=st.sampled_from(["report", "strict", "pin"]))
    def check(body: dict[str, Any], mode: Any) -> None:
        record = resolver(engine, "client", mode).resolve(body).record
        document = record.document()
        assert repr(json.loads(json.dumps(document))) == repr(document)
        for name, entry in document["parameters"].items():
            assert set(entry) & {"requested", "sent", "effective", "reason"}, name
            for key in ("source", "evidence", "reason", "action"):
                assert entry.get(key, "there"), (name, key)
        assert record.changes_header().isascii()
        assert len(record.changes_header()) <= 4000

    check()
