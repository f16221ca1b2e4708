"""The resolver, against behaviour read in the engines' own files."""

from typing import Any

import pytest

from evenhand_proxy.decoding import (
    ENGINES,
    PARAMETERS,
    PROFILES,
    SPELLINGS,
    EngineFacts,
    Resolution,
    resolve,
)

CHAT_ENGINES = sorted(ENGINES)
ROUTES = [(engine, route) for engine, routes in ENGINES.items() for route in routes]
GREEDY = PROFILES["greedy"]


def resolved(engine: str, route: str = "chat", /, **body: Any) -> Resolution:
    """Resolve a body on an engine whose facts are fully known."""
    facts = EngineFacts(engine, flags={"deterministic": False}, model_defaults={})
    return resolve(body, ENGINES[engine][route], model="m", facts=facts)


def entry(resolution: Resolution, name: str) -> dict[str, Any]:
    """One parameter's part of the document."""
    document: dict[str, Any] = resolution.record.document()["parameters"][name]
    return document


@pytest.mark.parametrize("engine", CHAT_ENGINES)
@pytest.mark.parametrize(("name", "value"), [("temperature", 0), ("seed", 0), ("temperature", 0.0)])
def test_zero_is_sent_as_zero(engine: str, name: str, value: float) -> None:
    """A falsy zero survives every dialect that has the parameter."""
    body: dict[str, Any] = {name: value}
    resolution = resolved(engine, **body)
    assert entry(resolution, name)["requested"] == value
    rule = ENGINES[engine]["chat"].rules.get(name)
    if rule is None or rule.wire is None:
        assert entry(resolution, name)["action"] == "dropped"
        return
    assert entry(resolution, name)["sent"] == value
    assert resolution.apply(body)[rule.wire] == value


def test_absent_null_zero_and_value_are_four_things() -> None:
    """The record tells unset from null from 0 from a number."""
    assert "requested" not in entry(resolved("llamacpp"), "temperature")
    null = entry(resolved("llamacpp", temperature=None), "temperature")
    assert (null["requested"], null["sent"], null["effective"]) == (None, None, 0.8)
    assert entry(resolved("llamacpp", temperature=0), "temperature")["effective"] == 0
    assert entry(resolved("llamacpp", temperature=0.3), "temperature")["effective"] == 0.3


@pytest.mark.parametrize("engine", ["sglang", "vllm", "llamacpp", "openai"])
def test_do_sample_false_is_greedy_everywhere(engine: str) -> None:
    """An engine without do_sample gets temperature 0, whatever temperature came along."""
    resolution = resolved(engine, do_sample=False, temperature=0.6)
    assert resolution.apply({"do_sample": False, "temperature": 0.6}) == {"temperature": 0}
    assert entry(resolution, "temperature")["requested"] == 0.6
    assert entry(resolution, "temperature")["action"] == "converted"
    assert entry(resolution, "do_sample")["action"] == "converted"
    assert entry(resolution, "do_sample")["effective"] is False


def test_do_sample_true_leaves_the_temperature_alone() -> None:
    """Asking to sample changes nothing but that the field is not sent."""
    resolution = resolved("sglang", do_sample=True, temperature=0.6)
    assert resolution.apply({"do_sample": True, "temperature": 0.6}) == {"temperature": 0.6}
    assert entry(resolution, "do_sample")["effective"] is True


def test_sglang_writes_greedy_as_temperature_one_with_top_k_one() -> None:
    """What SGLang's SamplingParams makes of temperature 0 is the effective value."""
    resolution = resolved("sglang", temperature=0)
    assert entry(resolution, "temperature")["effective"] == 1.0
    assert entry(resolution, "temperature")["source"] == "engine-rewrite"
    assert entry(resolution, "top_k")["effective"] == 1


def test_sglang_ignores_a_seed_outside_deterministic_mode() -> None:
    """The seed is sent, and the record says that it does nothing."""
    seed = entry(resolved("sglang", seed=0), "seed")
    assert seed["action"] == "not-honoured"
    assert seed["sent"] == 0
    assert "effective" not in seed


def test_sglang_seed_is_unknown_when_the_server_did_not_say() -> None:
    """Without introspection nobody claims to know."""
    resolution = resolve(
        {"seed": 1}, ENGINES["sglang"]["chat"], model="m", facts=EngineFacts("sglang")
    )
    assert entry(resolution, "seed")["evidence"] == "unknown"


