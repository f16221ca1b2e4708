"""What engines' answers mean: hand-written answers in, facts out, one clear error for the rest."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand_proxy.decoding.errors import IntrospectionError
from evenhand_proxy.decoding.facts import EngineFacts, digest
from evenhand_proxy.decoding.introspection import (
    DETECTION,
    FLAGS,
    QUESTIONS,
    Checkpoint,
    checkpoint_of,
    facts_from,
    recognise,
)
from tests.proxy import engine_answers as given_answers
from tests.proxy.engine_answers import ANSWERS, SGLANG_SERVER_INFO

GLM = {"do_sample": True, "temperature": 0.8, "top_p": 0.8}


def sglang(hints: dict[str, Any] | None = None, **changed: Any) -> EngineFacts:
    """Read SGLang's answers, some of the server's arguments changed."""
    answers = {**ANSWERS["sglang"], "server_info": {**SGLANG_SERVER_INFO, **changed}}
    return facts_from("sglang", answers, model="glm-4", **(hints or {}))


def test_sglang_tells_its_arguments() -> None:
    """Identity, deterministic mode, and defaults that differ between the routes."""
    facts = sglang({"generation_config": GLM, "template": "{{ m }}"})
    assert facts == EngineFacts(
        "sglang",
        version="0.5.23",
        weights="GLM-4-9B-0414",
        flags={
            "deterministic": False,
            "sampling_defaults": "model",
            "random_seed": 1064048687,
            "dtype": "bfloat16",
            "kv_cache_dtype": "auto",
        },
        model_defaults={"temperature": 0.8, "top_p": 0.8},
        template=digest("{{ m }}"),
        transformers="5",
        route_defaults={"completions": {}},
    )


def test_sglang_keeps_no_secret() -> None:
    """The launch command may carry a key; nothing of it is in the facts."""
    assert "not-to-be-kept" not in repr(sglang().document())


def test_sglangs_defaults_follow_its_flags_and_its_release() -> None:
    """Under `openai` the file is not read; an old release with transformers 4 adds top_k."""
    hints = {"generation_config": GLM}
    assert sglang(hints, sampling_defaults="openai").model_defaults == {}
    old = sglang(hints, version="0.5.6")
    assert old.model_defaults == {"temperature": 0.8, "top_p": 0.8, "top_k": 50}
    assert (old.transformers, set(old.default_notes)) == ("4.57.1", {"top_k"})
    assert sglang(hints, version="0.5.3").model_defaults == {}
    assert sglang().model_defaults is None


@pytest.mark.parametrize("text", [False, True])
def test_preferred_parameters_act_on_the_responses_route_only(text: bool) -> None:
    """Where the file sets them they lose, and what the route always sets they cannot change."""
    told: Any = {"temperature": 0.1, "top_k": 7, "min_p": 0.2, "max_new_tokens": 9}
    said = '{"temperature": 0.1, "top_k": 7, "min_p": 0.2, "max_new_tokens": 9}' if text else told
    facts = sglang({"generation_config": {**GLM, "top_k": 3}}, preferred_sampling_params=said)
    assert facts.preferred == {"temperature": 0.1, "top_k": 7, "min_p": 0.2, "max_tokens": 9}
    assert facts.defaults_on("chat") == {"temperature": 0.8, "top_p": 0.8, "top_k": 3}
    assert facts.defaults_on("completions") == {}
    assert facts.defaults_on("responses") == {
        "temperature": 0.8,
        "top_p": 0.8,
        "top_k": 3,
        "min_p": 0.2,
    }
    unknown = sglang(None, preferred_sampling_params=said)
    assert unknown.defaults_on("responses") is None


def test_what_sglang_reports_beats_what_the_config_says() -> None:
    """A flag in the config fills what the engine is silent about."""
    flags = {"sampling_defaults": "openai", "max_new_tokens_limit": 256}
    facts = sglang({"generation_config": GLM, "flags": flags})
    assert facts.flags["sampling_defaults"] == "model"
    assert facts.caps == {"max_tokens": 256}
    silent = sglang({"generation_config": GLM, "flags": flags}, sampling_defaults=None)
    assert silent.model_defaults == {}


def test_sglang_in_deterministic_mode_takes_no_min_p() -> None:
    """Its sampler fails on any other value than 0."""
    assert sglang().limits == {}
    assert sglang(enable_deterministic_inference=True).limits == {"min_p": 0}


def test_sglang_tells_of_processors_and_parsers_even_where_it_has_none() -> None:
    """No reasoning parser is reported as null, which is known; an old release's silence is not."""
    off = sglang(enable_custom_logit_processor=False, reasoning_parser=None).flags
    assert (off["custom_logit_processor"], off["reasoning_parser"]) == (False, None)
    on = sglang(enable_custom_logit_processor=True, reasoning_parser="glm45").flags
    assert (on["custom_logit_processor"], on["reasoning_parser"]) == (True, "glm45")
    assert {"custom_logit_processor", "reasoning_parser"}.isdisjoint(sglang().flags)


