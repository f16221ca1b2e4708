"""Base models are asked over completions, chat models over chat; no guess refuses either."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from evenhand_evals.endpoint.interface import check_interface
from evenhand_evals.endpoint.speaker import speaker
from evenhand_evals.errors import UsageError
from evenhand_evals.run import run_task
from evenhand_evals.settings import Target
from evenhand_evals.types import Ask, Chat, Dataset, Likelihood, Message, Sample, Task, Text
from evenhand_proxy.engines.local import LocalEngine
from tests.evals.fake import QUICK, Fake, serving, settings_for, yes_task

VLLM_WITHOUT = {
    "error": {
        "message": "As of transformers v4.44, default chat template is no longer allowed, so you "
        "must provide a chat template if the tokenizer does not define one.",
        "type": "BadRequestError",
        "param": None,
        "code": 400,
    }
}
SGLANG_WITHOUT = {
    "object": "error",
    "message": "Cannot use chat template functions because tokenizer.chat_template is not set and "
    "no template argument was passed! For information about writing templates see the "
    "documentation",
    "type": "BadRequest",
    "param": None,
    "code": 400,
}
BROKEN_TEMPLATE = {
    "object": "error",
    "message": "Failed to render chat template: Only user and assistant roles are supported!",
    "type": "BadRequest",
    "param": None,
    "code": 400,
}
TOKENS = {"count": 3, "max_model_len": 4096, "tokens": [1, 2, 3]}
CHATML = (
    "{%- for message in messages -%}\n"
    "  {{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' -}}\n"
    "{%- endfor -%}\n"
    "{%- if add_generation_prompt -%}\n"
    "  {{- '<|im_start|>assistant\n' -}}\n"
    "{%- endif -%}"
)
"""What llama-server shows in /props of a GGUF without a template."""


class Engine(Fake):
    """A fake with an engine's own routes: `told` by GET path, `tokenised` for POST /tokenize."""

    def __init__(
        self, told: Mapping[str, Any], tokenised: tuple[int, Mapping[str, Any]] | None = None
    ) -> None:
        super().__init__()
        self.told, self.tokenised = told, tokenised
        self.tokenise_requests: list[dict[str, Any]] = []

    @property
    def app(self) -> web.Application:
        """The routes of every fake, and the engine's own."""
        app = super().app
        for path in self.told:
            app.router.add_get(path, self._tell)
        if self.tokenised is not None:
            app.router.add_post("/tokenize", self._tokenise)
        return app

    async def _tell(self, request: web.Request) -> web.Response:
        return web.json_response(self.told[request.path])

    async def _tokenise(self, request: web.Request) -> web.Response:
        assert self.tokenised is not None
        self.tokenise_requests.append(await request.json())
        status, body = self.tokenised
        return web.json_response(body, status=status)


def sglang(tokenised: tuple[int, Mapping[str, Any]] | None) -> Engine:
    """A fake SGLang: what 0.5.23 tells of itself, as far as it is read."""
    info = {"version": "0.5.23", "model_path": "m", "internal_states": [{}]}
    return Engine({"/server_info": info}, tokenised)


def vllm(tokenised: tuple[int, Mapping[str, Any]] | None) -> Engine:
    """A fake vLLM in development mode."""
    told = {"/server_info": {"vllm_config": {}}, "/version": {"version": "0.32.0"}}
    return Engine(told, tokenised)


def llamacpp(template: str) -> Engine:
    """A fake llama-server."""
    settings = {"n_ctx": 2048, "params": {"temperature": 0.8, "min_p": 0.05}}
    props = {"default_generation_settings": settings, "chat_template": template}
    return Engine({"/props": props})


CHAT = yes_task()
BASE = replace(CHAT, name="yes_base", interface="completions")
BARE = replace(BASE, bare=True)
LIKELIHOOD = replace(CHAT, interface="likelihood")
FIRST: dict[str, Ask] = {
    "chat": Chat((Message("user", "hello"),)),
    "completions": Text("hello"),
    "likelihood": Likelihood("hello", (" you",)),
}


async def checked(url: str, task: Task, model: str = "tiny", **changes: Any) -> str | None:
    """Check a task against an endpoint."""
    target = Target(url, model, **changes)
    async with speaker(target, FIRST[task.interface], 16, backoff=QUICK) as model_:
        return await check_interface(task, model_)


@pytest.mark.parametrize(
    "fake", [vllm((400, VLLM_WITHOUT)), sglang((400, SGLANG_WITHOUT))], ids=["vllm", "sglang"]
)
async def test_a_chat_task_on_a_base_model_is_refused(fake: Engine) -> None:
    """The engine says that there is no template; the message says what to do instead."""
    async with serving(fake):
        with pytest.raises(UsageError, match="--interface completions --template plain"):
            await checked(fake.url, CHAT)
        assert await checked(fake.url, BASE) is None
        assert await checked(fake.url, LIKELIHOOD) is None
        assert await checked(fake.url, CHAT, interface="chat") is None
        assert await checked(fake.url, CHAT, template="plain") is None
        assert await checked(fake.url, CHAT, interface="completions") is None
    asked = [body["messages"][0]["role"] for body in fake.tokenise_requests]
    assert asked == ["user"] * 3


