"""Token counts with the bundled encoding, and how the configured one takes over."""

import base64
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand_proxy.errors import ConfigError
from evenhand_proxy.exchange import Usage
from evenhand_proxy.telemetry.tokens import BUNDLED_NAME, TokenCounter, bundled_encoding

COUNTER = TokenCounter()

PLUGIN = """
import time

def _letters():
    time.sleep({delay})
    ranks = {{bytes([n]): n for n in range(256)}} | {{b"aa": 256}}
    return {{"name": "letters", "pat_str": "a+|[^a]+", "mergeable_ranks": ranks,
             "special_tokens": {{}}}}

def _broken():
    raise OSError("no network here")

ENCODING_CONSTRUCTORS = {{"letters": _letters, "broken": _broken}}
"""

COUNTING = """
import sys
import threading
from evenhand_proxy.telemetry.tokens import TokenCounter
counter = TokenCounter(sys.argv[1], patience=float(sys.argv[2]))
print(*counter.count("aaaa"))
counter.start()
counter.wait()
for thread in threading.enumerate():
    if thread.name == "evenhand-tokens":
        thread.join()
print(*counter.count("aaaa"))
"""


@pytest.mark.parametrize(
    "text", ["It will rain.", "会下雨。不会下雨。", "a\n\n  b\t", "🌧️ 12345", ""]
)
def test_the_bundled_encoding_loses_nothing(text: str) -> None:
    """Encoding and decoding gives the text back, English, Chinese and anything else."""
    encoding = bundled_encoding()
    assert encoding.decode(encoding.encode_ordinary(text)) == text


def test_the_bundled_encoding_merges_common_words() -> None:
    """It counts tokens, not bytes: plain text takes fewer than half as many tokens as bytes."""
    for text in ("The capital of France is Paris.", "明天会下雨吗？"):
        count, name = COUNTER.count(text)
        assert name == BUNDLED_NAME
        assert 0 < count < len(text.encode()) / 2


def test_a_ranks_file_counts_by_its_merges(tmp_path: Path) -> None:
    """A file of single bytes and one merge gives the counts that one works out by hand."""
    tokens = [*(bytes([n]) for n in range(256)), b"ab"]
    lines = [base64.b64encode(token) + b" %d" % rank for rank, token in enumerate(tokens)]
    file = tmp_path / "small.tiktoken"
    file.write_bytes(b"\n".join(lines) + b"\n")
    assert bundled_encoding(file).encode_ordinary("abba ab") == [256, 98, 97, 32, 256]


@settings(deadline=None)
@given(text=st.text(max_size=300))
def test_any_text_can_be_counted(text: str) -> None:
    """No text, lone surrogates included, fails; the count lies between one and its bytes."""
    count, _ = COUNTER.count(text)
    assert (count > 0) == bool(text)
    assert count <= len(text.encode("utf-8", "surrogatepass"))


@settings(deadline=None)
@given(phrase=st.text(min_size=1, max_size=40))
def test_cutting_long_texts_costs_little(phrase: str) -> None:
    """A text longer than a piece has the count of its parts, give or take a few at the cuts."""
    text = phrase * (9000 // len(phrase))
    whole, _ = COUNTER.count(text)
    halves = COUNTER.count(text[:2000])[0] + COUNTER.count(text[2000:])[0]
    assert abs(whole - halves) <= 24


@pytest.mark.parametrize(
    ("request_body", "texts", "tokens"),
    [
        (
            {
                "messages": [
                    {"role": "system", "content": "Be brief."},
                    {"role": "user", "content": [{"type": "text", "text": "会下雨吗"}]},
                    {"role": "assistant", "content": None, "tool_calls": []},
                ]
            },
            ["Be brief.", "会下雨吗"],
            0,
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}},
                            {"type": "text", "text": "What is it?"},
                        ],
                    }
                ]
            },
            ["What is it?"],
            0,
        ),
        ({"prompt": "one"}, ["one"], 0),
        ({"prompt": ["one", "two"]}, ["one", "two"], 0),
        ({"prompt": [1, 2, 3]}, [], 3),
        ({"prompt": [[1, 2], [3]]}, [], 3),
        ({"input": "embed me"}, ["embed me"], 0),
        ({"messages": "not a list", "prompt": {"a": 1}, "input": 5}, [], 0),
        ({}, [], 0),
    ],
)
def test_usage_is_estimated_from_the_texts(
    request_body: dict[str, Any], texts: list[str], tokens: int
) -> None:
    """Messages, prompts, inputs and token ids count; images and unknown shapes do not."""
    usage = COUNTER.estimate_usage(request_body, "The answer.")
    assert usage == Usage(
        prompt_tokens=sum(COUNTER.count(text)[0] for text in texts) + tokens,
        completion_tokens=COUNTER.count("The answer.")[0],
        source="estimate",
        encoding=BUNDLED_NAME,
    )


def counted(tmp_path: Path, name: str, patience: float, delay: float = 0) -> list[str]:
    """Count in a process that has an encoding of ours as a real tiktoken plug-in."""
    plugin = tmp_path / "tiktoken_ext" / "evenhand_test.py"
    plugin.parent.mkdir()
    plugin.write_text(PLUGIN.format(delay=delay))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    arguments = [sys.executable, "-c", COUNTING, name, str(patience)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, env=environment)
    return done.stdout.splitlines()


def test_the_configured_encoding_takes_over(tmp_path: Path) -> None:
    """Before it is loaded the bundled one counts, afterwards the configured one."""
    before, after = counted(tmp_path, "letters", 60)
    assert before.endswith(f" {BUNDLED_NAME}")
    assert after == "2 letters"


@pytest.mark.parametrize(("name", "patience", "delay"), [("broken", 60, 0), ("letters", 0, 0.2)])
def test_an_encoding_that_fails_or_comes_late_is_not_used(
    tmp_path: Path, name: str, patience: float, delay: float
) -> None:
    """Without a network, or when the time is up, the bundled encoding goes on counting."""
    before, after = counted(tmp_path, name, patience, delay)
    assert before == after
    assert after.endswith(f" {BUNDLED_NAME}")


def test_an_unknown_encoding_is_refused_with_the_known_ones() -> None:
    """The error names the value and the names there are."""
    with pytest.raises(ConfigError, match=r"'gpt9': tiktoken has no such.*cl100k_base"):
        TokenCounter("gpt9")