def test_vllm_tells_version_and_model_only() -> None:
    """Flags come from the config, and with them what the file means."""
    answers = ANSWERS["vllm"]
    facts = facts_from("vllm", answers, model="glm-4", generation_config={"top_k": 50})
    assert (facts.version, facts.weights) == ("0.33.0", "GLM-4-9B-0414")
    assert (facts.transformers, facts.model_defaults) == ("5", {"top_k": 50})
    assert (facts.flags, facts.limits, facts.caps) == ({}, {}, {})
    told = {"generation_config": "vllm", "max_logprobs": 50, "batch_invariant": False}
    facts = facts_from("vllm", answers, model="glm-4", flags=told)
    assert (facts.model_defaults, facts.limits) == ({}, {"logprobs": 50, "top_logprobs": 50})
    assert facts.flags == told
    facts = facts_from("vllm", answers, model="glm-4", flags={"max_logprobs": -1})
    assert facts.limits["top_logprobs"] > 1_000_000


def test_vllm_in_development_mode_tells_its_flags() -> None:
    """They count more than the config's, and so does the library that is installed there."""
    answers = {**ANSWERS["vllm"], "server_info": given_answers.VLLM_SERVER_INFO}
    facts = facts_from(
        "vllm",
        answers,
        model="glm-4",
        generation_config=GLM,
        transformers="4.57.1",
        flags={"generation_config": "vllm"},
    )
    assert facts.model_defaults == {"temperature": 0.8, "top_p": 0.9, "max_tokens": 512}
    assert facts.caps == {"max_tokens": 512}
    assert facts.transformers == "5.19.0"
    assert facts.flags["batch_invariant"] is True
    assert facts.limits == {"logprobs": 5, "top_logprobs": 5}


def test_llamacpp_reports_its_defaults() -> None:
    """As written, not as a widened 32-bit float; the random seed is no default."""
    models = {"data": [{"id": "glm", "meta": {"size": 5596160}}]}
    facts = facts_from("llamacpp", {**ANSWERS["llamacpp"], "models": models}, model="glm")
    assert facts.reported_defaults == {
        "temperature": 0.8,
        "top_k": 40,
        "top_p": 0.95,
        "min_p": 0.05,
        "repetition_penalty": 1.0,
        "max_tokens": -1,
    }
    assert facts.weights == "glm-4-9b-0414.q8_0.gguf 5596160 bytes"
    assert facts.template == digest("[gMASK]<sop>{{ messages }}")
    assert facts.limits == {"n": 4}


def test_ollama_reports_its_modelfile_as_its_openai_route_uses_it() -> None:
    """Temperature and top_p of the Modelfile lose there; everything else is the default."""
    facts = facts_from("ollama", ANSWERS["ollama"], model="glm4")
    assert facts.reported_defaults == {
        "num_ctx": 8192,
        "stop": ["<|user|>", "<|assistant|>"],
        "repetition_penalty": 1.1,
        "seed": 42,
    }
    assert facts.preferred == {"temperature": 0.7}
    assert (facts.version, facts.weights) == ("0.14.2", "glm4:latest 0123456789ab")


def test_tgi_tells_limits() -> None:
    """And no defaults, because it has none."""
    facts = facts_from("tgi", ANSWERS["tgi"], model="m")
    assert facts.limits == {"stop": 4, "best_of": 2}
    assert facts.weights == "GLM-4-9B-0414 0123456789ab"
    assert facts.model_defaults == {}


def test_mistral_tells_a_temperature_for_each_model() -> None:
    """Of the model that is served, found by its name."""
    facts = facts_from("mistral", ANSWERS["mistral"], model="mistral-large-latest")
    assert facts.reported_defaults == {"temperature": 0.7}
    assert facts_from("mistral", ANSWERS["mistral"], model="other").reported_defaults == {}


def test_transformers_is_its_checkpoint() -> None:
    """The server reports nothing, so the file and the config say all."""
    facts = facts_from("transformers", {}, model="org/name", generation_config=GLM)
    assert facts.model_defaults == GLM
    assert facts.weights == "name"