def test_sglang_seed_is_honoured_in_deterministic_mode() -> None:
    """With the flag the seed is effective."""
    facts = EngineFacts("sglang", flags={"deterministic": True}, model_defaults={})
    resolution = resolve({"seed": 7}, ENGINES["sglang"]["chat"], model="m", facts=facts)
    assert entry(resolution, "seed")["effective"] == 7
    assert resolution.record.changes == ()


def test_sglang_reads_generation_config_on_chat_but_not_on_completions() -> None:
    """The same omitted field has two values on one server."""
    facts = EngineFacts("sglang", model_defaults={"temperature": 0.8, "top_p": 0.8})
    chat = resolve({}, ENGINES["sglang"]["chat"], model="m", facts=facts)
    completions = resolve({}, ENGINES["sglang"]["completions"], model="m", facts=facts)
    assert entry(chat, "temperature") == {
        "effective": 0.8,
        "source": "model",
        "action": "defaulted",
        "evidence": "modelled",
        "reason": "generation_config.json",
    }
    assert entry(completions, "temperature")["effective"] == 1.0
    assert entry(completions, "max_tokens")["effective"] == 16


def test_defaults_of_an_unread_generation_config_are_unknown() -> None:
    """A default that the checkpoint may replace is not guessed."""
    resolution = resolve({}, ENGINES["vllm"]["chat"], model="m", facts=EngineFacts("vllm"))
    assert entry(resolution, "temperature")["evidence"] == "unknown"
    assert "effective" not in entry(resolution, "temperature")


def test_vllm_raises_a_tiny_temperature() -> None:
    """A temperature between 0 and 0.01 becomes 0.01, so only 0 is greedy."""
    tiny = entry(resolved("vllm", temperature=0.001), "temperature")
    assert (tiny["sent"], tiny["effective"], tiny["action"]) == (0.001, 0.01, "clamped")
    assert entry(resolved("vllm", temperature=0.01), "temperature")["effective"] == 0.01


def test_vllm_greedy_resets_the_truncations() -> None:
    """Under temperature 0 a top_p does nothing, and the record says so."""
    resolution = resolved("vllm", temperature=0, top_p=0.5)
    top_p = entry(resolution, "top_p")
    assert (top_p["sent"], top_p["effective"], top_p["action"]) == (0.5, 1.0, "not-honoured")


def test_llamacpp_takes_repetition_penalty_under_its_own_name() -> None:
    """repetition_penalty is unknown to llama.cpp and would be ignored; repeat_penalty is not."""
    resolution = resolved("llamacpp", repetition_penalty=1.1)
    assert resolution.apply({"repetition_penalty": 1.1}) == {"repeat_penalty": 1.1}
    assert entry(resolution, "repetition_penalty")["action"] == "renamed"


def test_llamacpp_clamps_a_negative_temperature() -> None:
    """The engine makes 0 of it; the old value stands in the change."""
    resolution = resolved("llamacpp", temperature=-1)
    assert entry(resolution, "temperature")["effective"] == 0
    (change,) = resolution.record.changes
    assert (change.old, change.new, change.action) == (-1, 0, "clamped")


@pytest.mark.parametrize(
    ("engine", "value", "sent"),
    [("sglang", 0, -1), ("sglang", -1, -1), ("llamacpp", -1, 0), ("vllm", -1, 0), ("vllm", 0, 0)],
)
def test_a_disabled_top_k_is_spelled_as_the_engine_wants(
    engine: str, value: int, sent: int
) -> None:
    """0 and -1 both mean all tokens, and no engine takes both spellings for granted."""
    assert resolved(engine, top_k=value).apply({"top_k": value}) == {"top_k": sent}


@pytest.mark.parametrize("engine", CHAT_ENGINES)
def test_max_completion_tokens_wins_and_only_one_spelling_is_sent(engine: str) -> None:
    """Both spellings at once are reconciled, and the loser is named."""
    body: dict[str, Any] = {"max_tokens": 9, "max_completion_tokens": 5}
    resolution = resolved(engine, **body)
    sent = resolution.apply(body)
    assert [
        sent[name] for name in SPELLINGS if SPELLINGS[name] == "max_tokens" and name in sent
    ] == [5]
    assert "max_tokens=9" in entry(resolution, "max_tokens")["reason"]
    assert [change.parameter for change in resolution.record.changes] == ["max_tokens"]


