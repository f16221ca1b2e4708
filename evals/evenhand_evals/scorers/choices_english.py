"""Read English multiple-choice answers exactly as published scorers do.

- `simple_evals`: openai/simple-evals, `mmlu_eval.py` and `common.py` (the multilingual version).
  Markdown and LaTeX marks are taken out, then forty-one ways to say "Answer:" are tried in order;
  the first that is found with a letter after it decides, wherever it stands. The search ignores
  case, the comparison does not, so `answer: b` is read as `b` and is wrong.
- `simple_evals_plain`: the same repository's `gpqa_eval.py`, one English pattern.
- `first_line`: lm-evaluation-harness 0.4.13, task `mmlu_generative` (version 3): what stands
  before the first line break, compared without case and ASCII punctuation.
- `answer_is`: its task `mmlu_pro` (version 3.1): the first `answer is X`.

Their weaknesses are kept, because published scores were made with them.
"""

import re
import string
from functools import cache

_PHRASES = (
    r"Answer\s*:",
    "Answer\\s*:" + 6 * "\u200b",
    r"উত্তর\s*:",
    r"उत्तर\s*:",
    r"উত্তরঃ",
    r"উত্তর\s*:",
    r"Antwort\s*:",
    r"답변\s*:",
    r"정답\s*:",
    r"답\s*:",
    r"答案\s*：",
    r"答案\s*:",
    r"答\s*：",
    r"答\s*:",
    r"答复\s*：",
    r"答曰\s*：",
    r"الإجابة:",
    r"الجواب:",
    r"إجابة:",
    r"الإجابة النهائية:",
    r"الإجابة الصحيحة:",
    r"الإجابة الصحيحة هي:",
    r"الإجابة هي:",
    r"Respuesta\s*:",
    r"Risposta\s*:",
    r"答え\s*:",
    r"答え\s*：",
    r"回答\s*:",
    r"回答\s*：",
    r"解答\s*:",
    r"Jawaban\s*:",
    r"Réponse\s*:",
    r"Resposta\s*:",
    r"Jibu\s*:",
    r"Idahun\s*:",
    r"Ìdáhùn\s*:",
    r"Idáhùn\s*:",
    r"Àmọ̀nà\s*:",
    r"Àdáhùn\s*:",
    r"Ànúgọ\s*:",
    r"Àṣàyàn\s*:",
)
"""`MULTILINGUAL_ANSWER_REGEXES` of simple-evals, in its order, doubles included."""

_LETTER = "[ \\t]*([A-D]|[أ-د]|[অ]|[ব]|[ড]|[ঢ]|[Ａ]|[Ｂ]|[Ｃ]|[Ｄ])"
_MARKS = (
    "**",
    "$\\boxed{",
    "}$",
    "\\$",
    "$\\text{",
    "$",
    "\\mathrm{",
    "\\{",
    "\\text",
    "\\(",
    "\\mathbf{",
    "{",
    "\\boxed",
)
"""What simple-evals' `normalize_response` takes out, one after the other."""

_AS_LATIN = str.maketrans("أبجدঅবডঢＡＢＣＤ", "ABCDABCDABCD")
_PLAIN = re.compile(r"(?i)Answer[ \t]*:[ \t]*\$?([A-D])\$?")
_ANSWER_IS = re.compile(r"answer is \(?([ABCDEFGHIJ])\)?")
_STOPS = ("</s>", "\n")
_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)


@cache
def _phrases() -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(f"(?i){phrase}{_LETTER}") for phrase in _PHRASES)


def simple_evals(text: str) -> str | None:
    """Give the letter as simple-evals' MMLU reads it, or None; it may be in lower case."""
    for mark in _MARKS:
        text = text.replace(mark, "")
    for phrase in _phrases():
        found = phrase.search(text)
        if found:
            return found[1].translate(_AS_LATIN)
    return None


def simple_evals_plain(text: str) -> str | None:
    """Give the letter as simple-evals' GPQA reads it, or None; it may be in lower case."""
    found = _PLAIN.search(text)
    return found[1] if found else None


def first_line(text: str) -> str:
    """Give the text that lm-evaluation-harness compares with the letter, in upper case.

    The harness stops generation at `</s>` and at a line break; where an endpoint did not, the
    text is cut there first.
    """
    ends = [text.find(stop) for stop in _STOPS if stop in text]
    line = text[: min(ends, default=len(text))].strip()
    return line.translate(_WITHOUT_PUNCTUATION).upper()


def answer_is(text: str) -> str | None:
    """Give the letter of the first `answer is X`, or None.

    The harness stops generation at `Question:`; the text is cut there first.
    """
    found = _ANSWER_IS.search(text.partition("Question:")[0])
    return found[1] if found else None
