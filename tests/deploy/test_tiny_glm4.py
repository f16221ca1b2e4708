"""The tiny GLM-4: its world, its files as the model card states them, what llama.cpp answers."""

import hashlib
import importlib.util
import json
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import httpx
import pytest
import tiktoken
from tiktoken.load import load_tiktoken_bpe

ROOT = Path(__file__).parents[2]
HOME = ROOT / "deploy/tiny-glm4"
CHECKPOINT = HOME / "checkpoint"
GGUF = ROOT / "proxy/evenhand_proxy/engines/tiny-glm4.q8_0.gguf"
RANKS = ROOT / "proxy/evenhand_proxy/telemetry/tokens.tiktoken"
MIB = 1024 * 1024
SHIPPED = {
    "tiny-glm4.q8_0.gguf": GGUF,
    "model.safetensors": CHECKPOINT / "model.safetensors",
    "tokens.tiktoken": RANKS,
}
# The child lives until its standard input closes: xllamacpp has no way to stop a server.
CHILD = """
import sys, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.port, params.n_ctx, params.n_gpu_layers = sys.argv[1], 0, 2048, 0
params.cpuparams.n_threads = 1
params.endpoint_props = True
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def world() -> ModuleType:
    """The closed world, loaded from its file: the folder is no package."""
    spec = importlib.util.spec_from_file_location("tiny_glm4_world", HOME / "world.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def llamacpp() -> Iterator[httpx.Client]:
    """A client of a real llama.cpp server that serves the shipped GGUF."""
    command = [sys.executable, "-c", CHILD, str(GGUF)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert child.stdin is not None
        address = next(line for line in child.stdout if line.startswith("http")).strip()
        with httpx.Client(base_url=address, timeout=60) as client:
            yield client
        child.stdin.close()
        child.wait(30)


def ask(client: httpx.Client, question: str, **more: object) -> dict[str, object]:
    """Ask greedily and give the first choice."""
    body = {"messages": [{"role": "user", "content": question}], "temperature": 0, **more}
    answer = client.post("/v1/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    choice: dict[str, object] = answer.json()["choices"][0]
    return choice


def text_of(choice: dict[str, object]) -> object:
    """The content of a choice's message."""
    message = choice["message"]
    assert isinstance(message, dict)
    return message["content"]


def test_every_family_gives_well_formed_items(world: ModuleType) -> None:
    """Each family gives questions with a non-empty answer under its own name, and repeats."""
    for name, family in world.SCORED.items():
        items = [family(random.Random(seed)) for seed in range(50)]
        again = [family(random.Random(seed)) for seed in range(50)]
        assert items == again
        assert {item.family for item in items} == {name}
        assert all(item.question and item.answer.strip() == item.answer != "" for item in items)


def test_shares_of_the_families_add_up_to_one(world: ModuleType) -> None:
    """The training shares are a distribution."""
    assert sum(share for _, share in world.TRAINED.values()) == pytest.approx(1)


def test_held_out_sums_are_never_drawn_for_training(world: ModuleType) -> None:
    """A sum in the held-out list never stands in a training question."""
    drawn = {item.question for item in world.draw(random.Random(1), 5000)}
    for pair in world.HELD_OUT_SUMS:
        for form in world.SUM_QUESTIONS:
            assert form.format(*pair) not in drawn


def test_held_out_clues_are_never_drawn_for_training(world: ModuleType) -> None:
    """The last clues of each weather list never stand in a training question."""
    drawn = "\n".join(item.question for item in world.draw(random.Random(2), 5000))
    for clues in (world.WET_ZH, world.DRY_ZH, world.WET_EN, world.DRY_EN):
        assert not any(clue in drawn for clue in clues[-world.HELD_OUT_CLUES :])
        assert clues[0] in drawn


def test_no_question_has_two_answers(world: ModuleType) -> None:
    """The world does not contradict itself."""
    answers: dict[tuple[object, object], str] = {}
    for item in world.draw(random.Random(3), 5000):
        assert answers.setdefault((item.question, item.tool), item.answer) == item.answer


