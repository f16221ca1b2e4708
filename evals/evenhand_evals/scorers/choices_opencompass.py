"""Read a multiple-choice answer exactly as OpenCompass's `first_option_postprocess` does.

Source: open-compass/opencompass 0.5.4, `opencompass/utils/text_postprocessors.py`. The patterns are
tried in order over the whole text; what the first that is found caught is searched for the options
in their order, so `the answer is not B but D` can come out as B. The last pattern is any option
letter anywhere: the word "A" at the beginning of a sentence is an answer. Two patterns of the list
are joined into one that can hardly match, because a comma is missing in the source (`故选` before
`只有`); that is kept, like every other weakness, because published scores were made with it.
"""

import re
from functools import cache

_PATTERNS = (
    r"答案是?\s*([@])",
    r"答案是?\s*：\s*([@])",
    r"答案是?\s*:\s*([@])",
    r"答案选项应?该?是\s*([@])",
    r"答案选项应?该?为\s*([@])",
    r"答案应该?是\s*([@])",
    r"答案应该?选\s*([@])",
    r"答案选项为?\s*：\s*([@])",
    r"答案选项为?\s+\(?\*?\*?([@])\*?\*?\)?",
    r"答案选项是?\s*:\s*([@])",
    r"答案为\s*([@])",
    r"答案选\s*([@])",
    r"选择?\s*([@])",
    r"故选?\s*([@])只有选?项?\s?([@])\s?是?对",
    r"只有选?项?\s?([@])\s?是?错",
    r"只有选?项?\s?([@])\s?不?正确",
    r"只有选?项?\s?([@])\s?错误",
    r"说法不?对选?项?的?是\s?([@])",
    r"说法不?正确选?项?的?是\s?([@])",
    r"说法错误选?项?的?是\s?([@])",
    r"([@])\s?是正确的",
    r"([@])\s?是正确答案",
    r"选项\s?([@])\s?正确",
    r"所以答\s?([@])",
    r"所以\s?([@][.。$]?$)",
    r"所有\s?([@][.。$]?$)",
    r"[\s，：:,]([@])[。，,\.]?$",
    r"[\s，,：:][故即]([@])[。\.]?$",
    r"[\s，,：:]因此([@])[。\.]?$",
    r"[是为。]\s?([@])[。\.]?$",
    r"因此\s?([@])[。\.]?$",
    r"显然\s?([@])[。\.]?$",
    r"答案是\s?(\S+)(?:。|$)",
    r"答案应该是\s?(\S+)(?:。|$)",
    r"答案为\s?(\S+)(?:。|$)",
    r"(?i)ANSWER\s*:\s*([@])",
    r"[Tt]he answer is:?\s+\(?([@])\)?",
    r"[Tt]he answer is:?\s+\(?\*?\*?([@])\*?\*?\)?",
    r"[Tt]he answer is option:?\s+\(?([@])\)?",
    r"[Tt]he correct answer is:?\s+\(?([@])\)?",
    r"[Tt]he correct answer is option:?\s+\(?([@])\)?",
    r"[Tt]he correct answer is:?.*?boxed{([@])}",
    r"[Tt]he correct option is:?.*?boxed{([@])}",
    r"[Tt]he correct answer option is:?.*?boxed{([@])}",
    r"[Tt]he answer to the question is:?\s+\(?([@])\)?",
    r"^选项\s?([@])",
    r"^([@])\s?选?项",
    r"(\s|^)[@][\s。，,：:\.$]",
    r"1.\s?(.*?)$",
    r"1.\s?([@])[.。$]?$",
    r"([@]):",
    r"([@])",
)
"""In their order; `@` stands for the letters of the options. The last two are the "cushion"."""


@cache
def _patterns(options: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(each.replace("@", options), re.DOTALL) for each in _PATTERNS)


def first_option(text: str, options: str = "ABCD") -> str | None:
    """Give the first option letter by OpenCompass's rules, or None."""
    text = text.strip()
    for pattern in _patterns(options):
        found = pattern.search(text)
        if found is None:
            continue
        caught = found[1] or found[0]
        for letter in options:
            if letter in caught:
                return letter
    return None
