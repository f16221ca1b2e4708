"""What engines make of a generation_config.json: the published table, cell by cell."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand_proxy.decoding.generation_config import (
    PINS,
    READS,
    ModelDefaults,
    Pin,
    Reads,
    model_defaults,
    release,
    transformers_of,
)

GLM = {"do_sample": True, "temperature": 0.8, "top_p": 0.8, "max_length": 128000}
SOME = {"eos_token_id": [1, 2]}
NEW, OLD = "0.5.23", "0.5.9"


@pytest.mark.parametrize(
    ("engine", "version", "transformers", "document", "expected"),
    [
        # nothing about top_k
        ("vllm", "0.18.0", None, SOME, {}),
        ("vllm", "0.33.0", None, SOME, {}),
        ("sglang", OLD, None, SOME, {"top_k": 50}),
        ("sglang", "0.5.4", None, SOME, {"top_k": 50}),
        ("sglang", "0.5.9.post1", None, SOME, {"top_k": 50}),
        ("sglang", NEW, None, SOME, {}),
        ("sglang", "0.5.10", None, SOME, {}),
        # a null is said too: transformers 4 does not fill it
        ("sglang", OLD, None, {**SOME, "top_k": None}, {}),
        # top_k 50
        ("vllm", "0.18.0", None, {"top_k": 50}, {}),
        ("vllm", "0.11.0", "4.57.1", {"top_k": 50}, {}),
        ("vllm", "0.33.0", None, {"top_k": 50}, {"top_k": 50}),
        ("vllm", "0.18.0", None, {"top_k": 40}, {"top_k": 40}),
        ("sglang", OLD, None, {"top_k": 50}, {"top_k": 50}),
        ("sglang", NEW, None, {"top_k": 50}, {"top_k": 50}),
        # do_sample is read by neither
        ("vllm", "0.33.0", None, {"do_sample": False, "temperature": 0.6}, {"temperature": 0.6}),
        ("sglang", NEW, None, {"do_sample": False, "temperature": 0.6}, {"temperature": 0.6}),
        # penalties
        ("vllm", "0.11.0", "4.57.1", {"presence_penalty": 0.5}, {}),
        ("vllm", "0.33.0", None, {"presence_penalty": 0.5}, {"presence_penalty": 0.5}),
        ("vllm", "0.32.0", None, {"frequency_penalty": 0.5}, {"frequency_penalty": 0.5}),
        ("sglang", NEW, None, {"presence_penalty": 0.5}, {}),
        ("vllm", "0.11.0", None, {"repetition_penalty": 1.1}, {"repetition_penalty": 1.1}),
        # max_new_tokens
        ("vllm", "0.33.0", None, {"max_new_tokens": 100}, {"max_tokens": 100}),
        ("sglang", NEW, None, {"max_new_tokens": 100}, {}),
        # no file
        ("sglang", OLD, None, {}, {}),
        ("sglang", NEW, None, {}, {}),
        ("vllm", "0.33.0", None, {}, {}),
        # before SGLang read it
        ("sglang", "0.5.3", None, GLM, {}),
        ("sglang", "0.4.9.post2", None, GLM, {}),
        ("sglang", NEW, None, GLM, {"temperature": 0.8, "top_p": 0.8}),
        # a version that tells nothing counts as the newest, what the library does as unknown
        ("sglang", "0.0.0.dev1+g1234", "5.19.0", GLM, {"temperature": 0.8, "top_p": 0.8}),
        # the library's own server
        ("transformers", None, None, GLM, {"do_sample": True, "temperature": 0.8, "top_p": 0.8}),
        ("transformers", None, None, {"max_new_tokens": 50}, {"max_tokens": 1024}),
        ("transformers", None, None, {"max_new_tokens": 5000}, {"max_tokens": 5000}),
        # engines that read other things
        ("tgi", None, None, GLM, {}),
        ("ollama", None, None, GLM, {}),
        ("llamacpp", None, None, GLM, {}),
    ],
)
def test_each_release_reads_what_is_published(
    engine: str,
    version: str | None,
    transformers: str | None,
    document: dict[str, Any],
    expected: dict[str, Any],
) -> None:
    """The cells of the table: engine, release and library decide what the same file means."""
    found = model_defaults(engine, document, version=version, transformers=transformers)
    assert found.values == expected
    assert found.uncertain == frozenset()
    assert found.caps == {}


@pytest.mark.parametrize(
    ("engine", "version", "document", "uncertain"),
    [
        ("vllm", "0.11.0", {"top_k": 50, "top_p": 0.9}, {"top_k"}),
        ("vllm", "0.20.0", {"top_k": 50, "top_p": 0.9}, {"top_k"}),
        ("vllm", "0.20.0", {"top_k": 40, "top_p": 0.9}, set()),
        ("vllm", "0.25.0", {"presence_penalty": 0.5, "top_p": 0.9}, {"presence_penalty"}),
        ("sglang", None, {"top_p": 0.9}, {"top_k"}),
        ("sglang", None, {"top_p": 0.9, "top_k": 20}, set()),
    ],
)
def test_what_depends_on_something_unknown_is_not_guessed(
    engine: str, version: str | None, document: dict[str, Any], uncertain: set[str]
) -> None:
    """The key stands apart as uncertain; the others stay known."""
    found = model_defaults(engine, document, version=version)
    assert found.uncertain == uncertain
    assert found.values is not None
    assert found.values["top_p"] == 0.9
    assert uncertain.isdisjoint(found.values)


def test_an_altered_value_comes_with_its_reason() -> None:
    """A phantom value and a dropped one each say that it was the library."""
    phantom = model_defaults("sglang", SOME, version="0.5.9").notes["top_k"]
    assert "transformers 4.57.1 adds" in phantom
    dropped = model_defaults("vllm", {"top_k": 50}, version="0.18.0").notes["top_k"]
    assert "the file says 50, which transformers 4 drops" in dropped


def test_vllms_flags_choose_the_file_and_override_it() -> None:
    """`vllm` reads no file, an override wins, and a folder or an override caps max_tokens."""

    def found(flags: dict[str, Any], document: dict[str, Any] | None) -> ModelDefaults:
        return model_defaults("vllm", document, version="0.33.0", flags=flags)

    file = {"temperature": 0.8, "max_new_tokens": 100}
    assert found({"generation_config": "vllm"}, file).values == {}
    assert found({"generation_config": "vllm"}, None).values == {}
    auto = found({"generation_config": "auto"}, file)
    assert (auto.values, auto.caps) == ({"temperature": 0.8, "max_tokens": 100}, {})
    folder = found({"generation_config": "defaults/"}, file)
    assert (folder.values, folder.caps) == (auto.values, {"max_tokens": 100})
    over = {"temperature": 0.1, "max_new_tokens": 50}
    both = found({"override_generation_config": over}, file)
    assert both.values == {"temperature": 0.1, "max_tokens": 50}
    assert both.caps == {"max_tokens": 50}


def test_an_override_is_known_even_where_the_file_is_not() -> None:
    """Its keys are values, every other key that the file could set is uncertain."""
    flags = {"override_generation_config": {"temperature": 0.1}}
    found = model_defaults("vllm", None, version="0.33.0", flags=flags)
    assert found.values == {"temperature": 0.1}
    assert "top_p" in found.uncertain
    assert "temperature" not in found.uncertain


def test_an_override_beats_what_the_library_drops() -> None:
    """An override of top_k 50 does not pass through transformers, and needs no excuse."""
    flags = {"override_generation_config": {"top_k": 50}}
    found = model_defaults("vllm", {"top_k": 50}, version="0.18.0", flags=flags)
    assert (found.values, found.notes) == ({"top_k": 50}, {})


def test_sglang_reads_nothing_under_openai_defaults() -> None:
    """`--sampling-defaults openai` is known to set nothing, whatever the file says."""
    flags = {"sampling_defaults": "openai"}
    assert model_defaults("sglang", None, version="0.5.23", flags=flags).values == {}
    assert model_defaults("sglang", GLM, version="0.5.23", flags=flags).values == {}


@pytest.mark.parametrize("engine", ["sglang", "vllm", "transformers", "openai", "no such engine"])
def test_without_the_file_nothing_is_known(engine: str) -> None:
    """Unknown is None, which is not the same as setting nothing."""
    assert model_defaults(engine, None).values is None


def test_every_row_says_where_it_comes_from() -> None:
    """Both tables carry a source on each row, and their spans follow one another."""
    tables: list[tuple[Reads | Pin, ...]] = [*READS.values(), *PINS.values()]
    for rows in tables:
        for row in rows:
            assert row.source
        for one, after in pairwise(rows):
            assert one.before is not None
            assert one.before <= after.since


@pytest.mark.parametrize(
    ("engine", "version", "expected"),
    [
        ("sglang", "0.5.3", None),
        ("sglang", "0.5.4", "4.57.1"),
        ("sglang", "0.5.10", "5"),
        ("sglang", None, None),
        ("vllm", "0.11.0", None),
        ("vllm", "0.14.0", "4"),
        ("vllm", "0.18.0", "4"),
        ("vllm", "0.20.0", None),
        ("vllm", "0.33.0", "5"),
        ("vllm", "0.32.0+cpu", "5"),
    ],
)
def test_the_library_follows_from_the_release_where_it_is_pinned(
    engine: str, version: str | None, expected: str | None
) -> None:
    """And is unknown where the package allows both major versions."""
    assert transformers_of(engine, version) == expected


@pytest.mark.parametrize(
    ("version", "numbers"),
    [("v0.5.9", (0, 5, 9)), ("b0-unknown", None), ("", None), (None, None), ("0.0.0", None)],
)
def test_a_version_is_read_or_tells_nothing(
    version: str | None, numbers: tuple[int, ...] | None
) -> None:
    """What has no numbers, or only zeros, is no release."""
    assert release(version) == numbers


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
KEYS = st.sampled_from(["temperature", "top_k", "top_p", "do_sample", "max_new_tokens", "x"])


@given(
    engine=st.sampled_from(["sglang", "vllm", "transformers"]),
    document=st.none() | st.dictionaries(KEYS, JSON),
    version=st.none() | st.sampled_from(["0.5.3", "0.5.9", "0.5.23", "0.33.0", "0.20.0", "x"]),
    flags=st.dictionaries(
        st.sampled_from(["generation_config", "override_generation_config", "sampling_defaults"]),
        JSON,
    ),
)
def test_any_json_is_read_without_a_fault(
    engine: str, document: dict[str, Any] | None, version: str | None, flags: dict[str, Any]
) -> None:
    """Whatever stands in file and flags, values are numbers or switches, and none is uncertain."""
    found = model_defaults(engine, document, version=version, flags=flags)
    values = found.values or {}
    assert all(isinstance(value, bool | int | float) for value in values.values())
    assert found.uncertain.isdisjoint(values)
