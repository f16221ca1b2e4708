r"""Read GSM8K answers exactly as EleutherAI's lm-evaluation-harness does.

Its task `gsm8k` (version 3.0, `lm_eval/tasks/gsm8k/gsm8k.yaml`) reports two numbers on the same
response: `strict-match`, the first `#### 18`, and `flexible-extract`, the last thing that looks
like a number. Both are compared as texts by `exact_match` after the deletions below. They are kept
to the byte, weaknesses included, because published scores were made with them.
"""

import re

INVALID = "[invalid]"

_STOPS = ("Question:", "</s>", "<|im_end|>")
_STRICT = re.compile(r"#### (\-?[0-9\.\,]+)")
_FLEXIBLE = re.compile(r"(-?[$0-9.,]{2,})|(-?[0-9]+)")
_IGNORED = tuple(re.compile(pattern) for pattern in (",", r"\$", r"(?s).*#### ", r"\.$"))


def stopped(text: str) -> str:
    """Cut a response where the task's stop sequences would have ended it."""
    ends = [text.find(stop) for stop in _STOPS if stop in text]
    return text[: min(ends, default=len(text))]


def strict_match(text: str) -> str:
    """Give what follows the first `#### `, or `[invalid]`."""
    found = _STRICT.search(text)
    return found[1] if found else INVALID


def flexible_extract(text: str) -> str:
    """Give the last run of digits, dots, commas and dollar signs, or `[invalid]`."""
    *_, last = [None, *_FLEXIBLE.finditer(text)]
    return last.group().strip() if last else INVALID


def exact_match(prediction: str, reference: str) -> bool:
    """Compare two texts without commas, dollar signs, a worked solution and a final full stop."""
    for pattern in _IGNORED:
        prediction = pattern.sub("", prediction)
        reference = pattern.sub("", reference)
    return prediction.lower() == reference.lower()
