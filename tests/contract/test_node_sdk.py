"""The official OpenAI Node SDK, unchanged, against the proxy."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from tests.contract.conftest import Subject

FOLDER = Path(__file__).parents[1] / "node"


@pytest.mark.skipif(
    not shutil.which("node") or not (FOLDER / "node_modules" / "openai").is_dir(),
    reason="needs node, and npm ci in tests/node",
)
async def test_the_node_sdk_works_unchanged(subject: Subject) -> None:
    """Plain, streaming with usage, logprobs, tools, completions, models, and error types."""
    process = await asyncio.create_subprocess_exec(
        "node",
        str(FOLDER / "contract.mjs"),
        subject.url,
        subject.model,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, problems = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 0, problems.decode()
    found = json.loads(output)
    assert found["plain"]
    assert found["streamed"] == found["plain"]
    assert found["usage"] > 0
    assert found["streamUsage"] == found["usage"]
    assert len(found["fingerprint"]) == 64
    assert len(found["requestId"]) == 32
    assert found["logprobs"] == 2
    assert found["tools"] == 1
    assert found["completion"]
    assert f"{subject.model}@greedy" in found["models"]
    assert found["missing"]["type"] == "NotFoundError"
    assert found["missing"]["code"] == "model_not_found"
    assert found["refused"]["type"] == "BadRequestError"
    assert found["refused"]["param"] == "top_p"
