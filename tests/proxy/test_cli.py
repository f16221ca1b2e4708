"""The command line, each command in a process of its own."""

import asyncio
import json
import socket
import sys
from pathlib import Path

import pytest

from evenhand_proxy.config import Config, Key, Model, Secret
from tests.fake_engine import FakeEngine
from tests.running import evenhand, running_proxy

HEAVY = ("fastapi", "uvicorn", "aiohttp", "opentelemetry", "tiktoken", "litellm", "torch", "rich")


def config_file(folder: Path, url: str = "http://127.0.0.1:9") -> str:
    """A config with one model and a secret."""
    file = folder / "evenhand.yaml"
    file.write_text(
        f"models:\n  m: {{engine: vllm, base_url: '{url}', api_key: sk-hush, profile: greedy}}\n"
    )
    return str(file)


async def test_help_names_every_command_and_loads_nothing_heavy() -> None:
    """What makes a start slow is only imported by the command that needs it."""
    code, output, _ = await evenhand("--help")
    assert code == 0
    for command in ("serve", "config", "audit", "explain", "model", "eval"):
        assert command in output
    program = (
        "import sys\nfrom evenhand_proxy.cli.root import cli\n"
        "cli(['--help'], standalone_mode=False)\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE
    )
    output_bytes, _ = await process.communicate()
    assert output_bytes.decode().splitlines()[-1] == "[]"


async def test_config_check(tmp_path: Path) -> None:
    """0 for a good file, 2 with the place for a bad one."""
    code, output, _ = await evenhand("config", "check", config_file(tmp_path))
    assert (code, "valid" in output) == (0, True)
    bad = tmp_path / "bad.yaml"
    bad.write_text("modles: {}")
    code, output, problems = await evenhand("config", "check", str(bad))
    assert (code, output) == (2, "")
    assert f"{bad}:1: modles:" in problems


async def test_config_show_masks_secrets(tmp_path: Path) -> None:
    """Every default is there; the key is not."""
    code, output, problems = await evenhand("config", "show", config_file(tmp_path), "--json")
    assert code == 0
    shown = json.loads(output)
    assert shown["models"]["m"]["api_key"] == "***"
    assert shown["audit"]["durability"] == "normal"
    _, table, _ = await evenhand("config", "show", config_file(tmp_path))
    assert "models.m.engine" in table
    assert "sk-hush" not in output + problems + table


async def test_explain_agrees_with_the_server(engine: FakeEngine, tmp_path: Path) -> None:
    """The record comes from the same function; an engine that is silent is named on stderr."""
    arguments = ("explain", "--config", config_file(tmp_path, engine.url), "--model", "m")
    code, output, problems = await evenhand(*arguments, "--set", "top_p=0.5", "--json")
    assert code == 0
    parameters = json.loads(output)["parameters"]
    assert parameters["temperature"]["source"] == "profile"
    assert parameters["top_p"]["requested"] == 0.5
    assert engine.url in problems
    code, table, _ = await evenhand(*arguments)
    assert "temperature" in table
    assert engine.seen == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("serve",), "--config FILE, or --local"),
        (("serve", "--config", "nothing.yaml"), "cannot be read"),
        (("config", "nonsense"), "No such command"),
        (("serve", "--no-such-option"), "No such option"),
    ],
)
async def test_wrong_use_is_exit_code_2(arguments: tuple[str, ...], message: str) -> None:
    """With a message on standard error and nothing on standard output."""
    code, output, problems = await evenhand(*arguments)
    assert (code, output) == (2, "")
    assert message in problems


async def test_explain_names_the_nearest_model_and_parameter(tmp_path: Path) -> None:
    """Typing errors get a hint."""
    file = config_file(tmp_path)
    code, _, problems = await evenhand("explain", "--config", file, "--model", "m@gredy")
    assert (code, "'greedy'" in problems) == (2, True)
    wrong = ("--model", "m", "--set", "temprature=0")
    code, _, problems = await evenhand("explain", "--config", file, *wrong)
    assert (code, "'temperature'" in problems) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--dialect", "vllm_openai", "--key", "team"), "--key"),
        (("--dialect", "vllm_openai", "--route", "chat"), "--route"),
        (("--dialect", "vllm_openai", "--config", "f.yaml"), "--dialect"),
        (("--engine-version", "0.9"), "--engine-version"),
        (("--key", "team"), "--key"),
    ],
)
async def test_explain_refuses_options_that_mean_nothing(
    arguments: tuple[str, ...], named: str
) -> None:
    """Rather than answer as if they were not there."""
    code, output, problems = await evenhand("explain", "--model", "m", *arguments)
    assert (code, output) == (2, "")
    assert problems.startswith(f"evenhand: {named}: ")


async def test_explain_says_what_a_mode_would_do() -> None:
    """Strict marks as refused what report mode would pass on."""
    arguments = ("--dialect", "openai_chat", "--model", "m", "--set", "top_k=5", "--json")
    _, output, _ = await evenhand("explain", *arguments, "--mode", "strict")
    assert json.loads(output)["parameters"]["top_k"]["action"] == "refused"
    _, output, _ = await evenhand("explain", *arguments)
    assert json.loads(output)["parameters"]["top_k"]["action"] == "dropped"


async def test_explain_asks_a_proxy_with_a_key(engine: FakeEngine, tmp_path: Path) -> None:
    """The key of the environment, and the mode that is asked for."""
    config = Config(
        models={"m": Model("vllm", engine.url)}, keys={"team": Key(Secret("sk-of-the-team"))}
    )
    arguments = ("explain", "--model", "m", "--mode", "pin", "--json")
    async with running_proxy(config, tmp_path) as proxy:
        where = ("--url", proxy.url, "--api-key-env", "TEAM_KEY")
        code, _, problems = await evenhand(*arguments, *where)
        assert (code, "key" in problems) == (2, True)
        key = {"TEAM_KEY": "sk-of-the-team"}
        code, output, _ = await evenhand(*arguments, *where, environment=key)
    assert (code, json.loads(output)["mode"]) == (0, "pin")


async def test_a_taken_port_is_said_in_one_line(tmp_path: Path) -> None:
    """Before anything slow is started."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, problems = await evenhand(
            "serve", "--config", config_file(tmp_path), f"--port={port}", f"--data-dir={tmp_path}"
        )
    assert code == 2
    assert problems.startswith(f"evenhand: listen: 127.0.0.1:{port} cannot be used: ")
    assert "Traceback" not in problems
