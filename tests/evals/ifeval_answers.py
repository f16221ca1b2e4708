"""Answers to IFEval's prompts in many manners, made by a seeded program of ours.

For each prompt some that follow its instructions, some that miss one by one, and some that follow
them inside a frame, in emphasis, in capitals, in quotation marks or in another language.
"""

import random
from collections.abc import Callable, Mapping
from typing import Any

SENTENCES = {
    "en": (
        "The old harbour lies quiet in the morning.",
        "Dr. Lee, who lives at No. 5, went to the U.S. in Jan. 1999!",
        'She said: "It is late." Then she left...',
        "Is it 3.5 miles, or 4?",
        "NASA and the BBC agreed; I did NOT.",
        "We paid $1,200.50 (approx.) for A-1 seats, e.g. in row B.",
        "Mr. Smith's dog (a well-known one) barked. Nobody cared",
        "First, read the text; second, write it down.",
    ),
    "de": ("Der alte Hafen liegt am Morgen still.", "Z. B. kam Dr. Lee am 5. Mai nach Bonn."),
    "fr": ("Le vieux port est calme le matin.", "« Il est tard », dit-elle, puis elle partit."),
    "it": ("Il vecchio porto è tranquillo al mattino.",),
    "pt": ("O velho porto fica calmo pela manhã e ninguém trabalha.",),
    "fi": ("Vanha satama on aamulla hiljainen.",),
    "sw": ("Bandari ya zamani ni tulivu asubuhi na watu wote wamelala.",),
    "vi": ("Bến cảng cũ yên tĩnh vào buổi sáng.",),
    "ru": ("Старая гавань утром тиха.", "Она сказала: «Поздно», и ушла."),
    "bg": ("Старото пристанище е тихо сутрин и няма никого.",),
    "ar": ("الميناء القديم هادئ في الصباح.",),
    "fa": ("بندر قدیمی در صبح آرام است و کسی نیست.",),
    "ur": ("پرانی بندرگاہ صبح کے وقت خاموش ہوتی ہے۔",),
    "hi": ("पुराना बंदरगाह सुबह शांत रहता है।",),
    "mr": ("जुने बंदर सकाळी शांत असते आणि कोणीही नसते.",),
    "ne": ("पुरानो बन्दरगाह बिहान शान्त हुन्छ।",),
    "kn": ("ಹಳೆಯ ಬಂದರು ಬೆಳಿಗ್ಗೆ ಶಾಂತವಾಗಿದೆ.",),
    "pa": ("ਪੁਰਾਣੀ ਬੰਦਰਗਾਹ ਸਵੇਰੇ ਸ਼ਾਂਤ ਹੁੰਦੀ ਹੈ।",),
    "gu": ("જૂનું બંદર સવારે શાંત હોય છે.",),
    "te": ("పాత ఓడరేవు ఉదయం ప్రశాంతంగా ఉంటుంది.",),
    "ta": ("பழைய துறைமுகம் காலையில் அமைதியாக உள்ளது.",),
    "bn": ("পুরানো বন্দর সকালে শান্ত থাকে।",),
    "th": ("ท่าเรือเก่าเงียบสงบในตอนเช้า",),
    "ko": ("오래된 항구는 아침에 조용하다.",),
    "zh": ("旧港口早上很安静。", "她说：“太晚了”，然后走了！"),
}
_ODD = (
    "",
    " \n\n ",
    "12345 67,8",
    "{}",
    '{"answer": ["a", 1, null]}',
    "```json\n{}\n```",
    "My answer is no.",
    "<<A title>>",
    "***",
    "******",
    "* one\n* two\n- three\n** four **",
    "I'm sorry, but I can't help with that.",
    "P.S. none\nP.P.S none",
    '"',
    "a\n\n\n\nb\n\n \n\nc",
    "= = =\n---\n[x] []\t[y\nz]",
    "İstanbul ß ŉ ǅ ﬁ",
    "\r\nOne.\r\n\r\nTwo.\r\n",
)

