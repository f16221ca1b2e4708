"""Rules of a policy in front of litellm: what it writes is held against them too."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from evenhand_proxy.config import Config, Model, Secret
from tests.fake_engine import FakeEngine
from tests.proxy.hosted_cases import MODELS
from tests.proxy.recording_provider import by_path, recording_provider
from tests.running import RunningProxy, running_proxy

pytestmark = [
    # litellm's own, raised while pydantic builds and reads its models.
    pytest.mark.filterwarnings("ignore:Items? '.*' on TypedDict class:UserWarning"),
    pytest.mark.filterwarnings("ignore:Accessing the 'model_(computed_)?fields' attribute"),
]

CHAT = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "hi"}]
POLICY = """
rules:
  - {name: short, action: cap, parameter: max_tokens, value: 8}
  - {name: calm, action: forbid, parameter: thinking_budget, match: {models: [claude]}}
  - {name: warm, action: pin, parameter: temperature, value: 0.7, match: {models: [gemini, llama]}}
"""


def written(folder: Path) -> Path:
    """The file of the policy."""
    file = folder / "policy.yaml"
    file.write_text(POLICY)
    return file


@pytest.fixture(scope="module")
async def provider() -> AsyncIterator[FakeEngine]:
    """The recording server."""
    async with recording_provider() as running:
        yield running


@pytest.fixture(scope="module")
async def proxy(
    provider: FakeEngine, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RunningProxy]:
    """One proxy for the module, because loading litellm takes seconds."""
    models = {
        name: Model(
            *MODELS[name][:1],  # type: ignore[arg-type]
            provider.url,
            upstream_model=MODELS[name][1],
            api_key=Secret("k"),
            via="litellm",
        )
        for name in ("claude", "gemini", "glm", "llama")
    }
    folder = tmp_path_factory.mktemp("hosted")
    async with running_proxy(Config(models=models, policy=written(folder)), folder) as running:
        yield running


@pytest.fixture(autouse=True)
def fresh(provider: FakeEngine) -> None:
    """Each test begins with a provider that nobody has called."""
    provider.seen.clear()
    provider.reply = by_path


@pytest.mark.parametrize(
    ("model", "own"),
    [
        ("gemini", {"generationConfig": {"maxOutputTokens": 9000, "temperature": 0}}),
        ("gemini", {"generationConfig": {"maxOutputTokens": 9, "responseModalities": ["TEXT"]}}),
        ("gemini", {"generation_config": {"max_output_tokens": 9000}, "max_tokens": 5000}),
        ("llama", {"options": {"num_predict": 9000, "temperature": 0}}),
    ],
)
async def test_a_providers_own_words_are_read_and_capped(
    proxy: RunningProxy,
    provider: FakeEngine,
    http: httpx.AsyncClient,
    model: str,
    own: dict[str, Any],
) -> None:
    """They would replace what litellm writes for the parameters that were capped."""
    answer = await http.post(proxy.url + CHAT, json={"model": model, "messages": HELLO, **own})
    assert answer.status_code == 200, answer.text
    (seen,) = provider.seen
    sent = {**seen.json.get("options", {}), **seen.json.get("generationConfig", {})}
    assert {sent.get("max_output_tokens"), sent.get("num_predict")} == {8, None}
    assert sent["temperature"] == 0.7
    assert not {"maxOutputTokens", "topK"} & sent.keys()


@pytest.mark.parametrize(
    ("model", "own", "told"),
    [
        ("llama", {"options": {"num_predict": 9000, "num_gpu": 1}}, "litellm left it out"),
        ("llama", {"Options": {"num_predict": 9000}}, "'Options.num_predict' as options."),
        ("gemini", {"generationConfig": {"MaxOutputTokens": 9000}}, "litellm wrote 9000"),
        ("claude", {"reasoning_effort": "high"}, "and litellm wrote 4096"),
    ],
)
async def test_what_litellm_writes_against_a_rule_is_not_sent(
    proxy: RunningProxy,
    provider: FakeEngine,
    http: httpx.AsyncClient,
    model: str,
    own: dict[str, Any],
    told: str,
) -> None:
    """Where its translation undoes a cap, the request is refused with rule and value."""
    answer = await http.post(proxy.url + CHAT, json={"model": model, "messages": HELLO, **own})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "policy_refused"), answer.text
    assert told in error["message"]
    assert provider.seen == []


async def test_what_keeps_the_rules_is_served(
    proxy: RunningProxy, provider: FakeEngine, http: httpx.AsyncClient
) -> None:
    """Also a value that litellm writes by another name or in another form."""
    for model in ("claude", "gemini", "glm", "llama"):
        request = {"model": model, "messages": HELLO, "max_tokens": 7, "stop": "x"}
        answer = await http.post(proxy.url + CHAT, json=request)
        assert answer.status_code == 200, answer.text
    assert len(provider.seen) == 4
