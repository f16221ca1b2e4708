"""The config file: every mistake is named with its place and its fix."""

from pathlib import Path

import pytest

from evenhand_proxy.config import Config
from evenhand_proxy.config_file import load, loads
from evenhand_proxy.errors import ConfigError

MODEL = "models: {a: {engine: vllm, base_url: 'http://h:1'}}\n"


def read(text: str, **environment: str) -> Config:
    """Load a text as the file f.yaml."""
    return loads(text, "f.yaml", environment)


def test_a_full_file_is_read_into_the_tree(tmp_path: Path) -> None:
    """Types, defaults and nested keys arrive."""
    file = tmp_path / "evenhand.yaml"
    file.write_text(
        "listen: {port: 9000}\n"
        "models:\n"
        "  glm-4:\n"
        "    engine: sglang\n"
        "    base_url: http://127.0.0.1:30000\n"
        "    api_key: ${SGLANG_KEY}\n"
        "    profile: mine\n"
        "    timeouts: {connect: 2}\n"
        "profiles:\n"
        "  mine: {temperature: 0.2, stop: [a, b]}\n"
        "audit: {durability: full, content: true}\n"
    )
    config = load(file, {"SGLANG_KEY": "0123"})
    model = config.models["glm-4"]
    assert model.api_key is not None
    assert (model.api_key.text, model.timeouts.connect, model.mode) == ("0123", 2.0, "report")
    assert config.profiles["mine"] == {"temperature": 0.2, "stop": ["a", "b"]}
    assert (config.listen.port, config.audit.content) == (9000, True)
    assert "0123" not in repr(config)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("modles: {}", r"f.yaml:1: modles: .*did you mean 'models'"),
        (
            "models:\n  a:\n    engine: vllm\n    base_url: http://h\n    profil: greedy\n",
            r"f.yaml:5: models.a.profil: .*did you mean 'profile'",
        ),
        ("models: {a: {engine: sglnag, base_url: x}}", r"'sglnag' .*did you mean 'sglang'"),
        ("models:\n  a:\n    engine: vllm\n", r"models.a: lacks base_url"),
        (MODEL + "listen: {port: hi}", r"f.yaml:2: listen.port: 'hi' is not a whole number"),
        (MODEL + "listen: {port: true}", r"listen.port: 'true' is not a whole number"),
        (MODEL + "audit: {content: 1}", r"audit.content: '1' is not true or false"),
        (MODEL + "listen: [1]", r"listen: must be a mapping"),
        (MODEL + "listen: {host: ''}", r"listen.host: is empty"),
        (MODEL + "listen: {}\nlisten: {}", r"f.yaml:3: listen: stands here twice"),
        ("models: {a: {engine: vllm, base_url: '${NOPE}'}}", r"no NOPE; set it"),
        ("models: {a: {engine: vllm, base_url: h:1}}", r"base_url: 'h:1' is no address"),
        ("models: {a: {engine: vllm, base_url: 'http://h:x'}}", r"base_url: the port is no number"),
        ("models: {a: {engine: vllm, base_url: 'http://'}}", r"base_url: 'http://' is no address"),
        ("models: {a: {engine: vllm, base_url: 'http://u:pw@h'}}", r"holds a user or password"),
        (MODEL + "listen: {port: 70000}", r"listen.port: 70000 is no port"),
        (MODEL + "limits: {body_bytes: -5}", r"limits.body_bytes: -5 is not above 0"),
        (
            "models: {a: {engine: vllm, base_url: 'http://h', timeouts: {connect: .inf}}}",
            r"models.a.timeouts.connect: inf is not above 0",
        ),
        (MODEL + "keys: {k: {secret: s}, l: {secret: s}}", r"keys.l.secret: is that of keys.k"),
        ("models: {a@b: {engine: vllm, base_url: 'http://h'}}", r"'@' parts model and profile"),
        (
            "models: {a: {engine: vllm, base_url: 'http://h', profile: gredy}}",
            r"no profile 'gredy'; did you mean 'greedy'",
        ),
        (MODEL + "profiles: {p: {temprature: 1}}", r"profiles.p.temprature: .*'temperature'"),
        (MODEL + "profiles: {p: {temperature: hot}}", r"profiles.p.temperature: .*not a number"),
        (MODEL + "profiles: {p: {seed: null}}", r"profiles.p.seed: .*not a whole number"),
        (MODEL + "profiles: {p: {max_tokens: 1, n_predict: 2}}", r"names max_tokens once more"),
        (MODEL + "profiles: {greedy: {temperature: 1}}", r"profiles.greedy: ships with Evenhand"),
        (MODEL + "keys: {k: {secret: s, profile: x}}", r"keys.k.profile: there is no profile 'x'"),
        ("models: {}", r"models: is empty"),
        ("a: [", r"is not valid YAML"),
        ("", r"models: is empty"),
        (
            "models: {a: {engine: vllm, base_url: 'http://h', flags: {generation-config: auto}}}",
            r"models\.a\.flags\.generation-config: .*did you mean 'generation_config'",
        ),
        (
            "models: {a: {engine: openai, base_url: 'http://h', flags: {seed: 1}}}",
            r"models\.a\.flags\.seed: .*openai has none; leave it out",
        ),
    ],
)
def test_a_mistake_names_key_line_and_fix(text: str, message: str) -> None:
    """Unknown keys, wrong values and dangling references are errors."""
    with pytest.raises(ConfigError, match=message):
        read(text)


