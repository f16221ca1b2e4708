"""ROUGE-L as the Python package `rouge` 1.0.1 computes it, which LongBench's figures rest on.

It is not Lin's ROUGE-L: a text is cut into sentences at every full stop, the longest common
subsequences of all pairs of sentences are thrown into one set of words, and precision and recall
are that set over the sets of distinct words. The F1 has 1e-8 in its denominator.

The package walks back through its table by recursion, and fails where a pair of sentences has
about a thousand words; LongBench scores that failure as 0. Here such an answer gets its score.
"""

from collections.abc import Sequence

from evenhand_evals.scorers.overlap import chinese_words

_TINY = 1e-8


def sentences(text: str) -> list[list[str]]:
    """Cut a text at its full stops, and each sentence at its blanks; a blank one has one word, ''.

    A text of nothing but full stops has none.
    """
    return [" ".join(part.split()).split(" ") for part in text.split(".") if part]


def common_words(reference: Sequence[str], answer: Sequence[str]) -> set[str]:
    """Give the words of one longest common subsequence, the one that the package finds."""
    columns = len(answer) + 1
    table = [[0] * columns]
    for word in reference:
        above, row = table[-1], [0]
        for column in range(1, columns):
            same = word == answer[column - 1]
            row.append(above[column - 1] + 1 if same else max(above[column], row[column - 1]))
        table.append(row)
    found, i, j = set[str](), len(reference), len(answer)
    while i and j:
        if reference[i - 1] == answer[j - 1]:
            found.add(reference[i - 1])
            i, j = i - 1, j - 1
        elif table[i - 1][j] > table[i][j - 1]:
            i -= 1
        else:
            j -= 1
    return found


def rouge_l(answer: str, reference: str) -> float:
    """Give ROUGE-L's F1 of an answer, 0 where one of the texts has no sentence."""
    given, wanted = sentences(answer), sentences(reference)
    if not given or not wanted:
        return 0.0
    common = set[str]()
    for sentence in wanted:
        for other in given:
            common |= common_words(sentence, other)
    recall = len(common) / len({word for sentence in wanted for word in sentence})
    precision = len(common) / len({word for sentence in given for word in sentence})
    return 2.0 * (precision * recall / (precision + recall + _TINY))


def rouge_l_zh(answer: str, reference: str) -> float:
    """Give ROUGE-L's F1 over jieba's words; Chinese full stops end no sentence there."""
    return rouge_l(" ".join(chinese_words(answer)), " ".join(chinese_words(reference)))
