"""The needle test as GLM-4's long-context team published it, without its mistakes of length.

Source: THUDM/LongAlign, Needle_test (config-prompt.yaml, prompt.py, pred.py, eval.py): one fixed
sentence about San Francisco, ten lengths from 1,000 to 60,000 tokens, ten depths from 10 % to 90 %,
one user message that begins with the system text, answers of up to 1,024 tokens (temperature 0.1
there; here what the user sets). GPT-4 gives each answer 1 to 10.

- `needle_glm`: no judge. An answer is right if it says both things of the needle, the sandwich and
  Dolores Park; `one_of_two` is the share that says at least one.
- `needle_glm_judged`: the published judge prompt; the headline is its mark divided by ten, an
  answer is `correct` with a ten. A verdict without `[[n]]` counts as nothing and is `unparsed`.

What differs: the essays are under their author's copyright, so the text is generated, or yours
with `--data FILE`; lengths are whole prompts in the served model's tokens, where the original cuts
200 tokens short with a tokeniser of its own and looks for sentence ends by one token's number. The
sentence is well known: models may have seen it, and `needle` asks for a random number instead.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256

from evenhand_evals.haystack import BOOKS, GENERATED, find_haystack, fit_prompt, insert
from evenhand_evals.scorers.retrieval_lengths import facts
from evenhand_evals.scorers.thinking import answer_of
from evenhand_evals.tasks.needle import cell
from evenhand_evals.tasks.options import choice, left_out, lengths, numbers, settled
from evenhand_evals.types import (
    Ask,
    Chat,
    Completion,
    Dataset,
    DataSource,
    Message,
    Outcome,
    Reply,
    Sample,
    Score,
    Task,
)

LENGTHS = (1000, 7556, 14111, 20667, 27222, 33778, 40333, 46889, 53444, 60000)
DEPTHS = (10, 19, 28, 37, 46, 54, 63, 72, 81, 90)
ANSWER_TOKENS = 1024
NEEDLE = (
    "The best thing to do in San Francisco is eat a sandwich and sit in Dolores Park on a sunny "
    "day."
)
SAID = ("sandwich", "dolores park")
QUESTION = (
    "What is the best thing to do in San Francisco? "
    "Here is the most relevant sentence in the context:"
)
PROMPT = (
    "You are a helpful AI bot that answers questions for a user. "
    "Keep your response short and direct\n"
    "{text}\n\nRead the document and answer: {question}"
)
JUDGE_SYSTEM = "You are a helpful assistant."
JUDGE = """[Instruction]
Please act as an impartial judge and evaluate the quality of the response provided by an AI \
assistant to the user question displayed below. For this evaluation, you should primarily consider \
the following criteria:
accuracy: 
    Score 1: The answer is completely unrelated to the reference.
    Score 3: The answer has minor relevance but does not align with the reference.
    Score 5: The answer has moderate relevance but contains inaccuracies.
    Score 7: The answer aligns with the reference but has minor omissions.
    Score 10: The answer is completely accurate and aligns perfectly with the reference.
    Only respond with a numberical score
    
[Ground truth]
{reference}
Begin your evaluation by providing a short explanation. Be as objective as possible. After \
providing your explanation, you must rate the response on a scale of 1 to 10 by strictly following \
this format: "[[rating]]", for example: "Rating: [[5]]".

[Question]
{question}

