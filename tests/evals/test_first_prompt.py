"""The first prompt: written by the task, by a template of ours, or as the server tells it."""

import base64
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner

from evenhand_evals.cli.prompt import shown_message
from evenhand_evals.cli.root import eval_group
from evenhand_evals.errors import UsageError
from evenhand_evals.first_prompt import shown_prompt
from evenhand_evals.settings import Target
from evenhand_evals.types import Ask, Chat, Likelihood, Message, Text
from tests.evals.test_tokens import Answers, endpoint

CHAT = Chat((Message("user", "Hi"),), {"stop": ["X"]})


def llamacpp(path: str, body: dict[str, Any]) -> Any:
    """Write chats in square brackets and count characters."""
    if path == "/apply-template":
        return {
            "prompt": "".join(f"[{each['role']}]{each['content']}" for each in body["messages"])
        }
    if path == "/tokenize":
        return {"tokens": [ord(each) for each in body.get("content", "")]}
    return None


def vllm(path: str, body: dict[str, Any]) -> Any:
    """Give a chat's tokens, and the text of tokens."""
    if path == "/tokenize" and "messages" in body:
        return {"tokens": [1, 2, 3]}
    return {"prompt": "<chat>"} if path == "/detokenize" else None


def silent(_path: str, _body: dict[str, Any]) -> Any:
    """Tell nothing."""
    return None


@pytest.mark.parametrize(
    ("answers", "ask", "how", "text", "tokens", "interface"),
    [
        (llamacpp, CHAT, {}, "[user]Hi", 8, "chat"),
        (vllm, CHAT, {}, "<chat>", 3, "chat"),
        (silent, CHAT, {}, None, None, "chat"),
        (llamacpp, CHAT, {"template": "plain"}, "Hi", 2, "completions"),
        (silent, CHAT, {"interface": "completions"}, "Hi", None, "completions"),
        (llamacpp, Text("Go on"), {}, "Go on", 5, "completions"),
        (llamacpp, Text("Go on"), {"interface": "chat"}, "[user]Go on", 11, "chat"),
        (llamacpp, Text("a"), {"interface": "chat", "template": "glm"}, "[user]a", 7, "chat"),
        (llamacpp, Likelihood("It is", (" so",)), {}, "It is", 5, "likelihood"),
    ],
)
def test_the_prompt(
    answers: Answers,
    ask: Ask,
    how: dict[str, Any],
    text: str | None,
    tokens: int | None,
    interface: str,
) -> None:
    """Its text and its tokens, as far as anything tells them."""
    with endpoint(answers) as url:
        shown = shown_prompt("i", ask, Target(url, "tiny", **how), 16)
    assert (shown.text, shown.interface) == (text, interface)
    assert (None if shown.tokens is None else len(shown.tokens)) == tokens


def test_the_tokens_that_are_scored() -> None:
    """Of each continuation those that the prompt does not have; none where nothing tells them."""
    asked = [Likelihood("It is", (" so", " no")), Likelihood("", ("so",))]
    with endpoint(llamacpp) as url:
        shown = [shown_prompt("i", ask, Target(url, "tiny"), 16) for ask in asked]
    assert [each.scored for each in shown] == [((32, 115, 111), (32, 110, 111)), ((115, 111),)]
    with endpoint(silent) as url:
        assert shown_prompt("i", asked[0], Target(url, "tiny"), 16).scored == ()


def test_tools_have_no_prompt_of_ours() -> None:
    """The option that writes it here is named, as for a run."""
    ask = Chat(CHAT.messages, {"tools": []})
    with endpoint(silent) as url:
        with pytest.raises(UsageError, match=r"^--template glm: tools are shown to a model by"):
            shown_prompt("i", ask, Target(url, "tiny", template="glm"), 16)
        with pytest.raises(UsageError, match=r"^--interface completions: tools"):
            shown_prompt("i", ask, Target(url, "tiny", interface="completions"), 16)
        assert shown_prompt("i", ask, Target(url, "tiny"), 16).interface == "chat"


