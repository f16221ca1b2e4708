"""Thinking is counted, wherever the endpoint puts it."""

from pathlib import Path

from evenhand_evals.thinking import Thinking, all_thinking, thinking_of, thinking_text
from evenhand_evals.types import Completion, Usage
from evenhand_evals.wire import parse_completion
from tests.evals.fake import Reply
from tests.evals.test_run import run


def test_no_thinking_is_none() -> None:
    """An empty block, which some templates write for every answer, is none either."""
    assert thinking_of([Completion("18"), Completion("<think>\n</think>18")]) is None
    assert thinking_of([Completion("18", usage=Usage(3, 4, 0))]) is None
    assert all_thinking([None, None]) is None


def test_thinking_of_one_sample() -> None:
    """In a field of its own or in the text, over all answers to the sample."""
    field = Completion("18", reasoning="hmm", usage=Usage(9, 9, 5))
    inline = Completion("<think>so</think>18")
    assert thinking_of([field, field, inline]) == Thinking(1, 8, None, 0)
    assert thinking_of([field, field, Completion("18")]) == Thinking(1, 6, 10, 0)


def test_tokens_that_were_not_counted() -> None:
    """Some engines report 0 beside a text that thinks; a part of the samples is no sum either."""
    told = Completion("<think>so</think>18", usage=Usage(9, 9, 0))
    assert thinking_of([told]) == Thinking(1, 2, None, 0)
    part = all_thinking([Thinking(1, 9, 3, 0), Thinking(1, 9, None, 0)])
    assert part == Thinking(2, 18, None, 0)


def test_thinking_that_was_cut_off() -> None:
    """The budget went on thinking, and no answer came."""
    inline = Completion("<think>and then", finish_reason="length")
    field = Completion("", finish_reason="length", reasoning="and then")
    assert thinking_of([inline]) == thinking_of([field]) == Thinking(1, 8, None, 1)


def test_the_sum_and_its_words() -> None:
    """Samples without thinking are not counted; tokens are those that were reported."""
    found = all_thinking([Thinking(1, 2000, 500, 0), None, Thinking(1, 10, 2, 1)])
    assert found == Thinking(2, 2010, 502, 1)
    assert found is not None
    said = "2 samples, 2,010 characters, 502 tokens; 1 cut off while thinking"
    assert thinking_text(found) == said
    assert thinking_text(Thinking(1, 7, None, 0)) == "1 sample, 7 characters"


def test_reported_tokens_of_thinking() -> None:
    """OpenAI tells them in the details, SGLang beside the other counts."""
    choice = {"message": {"content": "18"}, "finish_reason": "stop"}
    usages = (
        {"completion_tokens_details": {"reasoning_tokens": 7}},
        {"completion_tokens_details": None, "reasoning_tokens": 7},
        {"completion_tokens_details": {}, "reasoning_tokens": True},
    )
    found = [parse_completion({"choices": [choice], "usage": usage}) for usage in usages]
    assert [each and each.usage.reasoning_tokens for each in found] == [7, 7, None]


async def test_a_run_counts_it(tmp_path: Path) -> None:
    """Beside the score, and what nothing was read from is shown without it."""
    script = lambda _body, times: Reply("<think>is it so?</think>maybe")  # noqa: E731
    data, _ = await run(tmp_path / "out", script, limit=4)
    assert data.result.thinking == Thinking(4, 4 * len("is it so?"), None, 0)
    assert data.result.unparsed_answers == {"maybe": 4}
    data, _ = await run(tmp_path / "plain", limit=4)
    assert data.result.thinking is None