@pytest.mark.parametrize("fake", [vllm((200, TOKENS)), sglang((200, TOKENS))], ids=["vllm", "sgl"])
async def test_a_base_task_on_a_chat_model_is_refused(fake: Engine) -> None:
    """The message names the task for chat models; a name forces it."""
    async with serving(fake):
        with pytest.raises(UsageError, match=r"Ask yes, or force.*--interface completions"):
            await checked(fake.url, BASE)
        with pytest.raises(UsageError, match="Choose a task that asks over chat"):
            await checked(fake.url, replace(BASE, name="own"))
        assert await checked(fake.url, BASE, interface="completions") is None
        assert await checked(fake.url, BARE) is None
        assert await checked(fake.url, CHAT) is None


@pytest.mark.parametrize(
    "fake",
    [Fake(), sglang(None), vllm((404, {"detail": "Not Found"})), sglang((400, BROKEN_TEMPLATE))],
    ids=["unknown engine", "no route", "not found", "another error"],
)
async def test_what_is_not_certain_is_allowed(fake: Fake) -> None:
    """Both ways."""
    async with serving(fake):
        for task in (CHAT, BASE, LIKELIHOOD):
            assert await checked(fake.url, task) is None


@pytest.mark.parametrize("kind", ["vllm", "sglang"])
async def test_a_proxy_passes_the_question_on(kind: str) -> None:
    """What it relays of the engine's answer decides; a proxy that has no such route does not."""
    explained = {"parameters": {}, "fingerprint": "0", "engine": kind}
    relayed = {"error": {**VLLM_WITHOUT["error"], "type": "BadRequestError", "code": "400"}}
    fakes = Engine({}, (400, relayed)), Engine({}, (200, TOKENS)), Engine({}, None)
    for fake in fakes:
        fake.explain = lambda _body: (200, explained)
    base, chat, older = fakes
    async with serving(base), serving(chat), serving(older):
        with pytest.raises(UsageError, match="it is a base model"):
            await checked(base.url, CHAT)
        with pytest.raises(UsageError, match="it is a chat model"):
            await checked(chat.url, BASE)
        assert await checked(older.url, CHAT) is None
        assert await checked(older.url, BASE) is None


async def test_llamacpp_stands_in_for_a_missing_template() -> None:
    """The ChatML that it shows then may have been chosen as well: a note, no refusal."""
    async with serving(llamacpp(CHATML)) as fake:
        note = await checked(fake.url, CHAT)
        assert note is not None
        assert "brings no chat template" in note
        assert await checked(fake.url, BASE) is None


async def test_the_note_stands_in_the_result(tmp_path: Path) -> None:
    """The reader of a result sees it, also of one that is read back."""
    async with serving(llamacpp(CHATML)) as fake:
        data = await run_task(yes_task(2), settings_for(fake, tmp_path / "out"), backoff=QUICK)
    assert any("brings no chat template" in line for line in data.result.warnings)
    assert data.manifest.notes


async def test_nothing_is_asked_or_written_when_a_run_is_refused(tmp_path: Path) -> None:
    """The refusal comes before the first sample."""

    def load(_source: Any) -> Dataset:
        sample = Sample("a", (), "yes", ask=Text("hello"))
        return Dataset((sample,), "made here", None, "0" * 64, "Apache-2.0")

    async with serving(sglang((200, TOKENS))) as fake:
        with pytest.raises(UsageError, match="chat model"):
            await run_task(replace(BASE, load=load), settings_for(fake, tmp_path / "out"))
    assert fake.bodies == []
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("how", [{"template": "glm"}, {"interface": "completions"}])
@pytest.mark.parametrize("fields", [{"tools": []}, {}], ids=["tools", "images"])
async def test_what_no_prompt_can_hold_is_refused_first(
    how: dict[str, Any], fields: dict[str, Any], tmp_path: Path
) -> None:
    """Even where only a later item has it; the option is named, and nothing is asked or left."""
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    content = "hello" if fields else (picture,)

    def load(_source: Any) -> Dataset:
        plain = [Sample(str(number), (Message("user", "hi"),), "yes") for number in range(9)]
        last = Sample("last", (), "yes", ask=Chat((Message("user", content),), fields))
        return Dataset((*plain, last), "made here", None, "0" * 64, "Apache-2.0")

    option = " ".join(*([f"--{name}", value] for name, value in how.items()))
    async with serving(Fake()) as fake:
        with pytest.raises(UsageError, match=f"^{option}: (tools|images) "):
            await run_task(replace(CHAT, load=load), settings_for(fake, tmp_path / "out", **how))
    assert (fake.bodies, fake.authorizations) == ([], [])
    assert not (tmp_path / "out").exists()


async def test_a_real_chat_model(engine: LocalEngine) -> None:
    """llama.cpp shows the template that the model brings."""
    url = f"{engine.base_url}/v1"
    with pytest.raises(UsageError, match="chat model"):
        await checked(url, BASE, engine.model)
    assert await checked(url, CHAT, engine.model) is None
    note = await checked(url, LIKELIHOOD, engine.model)
    assert note is not None
    assert "chat template" in note
