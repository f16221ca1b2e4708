"""The table of launch flags agrees with itself and with what introspection reads."""

from collections.abc import Mapping

import pytest

from evenhand_proxy.decoding import introspection_sglang, introspection_vllm
from evenhand_proxy.decoding.dialect_sglang import SGLANG_NATIVE, SGLANG_OPENAI_CHAT
from evenhand_proxy.decoding.server_flags import SERVER_FLAGS, SGLANG_SERVER_FLAGS, Flag

ALL = [flag for flags in SERVER_FLAGS.values() for flag in flags]


@pytest.mark.parametrize("flag", ALL, ids=lambda flag: flag.wire)
def test_each_flag_says_how_it_is_written_what_it_does_and_where_that_stands(flag: Flag) -> None:
    """A flag is an option or a variable, its effect is one sentence, its source names a release."""
    assert flag.wire.startswith(("--", "env "))
    assert flag.effect.endswith(".") and ". " not in flag.effect.replace(".json", "")
    assert flag.source.startswith(("sglang 0.", "vllm 0."))


@pytest.mark.parametrize("engine", SERVER_FLAGS)
def test_no_flag_of_an_engine_stands_twice(engine: str) -> None:
    """Names, spellings and facts are each used once."""
    flags = SERVER_FLAGS[engine]
    facts = [flag.fact for flag in flags if flag.fact is not None]
    assert len({flag.name for flag in flags}) == len({flag.wire for flag in flags}) == len(flags)
    assert len(set(facts)) == len(facts)


def test_every_flag_that_a_rule_needs_is_in_the_table() -> None:
    """A rule that hangs on a server setting can be looked up."""
    known = {flag.fact for flag in SGLANG_SERVER_FLAGS}
    rules = [*SGLANG_OPENAI_CHAT.rules.values(), *SGLANG_NATIVE.rules.values()]
    needed = {rule.needs.flag for rule in rules if rule.needs is not None}
    assert needed == {"deterministic", "custom_logit_processor", "reasoning_parser"}
    assert needed <= known


@pytest.mark.parametrize(
    ("engine", "read"),
    [
        ("sglang", introspection_sglang.FLAGS),
        ("vllm", {name: name for name in introspection_vllm.FLAGS}),
    ],
)
def test_facts_are_called_as_introspection_calls_them(engine: str, read: Mapping[str, str]) -> None:
    """Where introspection reads a flag of the table, both give the fact the same name."""
    shared = [flag for flag in SERVER_FLAGS[engine] if flag.name in read and flag.fact is not None]
    assert {flag.fact for flag in shared} == {read[flag.name] for flag in shared}
    assert len(shared) >= 3
