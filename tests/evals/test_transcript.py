"""A sample's record says everything that was sent, and long prompts of token ids once."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from evenhand_evals.endpoint.asking import Outgoing
from evenhand_evals.http.client import Answer, Exchange
from evenhand_evals.log import Step
from evenhand_evals.transcript import Transcript
from evenhand_evals.types import Message, Sample, Score

SAMPLE = Sample("one", (Message("user", "?"),), "!")
IDS = st.lists(st.integers(0, 3), min_size=1, max_size=6)


def exchanged(prompt: Any, body: Any = None, *, cached: bool = False) -> Exchange:
    """Give an exchange of a request with a prompt."""
    return Exchange({"prompt": prompt}, Answer(200, body), (), 1.0, 0.5, None, cached=cached)


def transcript(prompts: Sequence[Any], told: Any = None) -> Transcript:
    """Give the transcript of requests with these prompts, after one that `told` answers."""
    made = Transcript(SAMPLE, 0)
    if told is not None:
        made.add(Outgoing("/tokenize", {}), exchanged("text", told))
    for prompt in prompts:
        made.add(Outgoing("/completions", {}), exchanged(prompt))
    return made


def whole(steps: Sequence[Step]) -> list[list[int]]:
    """Read the prompts of token ids back from what the log holds."""
    before: list[int] = []
    found = []
    for step in steps:
        prompt = step.request["prompt"]
        if isinstance(prompt, Mapping):
            prompt = [*before[: prompt["same"]], *prompt["then"]]
        if isinstance(prompt, list):
            before = prompt
            found.append(prompt)
        if isinstance(step.response, Mapping):
            before = step.response["tokens"]
    return found


@given(st.lists(IDS, min_size=2, max_size=6), st.none() | IDS)
def test_prompts_come_back_whole(prompts: list[list[int]], told: list[int] | None) -> None:
    """Whatever the prompts have in common, the log says all of each."""
    answered = None if told is None else {"tokens": told}
    made = transcript(prompts, answered).record(None, "why")
    assert whole(made.steps) == prompts
    assert made.request == {"prompt": prompts[-1]}


def test_a_long_text_is_logged_once() -> None:
    """Asking for 4,000 tokens one by one takes kilobytes of log for each, not tens of them."""
    ids = list(range(4000))
    made = transcript([ids[:place] for place in range(1, len(ids))], {"tokens": ids})
    assert len(orjson.dumps(made.record(None, "why"))) < 4000 * 250


def test_texts_stay_as_they_are() -> None:
    """Prompts that are texts, or lists of texts, are logged as they were sent."""
    prompts = [["a", "ab"], ["a", "ac"], "a"]
    steps = transcript(prompts).record(None, "why").steps
    assert [step.request["prompt"] for step in steps] == prompts


def test_the_record_shows_the_model_and_not_the_judge() -> None:
    """Request and answer are the model's last; time runs to the judge's end."""
    made = Transcript(SAMPLE, 2)
    made.add(Outgoing("/chat/completions", {}), exchanged("asked", {"of": "model"}, cached=True))
    judged = Exchange({"prompt": "judge"}, Answer(200, {"of": "judge"}), (), 3.0, 2.0, None)
    made.add(Outgoing("/chat/completions", {}, judge=True), judged)
    record = made.record(Score("correct", 1.0), None)
    assert (record.request, record.response) == ({"prompt": "asked"}, {"of": "model"})
    assert (record.started, record.duration, record.repeat, record.cached) == (1.0, 4.0, 2, False)
    assert [step.judge for step in record.steps] == [False, True]
    assert len(made) == 2
