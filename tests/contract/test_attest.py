"""What is known of the real engines comes out of an attestation, the engine asked directly.

llama.cpp always; SGLang and vLLM in their make targets; SGLang's deterministic mode on a GPU.
"""

import asyncio
import os
import shutil
import signal
import socket
from pathlib import Path

import httpx
import pytest

from evenhand_evals.attest.runner import BUDGET, AttestSettings, attest
from evenhand_evals.attest.verdicts import Attestation
from evenhand_evals.cli.attest import print_attestation
from evenhand_evals.settings import normalise_url
from tests.contract.conftest import Subject

SAMPLING = {"greedy", "temperature", "top_k", "top_p", "min_p", "logit_bias"}
ACTING = SAMPLING | {"stop", "max_tokens", "n", "logprobs", "top_logprobs", "response_format"}
PENALTIES = {"presence_penalty", "frequency_penalty", "repetition_penalty"}
THINKING = {"thinking", "reasoning_effort"}

KNOWN = {
    "llamacpp": {
        "applied": {"seed", "json_schema", "grammar"},
        "ignored": {"min_tokens", "regex", "choice"},
    },
    "sglang": {
        "applied": {"min_tokens", "json_schema", "regex", "grammar"},
        "ignored": {"seed", "choice"},
    },
    "vllm": {
        "applied": {"seed", "min_tokens", "json_schema", "regex", "choice", "grammar"},
        "ignored": set(),
    },
}
"""For each engine, what is known besides `ACTING`: the seed acts in SGLang's deterministic mode
only, and a constraint that the engine has no field for is ignored in every common spelling."""


async def attested(base_url: str, model: str, **more: object) -> Attestation:
    """Attest an engine."""
    settings = AttestSettings(normalise_url(base_url), model, **more)  # type: ignore[arg-type]
    return await attest(settings)


async def test_an_attestation_agrees_with_what_is_known(subject: Subject) -> None:
    """Every parameter that is known to act is applied, every one known not to is ignored."""
    model = subject.engine.model
    found = await attested(model.base_url, model.upstream_model or subject.model)
    print_attestation(found)
    assert found.engine["name"] == subject.engine.kind
    verdicts = {name: each.verdict for name, each in found.findings.items()}
    known = KNOWN[subject.engine.kind]
    wrong = {
        name: found.findings[name]
        for verdict, names in (
            ("applied", known["applied"] | ACTING),
            ("ignored", known["ignored"]),
        )
        for name in names
        if verdicts[name] != verdict
    }
    assert not wrong
    assert {verdicts[name] for name in PENALTIES} <= {"applied", "unverifiable"}
    assert {verdicts[name] for name in THINKING} == {"unverifiable"}
    assert found.requests <= BUDGET  # how many it takes depends on what the engine draws


async def test_the_completions_route_agrees(subject: Subject) -> None:
    """The seed and the cut-offs are the same there."""
    model = subject.engine.model
    found = await attested(
        model.base_url,
        model.upstream_model or subject.model,
        route="completions",
        only=("seed", "top_k", "stop", "max_tokens"),
    )
    expected = "ignored" if subject.engine.kind == "sglang" else "applied"
    assert found.findings["seed"].verdict == expected
    others = {found.findings[name].verdict for name in ("top_k", "stop", "max_tokens")}
    assert others == {"applied"}


async def test_through_the_proxy_the_engine_is_named(subject: Subject) -> None:
    """The proxy says which engine is behind it, and the document says that a proxy was there."""
    found = await attested(subject.url, subject.model, only=("max_tokens",))
    assert found.through_proxy
    assert found.engine["name"] == subject.engine.kind
    assert found.findings["max_tokens"].verdict == "applied"


@pytest.mark.gpu
async def test_the_seed_acts_in_sglangs_deterministic_mode(tmp_path: Path) -> None:
    """With --enable-deterministic-inference the same seed gives the same text."""
    if shutil.which("nvidia-smi") is None:
        pytest.skip("the deterministic mode needs a GPU backend")
    checkpoint = os.environ.get("EVENHAND_GPU_CHECKPOINT")
    if not checkpoint:
        pytest.skip("EVENHAND_GPU_CHECKPOINT names no checkpoint folder")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = (tmp_path / "sglang.log").open("wb")
    process = await asyncio.create_subprocess_exec(
        os.environ.get("EVENHAND_GPU_PYTHON", "python3"),
        *("-m", "sglang.launch_server", "--model-path", checkpoint),
        *("--served-model-name", "tiny-glm4", "--host", "127.0.0.1", "--port", str(port)),
        *("--enable-deterministic-inference", "--attention-backend", "triton"),
        stdout=log,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        await _healthy(f"http://127.0.0.1:{port}/health", process, tmp_path / "sglang.log")
        found = await attested(f"http://127.0.0.1:{port}", "tiny-glm4", only=("seed", "greedy"))
        assert found.engine["flags"]["deterministic"] is True
        assert found.findings["greedy"].verdict == "applied"
        assert found.findings["seed"].verdict == "applied"
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGTERM)
        await process.wait()
        log.close()


async def _healthy(url: str, process: asyncio.subprocess.Process, log: Path) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        for _ in range(300):
            if process.returncode is not None:
                break
            try:
                if (await client.get(url, timeout=5)).status_code == httpx.codes.OK:
                    return
            except httpx.HTTPError:
                pass
            await asyncio.sleep(1)
    raise AssertionError(f"the engine did not start; its output is in {log}")