@pytest.mark.parametrize("spelling", PARAMETERS["max_tokens"].spellings)
@pytest.mark.parametrize(("engine", "route"), ROUTES)
def test_every_alias_of_max_tokens_reaches_the_engine(
    engine: str, route: str, spelling: str
) -> None:
    """No alias slips past: each arrives under a name that the route knows."""
    resolution = resolved(engine, route, **{spelling: 7})
    rule = ENGINES[engine][route].rules["max_tokens"]
    (wire,) = (
        path for path in (rule.wire, *rule.accepts) if path in resolution.apply({spelling: 7})
    )
    assert entry(resolution, "max_tokens")["sent"] == 7
    assert wire == rule.wire or wire == spelling


@pytest.mark.parametrize("spelling", ["max_tokens", "max_completion_tokens"])
def test_sglang_gets_a_limit_of_zero_under_the_name_that_takes_it(spelling: str) -> None:
    """Under max_completion_tokens 0 counts as unset there, so it is sent as max_tokens."""
    resolution = resolved("sglang", **{spelling: 0})
    assert resolution.apply({spelling: 0}) == {"max_tokens": 0}
    assert entry(resolution, "max_tokens")["effective"] == 0


def test_llamacpp_generates_a_token_for_max_tokens_zero() -> None:
    """As seen on the server: 0 is not nothing."""
    zero = entry(resolved("llamacpp", max_tokens=0), "max_tokens")
    assert (zero["sent"], zero["effective"], zero["action"]) == (0, 1, "clamped")


def test_openai_has_no_top_k_and_the_drop_is_recorded() -> None:
    """What the dialect lacks is not sent, and stands in record and changes."""
    resolution = resolved("openai", top_k=5, temperature=0.5)
    assert resolution.apply({"top_k": 5, "temperature": 0.5}) == {"temperature": 0.5}
    assert entry(resolution, "top_k")["action"] == "dropped"
    assert resolution.violations[0].parameter == "top_k"


def test_a_profile_fills_what_the_client_left_out_or_null() -> None:
    """Absent and null are filled; 0 is not."""
    facts = EngineFacts("llamacpp")
    dialect = ENGINES["llamacpp"]["chat"]
    for body in ({}, {"temperature": None}):
        filled = resolve(body, dialect, model="m", facts=facts, profiles=[PROFILES["glm-z1-0414"]])
        assert entry(filled, "temperature")["sent"] == 0.6
        assert entry(filled, "temperature")["source"] == "profile"
        assert filled.apply(body) == {"temperature": 0.6, "top_p": 0.95}
    kept = resolve(
        {"temperature": 0}, dialect, model="m", facts=facts, profiles=[PROFILES["glm-z1-0414"]]
    )
    assert entry(kept, "temperature")["sent"] == 0
    assert entry(kept, "temperature")["source"] == "client"


def test_pin_sends_every_known_default() -> None:
    """In pin mode nothing is left for a hidden default to fill."""
    facts = EngineFacts("llamacpp", reported_defaults={"temperature": 0.8, "min_p": 0.05})
    resolution = resolve({}, ENGINES["llamacpp"]["chat"], model="m", facts=facts, mode="pin")
    sent = resolution.apply({})
    assert (sent["temperature"], sent["min_p"], sent["top_k"]) == (0.8, 0.05, 40)
    assert entry(resolution, "min_p")["action"] == "injected"


def test_strict_marks_what_cannot_be_honoured_as_refused() -> None:
    """In strict mode nothing of a violation is sent."""
    resolution = resolve(
        {"top_k": 5},
        ENGINES["openai"]["chat"],
        model="m",
        facts=EngineFacts("openai"),
        mode="strict",
    )
    assert entry(resolution, "top_k")["action"] == "refused"
    assert "Leave top_k out" in str(resolution.violations[0])


def test_reported_defaults_are_attested() -> None:
    """What the engine itself said is more than what its rules imply."""
    facts = EngineFacts("llamacpp", reported_defaults={"temperature": 0.7})
    resolution = resolve({}, ENGINES["llamacpp"]["chat"], model="m", facts=facts)
    assert entry(resolution, "temperature")["evidence"] == "attested"
    assert entry(resolution, "top_p")["evidence"] == "modelled"


