"""RULER's tasks of words: a chain of variables, common words in a list, frequent words in code.

The texts and sizes are those of NVIDIA/RULER, scripts/data/synthetic/{constants,variable_tracking,
common_words_extraction,freq_words_extraction}.py and scripts/synthetic.yaml.
"""

import math
import random
import string
from functools import cache, partial
from itertools import pairwise

from evenhand_evals.haystack_words import words
from evenhand_evals.tasks.ruler_needles import NOISE
from evenhand_evals.tasks.ruler_writer import Problem, Writer
from evenhand_evals.types import DataSource

VARIABLES = (
    "Memorize and track the chain(s) of variable assignment hidden in the following text.\n\n"
    "{context}\nQuestion: Find all variables that are assigned the value {query} in the text above."
)
VARIABLES_PREFIX = (
    " Answer: According to the chain(s) of variable assignment in the text above, {count} "
    "variables are assigned the value {query}, they are: "
)
COMMON = (
    "Below is a numbered list of words. In these words, some appear more often than others. "
    "Memorize the ones that appear most often.\n{context}\n"
    "Question: What are the 10 most common words in the above list?"
)
COMMON_PREFIX = " Answer: The top 10 words that appear most often in the list are:"
CODED = (
    "Read the following coded text and track the frequency of each coded word. Find the three most "
    "frequently appeared coded words. {context}\nQuestion: Do not provide any explanation. Please "
    "ignore the dots '....'. What are the three most frequently appeared words in the above coded "
    "text?"
)
CODED_PREFIX = (
    " Answer: According to the coded text above, the three most frequently appeared words are:"
)
HOPS, EXAMPLE_LINES = 4, 12
"""A chain has five variables; the worked example is about 500 tokens long, as published."""
COMMON_COUNT, SHORT = 10, 4096
CODED_TOKENS, CODED_LETTERS = 50, 6


def _names(count: int, letters: int, alphabet: str, draw: random.Random) -> list[str]:
    found: dict[str, None] = {}
    while len(found) < count:
        found["".join(draw.choices(alphabet, k=letters))] = None
    return list(found)


def _chain(letters: int, lines: int, draw: random.Random) -> Problem:
    """Hide a chain of assignments, in order, between lines of noise."""
    names = _names(HOPS + 1, letters, string.ascii_uppercase, draw)
    value = str(draw.randint(10000, 99998))
    chain = [f"VAR {names[0]} = {value}"]
    chain += [f"VAR {name} = VAR {before} " for before, name in pairwise(names)]
    text = [NOISE] * lines
    for moved, place in enumerate(sorted(draw.sample(range(lines), len(chain)))):
        text.insert(place + moved, chain[moved])
    context = "\n".join(text).replace(". \n", ".\n")
    return Problem(
        VARIABLES.format(context=context, query=value),
        VARIABLES_PREFIX.format(count=HOPS + 1, query=value),
        tuple(names),
    )


def _variables(draw: random.Random, size: int) -> Problem:
    example, problem = _chain(3, EXAMPLE_LINES, draw), _chain(5, size, draw)
    shown = f"{example.prompt}{example.prefix} {' '.join(example.answers)}\n\n"
    return Problem(shown + problem.prompt, problem.prefix, problem.answers)


def variables(_source: DataSource, _length: int) -> Writer:
    """Give the writer of variable tracking: one chain of four hops, one worked example."""
    return Writer("vt", _variables, HOPS + 1)


@cache
def compounds() -> tuple[str, ...]:
    """Give every compound of two different nouns, each once."""
    nouns = words("nouns")
    made = {f"{first}{second}" for first in nouns for second in nouns if first != second}
    return tuple(sorted(made))


def _list(size: int, common: int, uncommon: int, draw: random.Random) -> tuple[str, list[str]]:
    drawn = draw.sample(compounds(), size)
    often, seldom = drawn[:COMMON_COUNT], drawn[COMMON_COUNT:]
    listed = often * common + seldom * uncommon
    draw.shuffle(listed)
    return " ".join(f"{n}. {word}" for n, word in enumerate(listed, start=1)), often


def _common(short: bool, draw: random.Random, size: int) -> Problem:
    example, often = _list(20, 3, 1, draw) if short else _list(40, 10, 3, draw)
    numbered = " ".join(f"{n}. {word}" for n, word in enumerate(often, start=1))
    shown = f"{COMMON.format(context=example)}{COMMON_PREFIX} {numbered}\n"
    context, answers = _list(size, 6, 1, draw) if short else _list(size, 30, 3, draw)
    return Problem(shown + COMMON.format(context=context), COMMON_PREFIX, tuple(answers))


def common_words(_source: DataSource, length: int) -> Writer:
    """Give the writer of common words: ten words 30 times, others three times, one example.

    Below 4,096 tokens they come six times and once.
    """
    return Writer("cwe", partial(_common, length < SHORT), COMMON_COUNT + 1, len(compounds()))


def _coded(vocabulary: int, draw: random.Random, size: int) -> Problem:
    """Write words whose frequency falls with the square of their rank; the first rank is dots."""
    coded = _names(vocabulary, CODED_LETTERS, string.ascii_lowercase, draw)
    coded[0] = "..."
    zeta = math.pi**2 / 6
    text = [
        word
        for rank, word in enumerate(coded, start=1)
        for _ in range(int(size * rank**-2.0 / zeta))
    ]
    draw.shuffle(text)
    return Problem(CODED.format(context=" ".join(text)), CODED_PREFIX, tuple(coded[1:4]))


def coded_words(_source: DataSource, length: int) -> Writer:
    """Give the writer of coded words: Zipf's law with exponent 2."""
    vocabulary = max(4, (length - CODED_TOKENS) // 50)
    return Writer("fwe", partial(_coded, vocabulary), 60)