[The Start of Assistant's Answer]
{answer}
[The End of Assistant's Answer]"""  # noqa: W291, W293 - as published, byte for byte
_RATING = re.compile(r"\[\[(\d+)\]\]")


def _prompt(text: str, depth: int) -> str:
    filled = insert(text, [(depth / 100, NEEDLE)], "\n")
    return PROMPT.format(text=filled, question=QUESTION)


def load(name: str, source: DataSource) -> Dataset:
    """Make the grid, English only."""
    asked = lengths(source, LENGTHS, ANSWER_TOKENS)
    depths = numbers(source, "depths", DEPTHS, low=0, high=100)
    kind = choice(source, "haystack", (GENERATED, BOOKS), GENERATED)
    tokens, haystack = source.tokens(), find_haystack(source, kind, "en", max(asked))

    samples = []
    for length in asked:
        text = fit_prompt(haystack, length, tokens, partial(_prompt, depth=50))
        samples += [
            Sample(
                id=f"{name}-{length}-{depth}",
                messages=(Message("user", _prompt(text, depth)),),
                target=NEEDLE,
                metadata={
                    "group": cell(length, depth),
                    "length": length,
                    "depth": depth,
                    "language": "en",
                },
            )
            for depth in depths
        ]
    plan = (name, "2", source.seed, asked, depths, haystack.sha256)
    told = f"{haystack.source}; tokens by {tokens.source}"
    licence = "Apache-2.0" if source.path is None and kind == GENERATED else "unknown"
    digest = sha256(repr(plan).encode()).hexdigest()
    again, missing = settled(source, asked), left_out(source, LENGTHS, ANSWER_TOKENS)
    return Dataset(tuple(samples), told, None, digest, licence, again, missing)


def score(sample: Sample, completion: Completion) -> Score:
    """Judge an answer by the two things that it must say; `unparsed` if it is empty."""
    answer = answer_of(completion.text)
    said = [each for each in SAID if each in answer.text.lower()]
    right = len(said) == len(SAID)
    failure: Outcome = "wrong" if answer.text.strip() else "unparsed"
    return Score(
        outcome="correct" if right else failure,
        value=float(right),
        metrics={"accuracy": right, "one_of_two": bool(said)},
        extracted=", ".join(said) or None,
        explanation="thinking text removed" if answer.thinking_removed else None,
        data={
            **facts(
                sample.metadata["length"],
                sample.metadata["length"],
                completion.usage.prompt_tokens,
            ),
            "question": "san-francisco",
            "depth": sample.metadata["depth"],
        },
    )


def follow(_sample: Sample, replies: Sequence[Reply]) -> Ask | None:
    """Show the answer to the judge."""
    if len(replies) > 1 or not isinstance(replies[0], Completion):
        return None
    shown = answer_of(replies[0].text).text.strip()
    prompt = JUDGE.format(reference=NEEDLE, question=QUESTION, answer=shown)
    return Chat((Message("system", JUDGE_SYSTEM), Message("user", prompt)), judge=True)


def score_all(sample: Sample, replies: Sequence[Reply]) -> Score:
    """Give the judge's mark; what `score` says stands beside it."""
    answer, verdict = replies
    if not isinstance(answer, Completion) or not isinstance(verdict, Completion):
        raise TypeError(f"{sample.id}: two chats were asked")
    ruled = score(sample, answer)
    found = _RATING.search(answer_of(verdict.text).text)
    mark = min(10, int(found[1])) if found else 0
    outcome: Outcome = "unparsed" if found is None else "correct" if mark == 10 else "wrong"
    return replace(
        ruled,
        outcome=outcome,
        value=mark / 10,
        metrics={**ruled.metrics, "judge": mark / 10, "verdict_unparsed": found is None},
        extracted=found[1] if found else None,
    )


OPTIONS = {
    "lengths": "prompt lengths in tokens, by commas (1000,7556,...,60000)",
    "depths": "places of the needle in per cent, by commas (10,19,...,90)",
    "haystack": "generated, or books of EVENHAND_DATA (generated)",
}

TASK = Task(
    name="needle_glm",
    title="Needle in a haystack as published for GLM-4, without a judge",
    headline="accuracy",
    version="2",
    load=partial(load, "needle_glm"),
    score=score,
    max_tokens=ANSWER_TOKENS,
    data="generated, or a text of yours with --data FILE",
    aggregate="by_length",
    options=OPTIONS,
    stages="length",
)
JUDGED = Task(
    name="needle_glm_judged",
    title="Needle in a haystack as published for GLM-4, with its judge",
    headline="judge",
    version="2",
    load=partial(load, "needle_glm_judged"),
    follow=follow,
    score_all=score_all,
    max_tokens=ANSWER_TOKENS,
    data=TASK.data,
    aggregate="by_length",
    judged=True,
    options=OPTIONS,
    stages="length",
)