def test_a_variable_may_have_a_fallback() -> None:
    """`${NAME:-text}` is used where the environment has no NAME."""
    text = "models: {a: {engine: vllm, base_url: 'http://${HOST:-localhost}:1'}}"
    assert read(text).models["a"].base_url == "http://localhost:1"
    assert read(text, HOST="gpu").models["a"].base_url == "http://gpu:1"


def test_a_profile_may_read_the_environment() -> None:
    """In any value means in these too, lists among them."""
    text = MODEL + "profiles:\n  p:\n    temperature: '${HEAT}'\n    stop: [a, '${END:-b}']\n"
    with pytest.raises(ConfigError, match=r"profiles.p.temperature: .*'0.3' is not a number"):
        read(text, HEAT="0.3")
    plain = text.replace("'${HEAT}'", "${HEAT}")
    assert read(plain, HEAT="0.3").profiles["p"] == {"temperature": 0.3, "stop": ["a", "b"]}


def test_a_models_server_flags_are_read_as_plain_data() -> None:
    """Numbers, words and objects; a version stays text."""
    model = read(
        "models: {a: {engine: vllm, base_url: 'http://h', transformers: 4.57, attestation: a.json,"
        " flags: {override_generation_config: {top_k: 5}, max_logprobs: 3}}}"
    ).models["a"]
    assert model.flags == {"override_generation_config": {"top_k": 5}, "max_logprobs": 3}
    assert (model.transformers, model.attestation) == ("4.57", Path("a.json"))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The path stands in the error."""
    with pytest.raises(ConfigError, match=r"nothing\.yaml: cannot be read"):
        load(tmp_path / "nothing.yaml", {})


HOSTED = (
    "models: {c: {engine: anthropic, base_url: 'http://h', via: litellm, api_key: k,"
    " upstream_model: anthropic/claude-sonnet-4-5}}"
)


def test_a_hosted_provider_behind_litellm() -> None:
    """It is read; Gemini may also be called at its OpenAI-compatible address."""
    assert read(HOSTED).models["c"].via == "litellm"
    gemini = HOSTED.replace("engine: anthropic", "engine: gemini").replace("anthropic/", "gemini/")
    assert read(gemini).models["c"].engine == "gemini"
    address = "https://generativelanguage.googleapis.com/v1beta/openai"
    assert read(f"models: {{g: {{engine: gemini, base_url: '{address}'}}}}").models["g"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (" via: litellm,", "", r"models\.c\.via: Anthropic does not speak .*write via: litellm"),
        ("anthropic/", "", r"models\.c\.upstream_model: 'claude.*PROVIDER/MODEL .*anthropic, "),
        ("anthropic/", "cohere/", r"models\.c\.upstream_model: 'cohere/claude"),
        (" upstream_model: anthropic/claude-sonnet-4-5", "", r"models\.c\.upstream_model: ''"),
        ("engine: anthropic", "engine: zhipu", r"models\.c\.engine: zhipu .*; write anthropic"),
        (" api_key: k,", "", r"models\.c\.api_key: anthropic .*; add it"),
        ("api_key: k", "api_key: k, transformers: 4", r"models\.c\.transformers: .*leave it out"),
        ("api_key: k", "api_key: k, generation_config: a", r"models\.c\.generation_config: .*out"),
    ],
)
def test_mistakes_with_hosted_providers(old: str, new: str, message: str) -> None:
    """They are found when the file is read, not with the first request."""
    with pytest.raises(ConfigError, match=message):
        read(HOSTED.replace(old, new))


@pytest.mark.parametrize("route", ["/v1/chat/completions", "/v1/completions/", "/v1/models"])
def test_a_base_url_that_ends_in_a_route(route: str) -> None:
    """The proxy would call the route's route."""
    url = f"http://127.0.0.1:9{route}"
    with pytest.raises(
        ConfigError, match=r"models\.m\.base_url: ends in a route, /.*; leave it out"
    ):
        read(f"models: {{m: {{engine: vllm, base_url: '{url}'}}}}")
