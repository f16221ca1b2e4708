"""Answers with numbers in many manners, made by a seeded program of ours."""

import random

_STATED = (
    "#### {x}",
    "####{x}",
    "### {x}",
    "#### ${x}",
    "#### {x}.",
    "#### {x}\n\n#### {y}",
    "She has {y} - 2 = {x}.\n#### {x}",
    "The answer is {x}.",
    "The answer is ${x}.",
    "The answer is: **{x}**",
    "Answer: {x} dollars",
    "So it is \\boxed{{{x}}}.",
    "It is not {y} but {x}",
    "{y} + {y} = <<{y}+{y}={x}>>{x}",
    "{x}",
    "-{x}",
    "{x}%",
    "{x}.00",
    "{x}.0 and ... ,",
    "about {x}, I think...",
    "答案是{x}。",
    "#### {x}\n\nQuestion: What is {y}?\nAnswer: {y}\n#### {y}",
    "{x}</s>{y}",
    "{x}<|im_end|>\n#### {y}",
    "Question: {x}?",
    "{x} (step {y})",
    "$$ {x} $$",
    "Step 1. 2. 3. {x} ,.$",
)
_OTHER = ("", " ", "\n", "I cannot tell.", "#### ", "#### abc", "$", ".", "-", "none, really.", "…")
_JOINTS = ("", " ", "\n", "\n\n", ". ", ", ")


def _number(draw: random.Random, value: str) -> str:
    whole = value.replace(",", "")
    grouped = f"{int(whole):,}" if whole.lstrip("-").isdigit() else value
    return draw.choice((value, whole, grouped, f"0{whole}", f"{whole}.", f" {whole}"))


def answers(value: str, draw: random.Random, count: int) -> list[str]:
    """Give answers of which some say a number, some another one, some none."""

    def one() -> str:
        if draw.random() < 0.15:
            return draw.choice(_OTHER)
        x, y = value, str(draw.randint(0, 20_000))
        if draw.random() < 0.3:
            x, y = y, x
        return draw.choice(_STATED).format(x=_number(draw, x), y=_number(draw, y))

    def mixed() -> str:
        return "".join(one() + draw.choice(_JOINTS) for _ in range(draw.randint(1, 3)))

    return [one() if draw.random() < 0.5 else mixed() for _ in range(count)]