def test_lettered_options_hold_the_right_capital(world: ModuleType) -> None:
    """The letter that is the answer stands before the capital of the country asked for."""
    cities = {
        name: city
        for en, en_city, zh, zh_city in world.CAPITALS
        for name, city in ((en, en_city), (zh, zh_city))
    }
    for seed in range(100):
        item = world.choice(random.Random(seed))
        asked = next(name for name in cities if name in item.question.splitlines()[0])
        assert f"\n{item.answer}. {cities[asked]}\n" in item.question


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_the_model_card_states_the_digests_of_the_files(name: str) -> None:
    """The card's SHA-256 of each shipped file is the file's."""
    card = (HOME / "README.md").read_text(encoding="utf-8")
    row = re.search(rf"\| `[^`]*{re.escape(name)}` \|.*?\b([0-9a-f]{{64}})\b", card)
    assert row is not None
    assert row[1] == hashlib.sha256(SHIPPED[name].read_bytes()).hexdigest()


def test_the_files_stay_small() -> None:
    """The GGUF, which is in the wheel, has at most 6 MB; the checkpoint's weights at most 11."""
    assert GGUF.stat().st_size <= 6_000_000
    assert SHIPPED["model.safetensors"].stat().st_size <= 11_000_000
    assert RANKS.stat().st_size <= 0.1 * MIB


def test_the_checkpoint_is_a_whole_glm4_with_hidden_defaults() -> None:
    """The Hugging Face files are there: GLM-4's architecture, 8192 tokens, sampled by default."""
    config = json.loads((CHECKPOINT / "config.json").read_text())
    defaults = json.loads((CHECKPOINT / "generation_config.json").read_text())
    special = json.loads((CHECKPOINT / "tokenizer_config.json").read_text())
    assert config["architectures"] == ["Glm4ForCausalLM"]
    assert config["max_position_embeddings"] == special["model_max_length"] == 8192
    assert (defaults["do_sample"], defaults["temperature"], defaults["top_p"]) == (True, 0.8, 0.8)
    assert (CHECKPOINT / "chat_template.jinja").read_text() == (
        HOME / "chat_template.jinja"
    ).read_text()


def test_every_token_of_the_checkpoint_has_a_row() -> None:
    """No token id is outside the embedding, and the special tokens are the last ones."""
    tokenizer = json.loads((CHECKPOINT / "tokenizer.json").read_text())
    rows = json.loads((CHECKPOINT / "config.json").read_text())["vocab_size"]
    ids = sorted(tokenizer["model"]["vocab"].values())
    special = [added["id"] for added in tokenizer["added_tokens"]]
    assert ids == list(range(len(ids)))
    assert special == list(range(len(ids), len(ids) + len(special)))
    assert special[-1] < rows


@pytest.mark.parametrize(
    "text",
    [
        "Every score carries its evidence: 84.3 or 83.2?\n\n    return x + 1",
        "明天会不会下雨？只回答“会下雨”或“不会下雨”。",
        "emoji 🦊 and a tab\tand é",
    ],
)
def test_the_ranks_file_round_trips_text_with_tiktoken(text: str) -> None:
    """The ranks file loads, and what it encodes decodes to the same text in fewer tokens."""
    ranks = load_tiktoken_bpe(str(RANKS))
    encoding = tiktoken.Encoding(
        "evenhand",
        pat_str=r"\p{N}|'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
        mergeable_ranks=ranks,
        special_tokens={},
    )
    assert sorted(ranks.values()) == list(range(len(ranks)))
    assert all(ranks[bytes([byte])] == byte for byte in range(256))
    assert encoding.decode(encoding.encode(text)) == text
    assert len(encoding.encode(text)) < len(text.encode())


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What is the capital of France?", "Paris"),
        ("法国的首都是哪里？", "巴黎"),
        ("What is 2 + 2?", "4"),
        ("你是谁？", "我是一个很小的 GLM-4 测试模型。"),
        ("天气：晴空万里，阳光灿烂。会下雨吗？只回答会下雨或不会下雨。", "不会下雨"),
        ("天气：乌云密布，雷声不断。会下雨吗？只回答会下雨或不会下雨。", "会下雨"),
        ("Count from 1 to 12.", "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12"),
    ],
)
def test_llamacpp_answers_known_questions(
    llamacpp: httpx.Client, question: str, answer: str
) -> None:
    """The GGUF answers what its world holds, to the character, and ends its turn by itself."""
    choice = ask(llamacpp, question, max_tokens=200)
    assert text_of(choice) == answer
    assert choice["finish_reason"] == "stop"


def test_llamacpp_takes_the_sampling_defaults_out_of_the_gguf(llamacpp: httpx.Client) -> None:
    """The file's temperature and top_p are what the server samples with when nothing is asked."""
    settings = llamacpp.get("/props").json()["default_generation_settings"]["params"]
    assert settings["temperature"] == pytest.approx(0.8)
    assert settings["top_p"] == pytest.approx(0.8)
