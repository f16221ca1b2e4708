"""The shipped suite runs from end to end on each engine, log-likelihoods included.

EVENHAND_SUITE_LIMIT says how many items of each task are asked, 2 unless it is set (`make suite`
asks 20). llama.cpp is asked for likelihoods token by token, so that WikiText's articles are left to
the longer run there.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.contract.conftest import Subject

LIMIT_VARIABLE = "EVENHAND_SUITE_LIMIT"
ARTICLES = "perplexity_wikitext2"
TOO_LONG = "long_context"
"""Begins at the whole of the context that is served, with no room for an answer."""

LONGEST = 7200


async def suite(subject: Subject, url: str, out: Path, *more: str) -> dict[str, Any]:
    """Run the suite in a process of its own; the model judges itself."""
    limit = os.environ.get(LIMIT_VARIABLE)
    short = limit is None and subject.engine.kind == "llamacpp"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "evenhand_proxy", "eval", "suite", "glm-4", "--json"),
        *("--base-url", url, "--model", subject.model, "--out", str(out)),
        *("--limit", limit or "2", *(("--skip", ARTICLES) if short else ())),
        *("--judge-url", url, "--judge-model", subject.model, "--no-cache"),
        *more,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(LONGEST):
        printed, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()[-3000:]
    document: dict[str, Any] = orjson.loads(printed)
    return document


def check(document: dict[str, Any]) -> None:
    """Every task whose data is at hand is done to the last sample, and says what it is worth."""
    states = {run["task"]: run["state"] for run in document["runs"]}
    reasons = {run["task"]: run["reason"] for run in document["runs"] if run["reason"]}
    away = {task for task, state in states.items() if state == "left out"}
    assert set(states.values()) <= {"done", "left out"}, reasons
    assert all(reasons[task].startswith("no data") for task in away - {TOO_LONG}), reasons
    for run in document["runs"]:
        if run["state"] == "done":
            assert run["samples"] == run["planned"] > 0
            assert run["outcomes"]["failed"] == 0, run["task"]
            assert run["score"] is not None
    done = set(states) - away
    assert {"ifeval_zh", "labels", "needle_glm", "ruler_vt"} <= done
    if "EVENHAND_DATA" in os.environ:
        assert "mmlu_loglikelihood" in done
        assert ARTICLES in done or ARTICLES not in states


def show(document: dict[str, Any], where: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Print what was asked, past pytest's capturing."""
    done = [run for run in document["runs"] if run["state"] == "done"]
    with capsys.disabled():
        sys.stdout.write(
            f"\n{where}: {len(done)} tasks, {sum(run['samples'] for run in done)} samples, "
            f"{document['requests']} requests, {document['seconds']:.0f} s\n"
        )
        for run in document["runs"]:
            what = run["reason"] or f"{run['samples']} samples, {run['score']['value']:.3f}"
            sys.stdout.write(f"  {run['task']}: {run['state']}, {what}\n")


async def test_the_suite_at_the_engine_itself(
    subject: Subject, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Asked directly, every task of the suite runs."""
    engine = subject.engine
    document = await suite(subject, engine.model.base_url, tmp_path, "--engine", engine.kind)
    check(document)
    show(document, f"{engine.kind}, asked itself", capsys)


async def test_the_suite_through_the_proxy(
    subject: Subject, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Asked through the proxy, nothing is lost."""
    document = await suite(subject, subject.url, tmp_path)
    check(document)
    show(document, f"{subject.engine.kind}, through the proxy", capsys)
