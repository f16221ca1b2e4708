"""Answers to long-context questions in many manners, made by a seeded program."""

import random

from evenhand_evals.haystack import neutral

CLASSES = (
    "Number of something",
    "Number",
    "City",
    "Other location",
    "location",
    "Date",
    "体育",
    "体育新闻",
    "新闻",
    "财经",
)
REFUSALS = ("", " ", "\n\n", "...", ". . .", "I cannot answer that.", "无法回答。", "```\n```")


def references(language: str, count: int) -> list[str]:
    """Give texts of one to six sentences."""
    draw, sentences = random.Random(f"references {language}"), neutral(language, 7)
    gap = " " if language == "en" else ""
    return [
        gap.join(next(sentences).strip() for _ in range(draw.randint(1, 6))) for _ in range(count)
    ]


def _pieces(text: str, language: str) -> list[str]:
    return text.split(" ") if language == "en" else list(text)


def worded(reference: str, language: str, draw: random.Random) -> list[str]:
    """Give answers near to a reference and far from it."""
    gap = " " if language == "en" else ""
    pieces = _pieces(reference, language)
    mixed, kept = pieces[:], [each for each in pieces if draw.random() < 0.6]
    draw.shuffle(mixed)
    half = gap.join(pieces[: len(pieces) // 2])
    return [
        reference,
        reference.upper(),
        half,
        gap.join(kept),
        gap.join(mixed),
        f"**{reference}**",
        f"The answer is: {half}.\n\n{gap.join(kept)} The a an.",
        f"答案是：{half}。\n{reference}！",
        f"{reference} {reference}",
        half.replace(" ", "  ").replace("。", "．"),
        f"  {gap.join(kept)}\t\n",
    ]


def numbered(number: int, draw: random.Random) -> list[str]:
    """Give answers that name paragraphs or counts."""
    other = draw.randint(1, 40)
    return [
        f"{number}",
        f"Paragraph {number}",
        f"段落{number}",
        f"Paragraph {other} or Paragraph {number}",
        f"The abstract is from Paragraph {number}. (Of {other} and {number}{other}.)",
        f"{number}.0",
        f"段落{other}，段落{number}，段落{number}",
        "none of them",
        f"No. {number:03d}",
        "段落１２",
    ]


def coded(line: str, draw: random.Random) -> list[str]:
    """Give lines of code that are near to one."""
    cut = draw.randint(0, len(line))
    return [
        line,
        f"\n\n{line}\nreturn None",
        f"# a comment\n{line}",
        f"```python\n{line}\n```",
        line[:cut],
        line[cut:] + line[:cut],
        line.replace("self", "this").replace("_", ""),
        f"// {line}",
        "",
        line * 9,
    ]