Making = Callable[[random.Random, Mapping[str, Any], str], str]


def _near(draw: random.Random, number: int) -> int:
    return max(0, number + draw.choice((-1, 0, 0, 1)))


def _prose(draw: random.Random, count: int, language: str = "en") -> str:
    return " ".join(draw.choice(SENTENCES[language]) for _ in range(count))


def _some(draw: random.Random, pieces: tuple[str, ...], number: int, gap: str = " ") -> str:
    return gap.join(draw.choice(pieces) for _ in range(_near(draw, number)))


def _words(draw: random.Random, number: int) -> str:
    pieces = ("it", "don't", "well-known", "A1", "3.5", "snake_case", "naïve", "café", "旧港口")
    return _some(draw, pieces, number)


def _paragraphs(draw: random.Random, number: int, gap: str) -> list[str]:
    parts = [_prose(draw, 1) for _ in range(_near(draw, number))]
    if draw.random() < 0.2:
        parts.insert(draw.randint(0, len(parts)), draw.choice(("", " ", gap.strip())))
    return parts


def _nth(draw: random.Random, given: Mapping[str, Any]) -> str:
    parts = _paragraphs(draw, given["num_paragraphs"], "\n\n")
    place = _near(draw, given["nth_paragraph"] - 1)
    if place < len(parts):
        manner = draw.choice(("{}", "{}, ", '"{}" ', "'{}", "**{}**", "{}: ", "{}'s ", "{}!x "))
        parts[place] = manner.format(draw.choice((str.title, str))(given["first_word"])) + " x"
    return "\n\n".join(parts)


def _quoted(draw: random.Random, text: str) -> str:
    return draw.choice(('"{}"', ' "{}"\n', "“{}”", '"{}', '**"{}"**')).format(text)


def _said(draw: random.Random, word: str) -> str:
    return draw.choice((word, word.upper(), f"x{word}s", f"({word})", word[:-1], f"**{word}**"))


