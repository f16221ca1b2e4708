"""`evenhand attest`: its table, its document, its exit codes, and what it says when it cannot."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from evenhand_evals.attest.runner import PROBES, AttestSettings
from evenhand_evals.attest.runner import attest as run
from evenhand_evals.cli.attest import attest
from evenhand_evals.errors import EndpointError, UsageError
from evenhand_proxy.decoding import PARAMETERS
from tests.evals.fake import Fake, Reply, always, serving
from tests.toy_engine import toy_engine


async def cli(base_url: str, *more: str) -> Result:
    """Run the command against an endpoint of this event loop."""
    arguments = ["--base-url", base_url, "--model", "toy", *more]
    return await asyncio.to_thread(CliRunner().invoke, attest, arguments)


def test_every_probe_has_a_canonical_name() -> None:
    """The document's keys are those of the vocabulary, and `greedy`."""
    assert set(PROBES) - {"greedy"} <= set(PARAMETERS)


async def test_an_honest_engine_is_exit_code_0_and_a_table() -> None:
    """Verdicts, what was seen, the number of requests and the error rate are printed."""
    async with toy_engine() as engine:
        result = await cli(engine.base_url, "--only", "stop,n", "--only", "max_tokens")
        requests = engine.requests
    assert result.exit_code == 0, result.output
    rows = [line.split("│") for line in result.stdout.splitlines() if "│" in line]
    named = {row[0].strip(): row[1].strip() for row in rows if row[0].strip()}
    assert named == {"stop": "applied", "max_tokens": "applied", "n": "applied"}
    assert f"{requests} requests; the chance that luck made any verdict wrong is at most 0.001" in (
        result.stdout
    )


async def test_a_lie_is_exit_code_1_and_stands_in_the_document(tmp_path: Path) -> None:
    """`--json` and `--out` give one document, complete and the same."""
    out = tmp_path / "attestation.json"
    async with toy_engine(ignore=("n",)) as engine:
        result = await cli(engine.base_url, "--only", "stop,n", "--json", "--out", str(out))
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert document == json.loads(out.read_text("utf-8"))
    assert document["evenhand_attestation"] == 1
    assert document["base_url"] == engine.base_url
    assert (document["model"], document["route"]) == ("toy", "chat")
    assert document["engine"]["name"] == "openai"
    assert document["correction"] == "bonferroni"
    lie = document["verdicts"]["n"]
    assert lie["verdict"] == "ignored"
    assert lie["statistic"] == {"name": "requests with two answers", "value": 0.0}
    assert (lie["requests"], lie["alpha"], lie["beta"]) == (8, 0.0005, 0.0)
    assert "0 of 8" in lie["detail"]
    assert document["verdicts"]["stop"]["verdict"] == "applied"
    spent = sum(each["requests"] for each in document["verdicts"].values())
    assert 0 < spent < document["requests"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--only", "seeed"), "did you mean 'seed'"),
        (("--engine", "sglnag"), "did you mean 'sglang'"),
        (("--only", "thinking", "--route", "completions"), "--route chat"),
        (("--budget", "20"), "--budget"),
        (("--only", "n", "--out", "/nowhere/there/a.json"), "--out"),
        (("--api-key-env", "NO_SUCH_VARIABLE_HERE"), "NO_SUCH_VARIABLE_HERE"),
    ],
)
async def test_wrong_use_is_exit_code_2(arguments: tuple[str, ...], said: str) -> None:
    """The message names the option and the fix."""
    async with toy_engine() as engine:
        result = await cli(engine.base_url, *arguments)
    assert result.exit_code == 2, result.output
    assert said in result.stderr
    assert "Traceback" not in result.output


async def test_an_endpoint_that_is_not_there_is_exit_code_3() -> None:
    """Nothing is attested, and standard output stays empty."""
    async with toy_engine() as engine:
        gone = engine.base_url
    result = await cli(gone, "--json")
    assert result.exit_code == 3
    assert "cannot be reached" in result.stderr
    assert result.stdout == ""


async def test_a_model_that_is_not_there_is_exit_code_3() -> None:
    """The endpoint's own message is passed on."""
    async with toy_engine() as engine:
        result = await cli(engine.base_url, "--model", "other")
    assert result.exit_code == 3
    assert "'other' does not exist" in result.stderr


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(status=401, message="bad key"), "401"),
        (Reply(status=404, message="no such thing"), "404"),
        (Reply(status=400, message="I refuse everything"), "refuses a plain request"),
        (Reply(raw="<html>hello</html>"), "no completion"),
        (Reply(finish_reason="abort"), "no completion"),
    ],
)
async def test_a_failing_endpoint_is_an_error_and_no_verdict(reply: Reply, said: str) -> None:
    """A failure is never counted as an answer."""
    async with serving(Fake(always(reply))) as fake:
        with pytest.raises(EndpointError, match=said):
            await run(AttestSettings(fake.url, "tiny"))


async def test_a_failure_on_the_way_ends_the_attestation() -> None:
    """An engine that loses the key's validity in the middle gives no half document."""

    def script(body: dict[str, Any], _times: int) -> Reply:
        return Reply(status=401) if "stop" in body else Reply(text=str(body.get("max_tokens")))

    async with serving(Fake(script)) as fake:
        with pytest.raises(EndpointError, match="401"):
            await run(AttestSettings(fake.url, "tiny", only=("stop",)))


async def test_the_newer_name_of_the_token_limit_is_used_where_the_old_is_refused() -> None:
    """OpenAI's reasoning models take `max_completion_tokens` only; temperature is not blamed."""

    def script(body: dict[str, Any], _times: int) -> Reply:
        for name in ("max_tokens", "temperature", "top_k", "min_p", "repetition_penalty"):
            if name in body:
                return Reply(status=400, message=f"unsupported: {name}")
        return Reply(text="word " * body["max_completion_tokens"])

    async with serving(Fake(script)) as fake:
        found = await run(AttestSettings(fake.url, "tiny", only=("top_k", "top_p", "n")))
    assert found.findings["top_k"].verdict == "refused"
    assert "unsupported: top_k" in found.findings["top_k"].detail
    assert found.findings["top_p"].verdict == "unverifiable"
    assert all("max_completion_tokens" in body for body in fake.bodies[3:])
    assert all("messages" in body for body in fake.bodies)


async def test_unknown_only_is_a_usage_error() -> None:
    """Checked before anything is asked."""
    with pytest.raises(UsageError, match="--only"):
        await run(AttestSettings("http://127.0.0.1:9/v1", "m", only=("nothing",)))
