"""F1 over words in common, in English and in Chinese, as SQuAD and LongBench compute it.

Source: THUDM/LongBench, metrics.py. In Chinese the words are jieba's, and punctuation, both ASCII
and full-width, is taken out of each word after the text was cut into words.
"""

import re
import string
import warnings
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Any

MODULE = "jieba"
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_ASCII = str.maketrans("", "", string.punctuation)
_WIDE = (
    "！？｡。＂＃＄％＆＇（）＊＋，－／：；＜＝＞＠［＼］＾＿｀｛｜｝～｟｠｢｣､、〃》「」『』【】〔〕〖〗〘〙〚〛〜〝〞〟"
    "〰〾〿–—‘’‛“”„‟…‧﹏."
)
_BOTH = str.maketrans("", "", string.punctuation + _WIDE)


@cache
def _cutter() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its sources hold escapes that newer Pythons warn of
        import jieba
    jieba.setLogLevel("ERROR")  # it reports on standard error that it loads its dictionary
    return jieba


def chinese_words(text: str) -> list[str]:
    """Cut a Chinese text into words: jieba, accurate mode, new words by its hidden Markov model."""
    return list(_cutter().cut(text, cut_all=False))


def english_tokens(text: str) -> list[str]:
    """Give the lower-case words without punctuation and articles."""
    return _ARTICLES.sub(" ", text.lower().translate(_ASCII)).split()


def chinese_tokens(text: str) -> list[str]:
    """Give jieba's words in lower case, without punctuation and blanks."""
    bare = ("".join(word.lower().translate(_BOTH).split()) for word in chinese_words(text))
    return [word for word in bare if word]


def f1(answer: Sequence[str], reference: Sequence[str]) -> float:
    """Give the F1 of two bags of words, 0 where they share none."""
    common = sum((Counter(answer) & Counter(reference)).values())
    if common == 0:
        return 0.0
    precision, recall = common / len(answer), common / len(reference)
    return 2 * precision * recall / (precision + recall)


def qa_f1(answer: str, reference: str) -> float:
    """Give the F1 of the words of two English texts."""
    return f1(english_tokens(answer), english_tokens(reference))


def qa_f1_zh(answer: str, reference: str) -> float:
    """Give the F1 of the words of two Chinese texts."""
    return f1(chinese_tokens(answer), chinese_tokens(reference))