MAKINGS: dict[str, Making] = {
    "keywords:existence": lambda d, k, t: f"{t} {' '.join(_said(d, w) for w in k['keywords'])}",
    "keywords:frequency": lambda d, k, t: (
        f"{t} {' '.join(_said(d, k['keyword']) for _ in range(_near(d, k['frequency'])))}"
    ),
    "keywords:forbidden_words": lambda d, k, t: (
        t if d.random() < 0.4 else f"{t} {_said(d, d.choice(k['forbidden_words']))}"
    ),
    "keywords:letter_frequency": lambda d, k, t: (
        d.choice((t, "")) + d.choice((str.upper, str))(k["letter"]) * _near(d, k["let_frequency"])
    ),
    "language:response_language": lambda d, k, t: _prose(
        d, 3, d.choice((k["language"], k["language"], *SENTENCES))
    ),
    "length_constraints:number_sentences": lambda d, k, t: _prose(d, _near(d, k["num_sentences"])),
    "length_constraints:number_words": lambda d, k, t: _words(d, k["num_words"]),
    "length_constraints:number_paragraphs": lambda d, k, t: d.choice(
        ("\n***\n", "***", " *** ", "\n\n***\n\n", "\n****\n")
    ).join(_paragraphs(d, k["num_paragraphs"], "***")),
    "length_constraints:nth_paragraph_first_word": lambda d, k, t: _nth(d, k),
    "detectable_content:postscript": lambda d, k, t: (
        f"{t}\n\n{d.choice((k['postscript_marker'], 'p. s.', 'P.P. S', 'PS', 'P.S'))} more"
    ),
    "detectable_content:number_placeholders": lambda d, k, t: (
        f"{t} {_some(d, ('[name]', '[]', '[[a]'), k['num_placeholders'])}"
    ),
    "detectable_format:number_bullet_lists": lambda d, k, t: "\n".join(
        (t, *(d.choice(("* a", "- b", "  * c", "** d")) for _ in range(_near(d, k["num_bullets"]))))
    ),
    "detectable_format:constrained_response": lambda d, k, t: d.choice(
        (
            "My answer is yes.",
            "My answer is **no**.",
            f"{t} My answer is maybe.",
            "my answer is no.",
        )
    ),
    "detectable_format:number_highlighted_sections": lambda d, k, t: (
        f"{t} "
        + d.choice((" ", "\n", "")).join(
            d.choice(("*a b*", "**c**", "* *", "***d***", "*e\nf*"))
            for _ in range(_near(d, k["num_highlights"]))
        )
    ),
    "detectable_format:multiple_sections": lambda d, k, t: "\n".join(
        f"{d.choice((k['section_spliter'], k['section_spliter'].upper()))} {number + 1}\n{t}"
        for number in range(_near(d, k["num_sections"]))
    ),
    "detectable_format:json_format": lambda d, k, t: d.choice(
        ('{"a": [1, 2]}', '```json\n{"a": 1}\n```', "```JSON\n[]\n```x", "{a: 1}", '"text"', "NaN")
    ),
    "detectable_format:title": lambda d, k, t: (
        d.choice(("<<A title>>", "<<>>", "<< >>", "<title>", "<<a\nb>>", "<<<x>>>")) + f"\n{t}"
    ),
    "combination:two_responses": lambda d, k, t: d.choice(
        ("{0}\n******\n{0} More.", "{0}******{0}", "******{0}******x", "{0}\n***\nx", "{0}******")
    ).format(t),
    "combination:repeat_prompt": lambda d, k, t: (
        d.choice(("", "  ", '"', "Sure: "))
        + d.choice((str.upper, str, str))(k["prompt_to_repeat"][: d.choice((None, None, -1))])
        + f"\n{t}"
    ),
    "startend:end_checker": lambda d, k, t: (
        f"{t} "
        + d.choice((str.upper, str, str))(k["end_phrase"])
        + d.choice(("", "", '"', " \n", "."))
    ),
    "startend:quotation": lambda d, k, t: _quoted(d, t),
    "change_case:capital_word_frequency": lambda d, k, t: (
        f"{t} {_some(d, ('A', 'OK', 'U.S.', 'WELL-KNOWN'), k['capital_frequency'])}"
    ),
    "change_case:english_capital": lambda d, k, t: d.choice((str.upper, str.title))(t),
    "change_case:english_lowercase": lambda d, k, t: d.choice((str.lower, str))(t),
    "punctuation:no_comma": lambda d, k, t: d.choice((t, t.replace(",", ""), t.replace(",", "，"))),
}
"""By instruction: how an answer that is to follow it, more or less, is made of a text."""

_FRAMES: tuple[Callable[[str], str], ...] = (
    str,
    str,
    str,
    lambda text: f"Sure, here it is:\n{text}",
    lambda text: f"{text}\nI hope that helps, my friend!",
    lambda text: f"Sure:\n\n{text}\n\nBye.",
    lambda text: f"**{text}**",
    str.upper,
    lambda text: text.replace("\n", "\n\n"),
    lambda text: f'"{text}"',
)


def answers(row: Mapping[str, Any], count: int) -> list[str]:
    """Give answers to a prompt of IFEval, the same for the same arguments."""
    draw = random.Random(f"ifeval {row['key']}")
    steps = list(zip(row["instruction_id_list"], row["kwargs"], strict=True))
    # What ends, begins or dresses the whole text is done last, in most answers.
    steps.sort(key=lambda step: list(MAKINGS).index(step[0]))
    made = [draw.choice(_ODD)]
    while len(made) < count:
        text = _prose(draw, draw.randint(0, 4), draw.choice(("en", "en", "en", *SENTENCES)))
        for name, given in steps:
            if draw.random() < 0.9:
                text = MAKINGS[name](draw, given, text)
        made.append(draw.choice(_FRAMES)(text))
    return made