@pytest.mark.parametrize(
    ("engine", "answers", "message"),
    [
        ("sglang", {}, "sglang /server_info: the answer is no object but nothing"),
        ("sglang", {"server_info": []}, "sglang /server_info: the answer is no object but a list"),
        (
            "sglang",
            {"server_info": {"x": 1}},
            "sglang /server_info: the answer lacks version and model_path",
        ),
        ("vllm", {"version": {}}, "vllm /version: the answer lacks version"),
        ("vllm", {"version": {"version": 1}}, "vllm /version: the answer's version is no text"),
        ("vllm", {"version": {"version": "1"}}, "vllm /v1/models: the answer is no object"),
        (
            "llamacpp",
            {"props": {}},
            "llamacpp /props: the answer lacks default_generation_settings",
        ),
        (
            "llamacpp",
            {"props": {"default_generation_settings": 1}},
            "llamacpp /props: default_generation_settings lacks params",
        ),
        ("ollama", {"show": "x"}, "ollama /api/show: the answer is no object but text"),
        ("tgi", {"info": {"x": 1}}, "tgi /info: the answer lacks model_id and version"),
        ("mistral", {"models": {}}, "mistral /v1/models: the answer lacks data"),
        ("openai", {"models": 1.5}, "openai /v1/models: the answer is no object but a number"),
    ],
)
def test_an_odd_answer_is_one_clear_error(
    engine: str, answers: dict[str, Any], message: str
) -> None:
    """It names engine, path and what is missing."""
    with pytest.raises(IntrospectionError) as raised:
        facts_from(engine, answers, model="m")
    assert str(raised.value).startswith(message)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


@st.composite
def disturbed(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """An engine's real answers with any JSON in the place of some of their values."""
    engine = draw(st.sampled_from(sorted(QUESTIONS)))
    answers: dict[str, Any] = {}
    for name in QUESTIONS[engine]:
        answer = ANSWERS.get(engine, {}).get(name, {})
        changed = {key: draw(st.just(answer[key]) | JSON) for key in answer}
        answers[name] = draw(st.just(changed) | JSON)
    return engine, answers


@given(case=disturbed(), flags=st.dictionaries(st.sampled_from(FLAGS["sglang"]), JSON))
def test_nothing_but_that_error_is_ever_raised(
    case: tuple[str, dict[str, Any]], flags: dict[str, Any]
) -> None:
    """Any JSON in any place gives facts whose identity can be written down, or the error."""
    engine, answers = case
    try:
        facts = facts_from(engine, answers, model="m", generation_config=GLM, flags=flags)
    except IntrospectionError:
        return
    assert facts.engine == engine
    assert facts.identity()["name"] == engine
    checkpoint_of(engine, answers, model="m", flags=flags)


@given(answers=st.dictionaries(st.sampled_from(sorted(DETECTION)), JSON))
def test_an_unknown_endpoint_is_always_something(answers: dict[str, Any]) -> None:
    """Detection never fails; at worst it is an endpoint that speaks OpenAI's protocol."""
    assert recognise(answers) in QUESTIONS


@pytest.mark.parametrize(
    ("engine", "answers"),
    [
        ("sglang", {"server_info": SGLANG_SERVER_INFO}),
        ("sglang", {"models": {"data": [{"id": "m", "owned_by": "sglang"}]}}),
        ("vllm", {"version": given_answers.VLLM_VERSION, "models": given_answers.VLLM_MODELS}),
        ("vllm", {"server_info": given_answers.VLLM_SERVER_INFO}),
        ("llamacpp", {"props": given_answers.LLAMACPP_PROPS}),
        ("ollama", {"ollama_version": {"version": "0.14.2"}}),
        ("tgi", {"info": given_answers.TGI_INFO}),
        ("mistral", {"models": given_answers.MISTRAL_MODELS}),
        ("openai", {"models": {"data": [{"id": "gpt-4o", "owned_by": "openai"}]}}),
        ("openai", {}),
    ],
)
def test_an_engine_is_recognised_by_its_answers(engine: str, answers: dict[str, Any]) -> None:
    """By what only it answers, or by the owner that it writes into its list of models."""
    assert recognise(answers) == engine


def test_a_question_names_the_model_in_its_body() -> None:
    """Ollama is asked for one model; a GET has no body."""
    assert QUESTIONS["ollama"]["show"].body_for("glm4") == {"model": "glm4"}
    assert QUESTIONS["vllm"]["version"].body_for("glm4") is None


def test_the_checkpoint_is_where_the_engine_says() -> None:
    """Model, revision, and what flags put in the place of its files."""
    where = checkpoint_of(
        "sglang",
        {"server_info": {"model_path": "org/name", "revision": "v2", "chat_template": "t.jinja"}},
        model="m",
    )
    assert where == Checkpoint("org/name", "v2", None, "t.jinja")
    flags = {"generation_config": "defaults"}
    where = checkpoint_of("vllm", ANSWERS["vllm"], model="glm-4", flags=flags)
    assert where == Checkpoint("THUDM/GLM-4-9B-0414", None, "defaults", None)
    assert checkpoint_of("vllm", {}, model=None, flags={"generation_config": "auto"}) == (
        Checkpoint()
    )
