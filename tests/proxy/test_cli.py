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


def config_file(folder: Path, url: str = "http://127.0.0.1:9", more: str = "") -> str:
    """A config with one model and a secret."""
    file = folder / "evenhand.yaml"
    file.write_text(
        f"models:\n  m: {{engine: vllm, base_url: '{url}', api_key: sk-hush, profile: greedy}}\n"
        f"{more}"
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


async def test_broken_json_is_no_text() -> None:
    """What begins like an object and does not end like one was cut short by a shell."""
    where = ("--dialect", "vllm_openai", "--model", "m")
    code, _, problems = await evenhand("explain", *where, "--set", 'response_format={"type":')
    assert (code, "is not JSON" in problems) == (2, True)


@pytest.mark.parametrize("model", ["glm-4@", "@greedy"])
async def test_explain_takes_no_half_profile(model: str) -> None:
    """As the proxy does not."""
    code, _, problems = await evenhand("explain", "--dialect", "vllm_openai", "--model", model)
    assert (code, "half a profile" in problems) == (2, True)


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
        assert (code, "--api-key-env" in problems) == (2, True)
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


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (("thinking=true", "thinking.type=disabled"), "thinking and thinking.type say different"),
        (("thinking.type=disabled", "thinking=true"), "thinking and thinking.type say different"),
        (("seed=1", "seed=2"), "seed stands there twice"),
        (("=3",), "--set '=3' names no parameter"),
        (("seed",), "--set 'seed' has no '='"),
        (("seed=1000000000000000000000",), "seed: 1000000000000000000000 does not fit into 64"),
    ],
)
async def test_settings_that_cannot_be_set(settings: tuple[str, ...], message: str) -> None:
    """One line and exit code 2; a number that the proxy refuses is refused here too."""
    options = [word for setting in settings for word in ("--set", setting)]
    code, output, problems = await evenhand(
        "explain", "--dialect", "vllm_openai", "--model", "m", *options
    )
    assert (code, output) == (2, "")
    assert message in problems
    assert "Traceback" not in problems


async def test_settings_that_share_an_object() -> None:
    """They are joined, in either order."""
    settings = ('chat_template_kwargs={"lang": "de"}', "chat_template_kwargs.enable_thinking=false")
    for first, second in (settings, settings[::-1]):
        where = ("--dialect", "vllm_openai", "--model", "m", "--json")
        _, output, _ = await evenhand("explain", *where, "--set", first, "--set", second)
        parameters = json.loads(output)["parameters"]
        assert parameters["thinking"]["sent"] is False
        assert parameters["chat_template_kwargs"]["sent"] == {"lang": "de"}


async def test_explain_says_what_its_table_is_of() -> None:
    """Model, engine, mode and fingerprint; what was not asked for and is not known is one line."""
    arguments = ("explain", "--dialect", "generic_chat", "--model", "m", "--set", "top_k=5")
    code, output, _ = await evenhand(*arguments)
    assert code == 0
    assert output.startswith("model m, engine the endpoint, mode report, fingerprint ")
    assert "54 parameters that nobody set: not known" in output
    assert "xtc_probability" not in output


async def test_explain_fails_where_the_request_would_be_refused(tmp_path: Path) -> None:
    """By strict mode or by the policy, which is said in the record; exit code 1."""
    arguments = ("--dialect", "openai_chat", "--model", "m", "--set", "top_k=5", "--mode")
    assert [(await evenhand("explain", *arguments, mode))[0] for mode in ("strict", "pin")] == [
        1,
        0,
    ]
    policy = tmp_path / "policy.yaml"
    policy.write_text("rules: [{name: r, action: require, parameter: seed}]\n")
    config = config_file(tmp_path, more=f"policy: {policy}\n")
    asked = ("explain", "--config", config, "--model", "m", "--json")
    code, output, problems = await evenhand(*asked)
    found = json.loads(output)
    assert (code, found["parameters"]["seed"]["action"]) == (1, "refused")
    assert all("sent" not in record for record in found["parameters"].values())
    assert "the defaults of m at http://127.0.0.1:9 are not known: GET /version" in problems
    assert "Error" not in problems
    assert (await evenhand(*asked, "--set", "seed=1"))[0] == 0


async def test_explain_notes_what_a_dialect_alone_cannot_tell() -> None:
    """Another dialect for the model, and defaults that a server's settings may replace."""
    where = ("explain", "--json", "--dialect")
    _, output, problems = await evenhand(*where, "openai_chat", "--model", "gpt-5")
    assert problems == "the proxy would speak openai_reasoning to gpt-5\n"
    assert json.loads(output)
    _, _, problems = await evenhand(*where, "llamacpp_server", "--model", "m")
    assert "may replace them for temperature, top_p, top_k, min_p" in problems
    wrong = ("llamacpp_server", "--model", "m", "--engine-version", "abc")
    code, _, problems = await evenhand(*where, *wrong)
    assert (code, "'abc' is no version" in problems) == (2, True)


async def test_a_data_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """One line, before anything is started."""
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / "data"
    code, _, problems = await evenhand(
        "serve", "--config", config_file(tmp_path), "--port=0", f"--data-dir={folder}"
    )
    assert (code, problems.count("\n")) == (2, 1)
    assert f"--data-dir: {folder} cannot be made" in problems


@pytest.mark.parametrize(
    ("line", "content", "message"),
    [
        ("policy: FILE", "", "policy: FILE: holds no rules"),
        ("policy: FILE", None, "policy: FILE: cannot be read"),
        ("MODEL generation_config: FILE", "[]", "models.m.generation_config: FILE holds no object"),
        ("MODEL generation_config: FILE", None, "models.m.generation_config: FILE cannot be read"),
        ("MODEL attestation: FILE", "{", "models.m.attestation: FILE is no JSON"),
        ("MODEL attestation: FILE", "{}", "models.m.attestation: FILE is no attestation"),
        ("profiles: {p: {seed: x}}", None, "profiles.p.seed: 'x' is not a whole number"),
    ],
)
async def test_config_check_reads_the_files_that_a_config_names(
    tmp_path: Path, line: str, content: str | None, message: str
) -> None:
    """Exit code 2 with the place, where serving would fail or warn."""
    file, config = tmp_path / "named", tmp_path / "evenhand.yaml"
    if content is not None:
        file.write_text(content)
    kind, _, more = line.replace("FILE", str(file)).rpartition("MODEL ")
    model = "engine: vllm, base_url: 'http://127.0.0.1:9'"
    within, after = (f", {more}", "") if "MODEL" in line else ("", more)
    config.write_text(f"models: {{m: {{{model}{within}}}}}\n{kind}{after}\n")
    code, output, problems = await evenhand("config", "check", str(config))
    assert (code, output) == (2, "")
    assert message.replace("FILE", str(file)) in problems
