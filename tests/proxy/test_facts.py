"""What is known of an engine: its identity, and what changed between two looks."""

import json

import pytest

from evenhand_proxy.decoding.facts import EngineFacts, difference, digest
from evenhand_proxy.decoding.fingerprint import Fingerprint

KNOWN = EngineFacts(
    "sglang",
    version="0.5.23",
    weights="GLM-4-9B-0414",
    flags={"deterministic": False, "random_seed": 7},
    model_defaults={"temperature": 0.8},
    template=digest("{{ messages }}"),
    transformers="5",
    route_defaults={"completions": {}},
)


def test_the_identity_is_small_and_says_who_it_is() -> None:
    """Names and digests; the seed of one launch is not part of it."""
    assert dict(KNOWN.identity()) == {
        "name": "sglang",
        "version": "0.5.23",
        "weights": "GLM-4-9B-0414",
        "template": digest("{{ messages }}"),
        "transformers": "5",
        "flags": {"deterministic": False},
        "defaults": KNOWN.identity()["defaults"],
    }
    assert len(KNOWN.identity()["defaults"]) == 16
    assert len(json.dumps(dict(KNOWN.identity()))) < 300


def test_what_is_not_known_is_not_in_the_identity() -> None:
    """An engine that told nothing is a name."""
    assert dict(EngineFacts("openai").identity()) == {"name": "openai"}


@pytest.mark.parametrize(
    "other",
    [
        EngineFacts("sglang", version="0.5.20"),
        EngineFacts("sglang", weights="x"),
        EngineFacts("sglang", template="0" * 16),
        EngineFacts("sglang", transformers="4"),
        EngineFacts("sglang", flags={"deterministic": False}),
        EngineFacts("sglang", flags={"deterministic": True}),
        EngineFacts("sglang", model_defaults={"temperature": 0.7}),
        EngineFacts("sglang", model_defaults={"temperature": 0.8}),
        EngineFacts("sglang", reported_defaults={"temperature": 0.8}),
        EngineFacts("sglang", preferred={"top_k": 4}),
        EngineFacts("sglang", caps={"max_tokens": 4}),
        EngineFacts("sglang", route_defaults={"responses": {"top_k": 4}}),
        EngineFacts("vllm"),
    ],
)
def test_every_fact_that_moves_an_answer_moves_the_fingerprint(other: EngineFacts) -> None:
    """A redeploy with another version, weights, template, flag or default is another engine."""
    plain = EngineFacts("sglang")
    one, two = (
        Fingerprint("m", facts.identity(), frozenset(), {}).of({}) for facts in (plain, other)
    )
    assert one != two


def test_a_restart_is_the_same_engine() -> None:
    """Only the launch's random seed differs: facts yes, identity no."""
    one, two = (EngineFacts("sglang", flags={"random_seed": seed}) for seed in (1, 2))
    assert one != two
    assert dict(one.identity()) == dict(two.identity())
    assert difference(one, two) == {"flags.random_seed": {"old": 1, "new": 2}}


def test_a_route_has_its_own_defaults_where_they_differ() -> None:
    """Chat uses the model's, completions what the engine reads there."""
    assert KNOWN.defaults_on("chat") == {"temperature": 0.8}
    assert KNOWN.defaults_on("completions") == {}
    assert EngineFacts("vllm").defaults_on("chat") is None


def test_the_difference_names_each_key_with_old_and_new() -> None:
    """Key by key inside mappings, null for a side that lacks it; equal facts differ in nothing."""
    new = EngineFacts("sglang", version="0.5.24", model_defaults={}, flags={"deterministic": True})
    assert difference(KNOWN, new) == {
        "version": {"old": "0.5.23", "new": "0.5.24"},
        "weights": {"old": "GLM-4-9B-0414", "new": None},
        "flags.deterministic": {"old": False, "new": True},
        "flags.random_seed": {"old": 7, "new": None},
        "model_defaults.temperature": {"old": 0.8, "new": None},
        "template": {"old": digest("{{ messages }}"), "new": None},
        "transformers": {"old": "5", "new": None},
        "route_defaults.completions": {"old": {}, "new": None},
    }
    assert difference(KNOWN, KNOWN) == {}


def test_unknown_defaults_becoming_none_is_a_difference() -> None:
    """To know that a file sets nothing is more than not to know the file."""
    changes = difference(EngineFacts("vllm"), EngineFacts("vllm", model_defaults={}))
    assert changes == {"model_defaults": {"old": None, "new": {}}}


def test_the_document_is_plain_json() -> None:
    """Sets come as sorted lists, so that it can be stored and read back equal."""
    facts = EngineFacts("vllm", uncertain_defaults=frozenset(("top_p", "top_k")))
    document = facts.document()
    assert document["uncertain_defaults"] == ["top_k", "top_p"]
    assert json.loads(json.dumps(document)) == document