def test_images_have_lines() -> None:
    """A type and a size, or an address; that no text is told is put down to them."""
    link = "http://127.0.0.1/" + "x" * 90
    parts = tuple(
        {"type": "image_url", "image_url": {"url": url}}
        for url in ("data:image/png;base64,AAECAw==", "http://127.0.0.1/photo.png", link)
    )
    ask = Chat((Message("user", (*parts, {"type": "text", "text": "What is it?"})),))
    lines = ("[image: image/png, 4 bytes]", "[image: http://127.0.0.1/photo.png]")
    with endpoint(silent) as url:
        shown = shown_prompt("i", ask, Target(url, "tiny"), 16)
    assert shown.images[:2] == lines
    assert shown.images[2] == f"[image: {link[:80]}...]"
    assert shown.told_by == "the server, which tells no text of a chat with images"
    assert shown_message(ask.messages[0]).startswith("\n".join(("[user]", *lines)))
    assert shown_message(ask.messages[0]).endswith("\nWhat is it?")


def test_show_prompt_of_images() -> None:
    """Both commands' lines, and why there are no tokens."""
    with endpoint(silent) as url:
        given = ["run", "vision_small", "--base-url", url, "--model", "tiny", "--show-prompt"]
        found = CliRunner().invoke(eval_group, given)
    assert found.exit_code == 0, found.output
    assert "[user]\n[image: image/png, " in found.output
    assert "tokens: not told, because the engine adds those of the images" in found.output
    assert "does not tell" not in found.output


def test_the_parameters_are_those_of_the_item() -> None:
    """The task's budget, the item's own fields, and what the user set."""
    with endpoint(silent) as url:
        shown = shown_prompt("i", CHAT, Target(url, "tiny", parameters={"top_p": 0.5}), 16)
    assert shown.parameters == {"top_p": 0.5, "max_tokens": 16, "stop": ["X"]}


def test_show_prompt_asks_no_sample(tmp_path: Path) -> None:
    """The command prints the prompt, writes nothing and needs no --out."""
    out = tmp_path / "out"
    with endpoint(llamacpp) as url:
        given = ["run", "labels", "--base-url", url, "--model", "tiny", "--show-prompt"]
        plain = CliRunner().invoke(eval_group, [*given, "--out", str(out)])
        as_json = CliRunner().invoke(eval_group, [*given, "--json"])
    assert plain.exit_code == 0
    assert not out.exists()
    assert "asked by chat; written by the server (/apply-template)\n[user]" in plain.output
    assert "\n--- end of the prompt\n" in plain.output
    document = orjson.loads(as_json.stdout)
    assert document["text"].startswith("[user]")
    assert len(document["tokens"]) == len(document["text"])


def test_check_shows_images(tmp_path: Path) -> None:
    """A line for each, before the text."""
    url = "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(8)).decode()
    (tmp_path / "rows.jsonl").write_bytes(orjson.dumps({"q": "?", "target": "a", "photo": url}))
    path = tmp_path / "seen.yaml"
    path.write_text('data: rows.jsonl\nprompt: "{q}"\nimages: [photo]\n')
    found = CliRunner().invoke(eval_group, ["check", str(path)])
    assert found.exit_code == 0, found.output
    assert "[user]\n[image: image/png, 16 bytes]\n?\n" in found.output


def test_a_run_needs_a_folder() -> None:
    """Without --show-prompt a run has to be kept somewhere."""
    given = ["run", "labels", "--base-url", "http://127.0.0.1:9", "--model", "tiny"]
    found = CliRunner().invoke(eval_group, given)
    assert found.exit_code == 2
    assert "--out: name a folder" in found.output


def test_check(tmp_path: Path) -> None:
    """`check` shows the first prompt of an own task; an error has exit code 2."""
    (tmp_path / "rows.jsonl").write_text('{"q": "1+1?", "target": 2}\n')
    path = tmp_path / "sums.yaml"
    path.write_text('data: rows.jsonl\nprompt: "{q}"\nsystem: Add.\n')
    found = CliRunner().invoke(eval_group, ["check", str(path)])
    assert found.exit_code == 0
    assert "[system]\nAdd.\n[user]\n1+1?\n--- target: ['2']" in found.output
    as_json = CliRunner().invoke(eval_group, ["check", str(path), "--json"])
    assert orjson.loads(as_json.stdout)["items"] == 1
    path.write_text('data: rows.jsonl\nprompt: "{p}"\n')
    found = CliRunner().invoke(eval_group, ["check", str(path)])
    assert (found.exit_code, "sums.yaml:2: prompt: {p} is a field of no row" in found.output) == (
        2,
        True,
    )