def test_the_fingerprint_follows_the_effective_values_only() -> None:
    """1 and 1.0 are one value; another temperature is another fingerprint."""
    one = resolved("vllm", temperature=1).record.fingerprint
    assert one == resolved("vllm", temperature=1.0).record.fingerprint
    assert one == resolved("vllm").record.fingerprint
    assert one != resolved("vllm", temperature=0.9).record.fingerprint
    assert one != resolved("llamacpp", temperature=1).record.fingerprint


def test_the_changes_header_is_ascii_and_bounded() -> None:
    """A long Chinese stop list fits a header: what does not fit is counted."""
    body: dict[str, Any] = {"top_k": 5, "min_p": 0.1, "stop": ["停" * 3000] * 9}
    header = resolved("openai", **body, repetition_penalty=1.2).record.changes_header()
    assert header.isascii()
    assert len(header) <= 4000


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", True),
        ("temperature", "0.7"),
        ("top_p", [0.5]),
        ("seed", 1.5),
        ("stop", 5),
        ("logprobs", 3),
        ("logit_bias", "5"),
    ],
)
@pytest.mark.parametrize("engine", ["sglang", "vllm", "llamacpp", "openai", "mistral", "zhipu"])
def test_a_value_of_the_wrong_type_is_told_and_not_guessed(
    engine: str, name: str, value: Any
) -> None:
    """Engines coerce, refuse or ignore it: it is passed on, told, and part of the fingerprint."""
    body: dict[str, Any] = {name: value}
    resolution = resolved(engine, **body)
    rule = ENGINES[engine]["chat"].rules.get(name)
    if rule is None or rule.wire is None:
        assert resolution.apply(body) == {}
        return
    assert resolution.apply(body) == {rule.wire: value}
    if rule.kind == "any":
        return
    assert entry(resolution, name)["evidence"] == "unknown"
    (change,) = resolution.record.changes
    assert (change.parameter, change.old) == (name, value)
    assert resolution.record.fingerprint != resolved(engine).record.fingerprint


def test_the_servers_own_limit_narrows_the_range() -> None:
    """A llama.cpp with four slots answers n=5 with an error, and the record knows."""
    facts = EngineFacts("llamacpp", limits={"n": 4})
    dialect = ENGINES["llamacpp"]["chat"]
    five = resolve({"n": 5}, dialect, model="m", facts=facts)
    assert entry(five, "n")["evidence"] == "unknown"
    assert [violation.parameter for violation in five.violations] == ["n"]
    assert resolve({"n": 4}, dialect, model="m", facts=facts).violations == ()


@pytest.mark.parametrize(
    ("name", "value"), [("top_k", 2**31), ("repetition_penalty", 0), ("seed", 2**32)]
)
def test_llamacpp_does_not_use_what_does_not_fit(name: str, value: int) -> None:
    """32-bit counts wrap around and a penalty of 0 is refused: neither is called effective."""
    body: dict[str, Any] = {name: value}
    resolution = resolved("llamacpp", **body)
    assert "effective" not in entry(resolution, name)
    assert [change.parameter for change in resolution.record.changes] == [name]


def test_equal_requests_on_the_wire_have_one_fingerprint() -> None:
    """However greedy is spelled, and whether one stop string is a list or not."""
    greedy = resolved("sglang", temperature=0).record.fingerprint
    assert resolved("sglang", do_sample=False).record.fingerprint == greedy
    one = resolved("vllm", stop="a").record.fingerprint
    assert resolved("vllm", stop=["a"]).record.fingerprint == one
    assert resolved("vllm", stop=[]).record.fingerprint == resolved("vllm").record.fingerprint


def test_null_for_what_the_engine_lacks_asks_for_nothing() -> None:
    """It is left out, which strict mode has nothing against."""
    resolution = resolved("openai", top_k=None, do_sample=None)
    assert resolution.violations == ()
    assert resolution.apply({"top_k": None, "do_sample": None}) == {}


@pytest.mark.parametrize("value", [10**400, -(10**400), 1e308])
def test_numbers_of_any_size_are_resolved(value: float) -> None:
    """Nothing raises; what does not fit is a fault of the value."""
    for name in PARAMETERS:
        body: dict[str, Any] = {name: value}
        for engine in ENGINES:
            resolved(engine, **body)
