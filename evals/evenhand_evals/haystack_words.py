"""Words from which texts without meaning of their own are made, in English and in Chinese.

The lists are our own (`datasets/haystack_words.json`). No word holds a digit, so that a number in a
text is one that was put there; `names` and `zh names` are of things that do not exist, for facts
that no model can know.
"""

import json
from functools import cache
from importlib.resources import files


@cache
def _lists() -> dict[str, tuple[str, ...]]:
    file = files("evenhand_evals").joinpath("datasets", "haystack_words.json")
    return {name: tuple(words) for name, words in json.loads(file.read_bytes()).items()}


def words(name: str) -> tuple[str, ...]:
    """Give a list by its name."""
    return _lists()[name]
