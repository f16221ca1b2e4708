"""The pictures of `vision_small` and `vision_consistency`: what is drawn, asked and told of each.

Four kinds, each drawn from a seed: the weather over a house, shapes to count, a bar chart, a word
on a sign. Every question has a closed set of labels and exactly one right one. The description
tells in words all that the question needs, without the answer's own word for the weather.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from evenhand_evals.pictures.canvas import BLACK, WHITE, Canvas, Colour, text_height, text_width

LANGUAGES: Final = ("en", "zh")
SIZE: Final = (320, 240)

RED: Colour = (214, 40, 40)
GREEN: Colour = (44, 150, 62)
BLUE: Colour = (30, 90, 200)
GREY: Colour = (120, 125, 135)
YELLOW: Colour = (255, 205, 30)
LIGHT: Colour = (225, 228, 232)

ONLY: Mapping[str, str] = {
    "en": "Answer with exactly one of these and nothing else: {labels}.",
    "zh": "只回答下列之一，不要写任何别的内容：{labels}。",
}
_BETWEEN: Mapping[str, str] = {"en": ", ", "zh": "、"}


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture, what is asked about it, the right label of `labels`, and the picture in words."""

    picture: Canvas
    question: str
    labels: tuple[str, ...]
    target: str
    description: str


def _asked(language: str, question: str, labels: Sequence[str]) -> str:
    listed = _BETWEEN[language].join(labels)
    return f"{question}\n{ONLY[language].format(labels=listed)}"


WEATHER: Mapping[str, tuple[str, ...]] = {
    "en": ("sunny", "cloudy", "rainy", "snowy"),
    "zh": ("晴天", "阴天", "雨天", "雪天"),
}
_WEATHER_QUESTION: Mapping[str, str] = {
    "en": "What is the weather in this picture?",
    "zh": "这幅图里是什么天气？",
}
_WEATHER_TOLD: Mapping[str, tuple[str, ...]] = {
    "en": (
        "The sky is blue and without clouds. A yellow disc with rays stands above a house.",
        "Thick light-grey clouds cover the sky above a house. Nothing falls, and there is no sun.",
        "The sky is dark grey. From the clouds, slanting blue streaks of water fall on a house.",
        "The sky is grey. Small white flakes fall on a house, and the ground is white.",
    ),
    "zh": (
        "天空湛蓝无云，一座房子上方是一个光芒四射的黄色圆盘。",
        "厚厚的浅灰色云层遮住了天空，下面有一座房子；没有任何东西落下，也看不到太阳。",
        "天空是深灰色的，蓝色的水线从云中斜斜地落到一座房子上。",
        "天空是灰色的，白色的小片从云中飘落到一座房子上，地面一片洁白。",
    ),
}
_SKIES: tuple[Colour, ...] = ((135, 200, 240), (178, 184, 192), (98, 104, 116), (140, 150, 166))
SUNNY, CLOUDY, RAINY, SNOWY = range(4)


def weather(draw: Random, language: str, turn: int) -> Scene:
    """Draw a house; the four kinds of weather take turns."""
    kind = turn % 4
    picture = Canvas(*SIZE, _SKIES[kind])
    picture.rectangle(0, 180, SIZE[0], 60, WHITE if kind == SNOWY else (96, 168, 82))
    _house(picture, draw.randrange(40, 200))
    if kind == SUNNY:
        _sun(picture, draw.randrange(50, 270), draw.randrange(42, 60))
    else:
        for left in (10, 120, 230):
            shade = LIGHT if kind == CLOUDY else (70, 74, 84)
            _cloud(picture, left + draw.randrange(-10, 20), draw.randrange(34, 52), shade)
    if kind in (RAINY, SNOWY):
        _falling(picture, draw, kind)
    labels = WEATHER[language]
    return Scene(
        picture,
        _asked(language, _WEATHER_QUESTION[language], labels),
        labels,
        labels[kind],
        _WEATHER_TOLD[language][kind],
    )


def _house(picture: Canvas, left: int) -> None:
    picture.triangle(left + 40, 105, 44, (120, 60, 44))
    picture.rectangle(left, 148, 80, 42, (186, 120, 80))
    picture.rectangle(left + 30, 156, 20, 34, (84, 52, 36))


def _sun(picture: Canvas, x: int, y: int) -> None:
    for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1)):
        reach = 38 if dx == 0 or dy == 0 else 28
        picture.line((x, y), (x + dx * reach, y + dy * reach), YELLOW, 3)
    picture.circle(x, y, 22, YELLOW)


def _cloud(picture: Canvas, x: int, y: int, shade: Colour) -> None:
    for dx, dy, radius in ((0, 6, 18), (22, -4, 24), (48, 4, 20), (68, 8, 14)):
        picture.circle(x + dx, y + dy, radius, shade)


def _falling(picture: Canvas, draw: Random, kind: int) -> None:
    for _ in range(70):
        x, y = draw.randrange(0, SIZE[0]), draw.randrange(70, 225)
        if kind == RAINY:
            picture.line((x, y), (x - 5, y + 13), (70, 130, 255), 2)
        else:
            picture.circle(x, y, 3, WHITE)


COUNTS: Final = tuple("123456789")
_COLOURS: Mapping[str, tuple[str, str, Colour]] = {
    "red": ("red", "红色", RED),
    "blue": ("blue", "蓝色", BLUE),
    "green": ("green", "绿色", GREEN),
}
_SHAPES: Mapping[str, tuple[str, str]] = {
    "circle": ("circle", "圆形"),
    "square": ("square", "正方形"),
    "triangle": ("triangle", "三角形"),
}
_COLUMNS, _LINES = 6, 4


def counting(draw: Random, language: str, _turn: int) -> Scene:
    """Draw three groups of coloured shapes and ask how many one group has."""
    every = [(colour, shape) for colour in _COLOURS for shape in _SHAPES]
    groups = draw.sample(every, 3)
    numbers = [draw.randrange(1, 10), draw.randrange(1, 8), draw.randrange(1, 8)]
    places = draw.sample(range(_COLUMNS * _LINES), sum(numbers))
    picture = Canvas(*SIZE)
    shapes = [group for group, number in zip(groups, numbers, strict=True) for _ in range(number)]
    for place, (colour, shape) in zip(places, shapes, strict=True):
        x = 28 + place % _COLUMNS * 52 + draw.randrange(-4, 5)
        y = 32 + place // _COLUMNS * 58 + draw.randrange(-6, 7)
        _shape(picture, shape, x, y, _COLOURS[colour][2])
    named = [_group(language, *group) for group in groups]
    one = {
        "en": f"How many {named[0]}s are in this picture?",
        "zh": f"这幅图里有几个{named[0]}？",
    }
    return Scene(
        picture,
        _asked(language, one[language], COUNTS),
        COUNTS,
        str(numbers[0]),
        _counted(language, named, numbers, draw),
    )


def _shape(picture: Canvas, shape: str, x: int, y: int, colour: Colour) -> None:
    if shape == "circle":
        picture.circle(x, y, 15, colour)
    elif shape == "square":
        picture.rectangle(x - 14, y - 14, 28, 28, colour)
    else:
        picture.triangle(x, y, 15, colour)


def _group(language: str, colour: str, shape: str) -> str:
    if language == "zh":
        return _COLOURS[colour][1] + _SHAPES[shape][1]
    return f"{_COLOURS[colour][0]} {_SHAPES[shape][0]}"


def _counted(language: str, named: Sequence[str], numbers: Sequence[int], draw: Random) -> str:
    told = list(zip(named, numbers, strict=True))
    draw.shuffle(told)
    if language == "zh":
        return f"图里有{'、'.join(f'{number}个{name}' for name, number in told)}。"
    listed = [f"{number} {name}{'' if number == 1 else 's'}" for name, number in told]
    return f"On white ground there are {listed[0]}, {listed[1]} and {listed[2]}."


NAMES: Final = ("ASH", "ELM", "OAK", "YEW")
VALUES: Final = tuple(str(value) for value in range(10, 100, 10))
_CHART_QUESTIONS: Mapping[str, tuple[str, str, str]] = {
    "en": (
        "Which bar of this chart is the highest?",
        "Which bar of this chart is the lowest?",
        "What is the value of the bar {name} in this chart?",
    ),
    "zh": (
        "这张图表里哪一根柱子最高？",
        "这张图表里哪一根柱子最低？",
        "这张图表里柱子{name}的数值是多少？",
    ),
}
_BASE, _PER_POINT = 205, 1.8


def chart(draw: Random, language: str, turn: int) -> Scene:
    """Draw a bar chart and ask, in turns, for its highest or lowest bar or the value of one."""
    values = dict(zip(NAMES, draw.sample(range(10, 100, 10), 4), strict=True))
    picture = _chart(values)
    kind, name = turn % 3, draw.choice(NAMES)
    answers = (max(values, key=values.__getitem__), min(values, key=values.__getitem__))
    question = _CHART_QUESTIONS[language][kind].format(name=name)
    labels = VALUES if kind == 2 else NAMES
    told = {
        "en": "A bar chart with an axis from 0 to 100 has four bars: "
        + ", ".join(f"{each} with the value {value}" for each, value in values.items())
        + ".",
        "zh": "一张纵轴从0到100的柱状图，有四根柱子："
        + "，".join(f"{each}的数值是{value}" for each, value in values.items())
        + "。",
    }
    target = str(values[name]) if kind == 2 else answers[kind]
    return Scene(picture, _asked(language, question, labels), labels, target, told[language])


def _chart(values: Mapping[str, int]) -> Canvas:
    picture = Canvas(*SIZE)
    for mark in range(0, 101, 10):
        y = _BASE - round(mark * _PER_POINT)
        picture.rectangle(50, y, 260, 1, (200, 200, 200))
        if mark % 20 == 0:
            number = str(mark)
            picture.text(44 - text_width(number), y - 7, number)
    for place, (name, value) in enumerate(values.items()):
        x, height = 70 + place * 62, round(value * _PER_POINT)
        picture.rectangle(x, _BASE - height, 36, height, BLUE)
        picture.text(x + 18 - text_width(name) // 2, _BASE + 10, name)
    picture.rectangle(50, _BASE, 260, 2, BLACK)
    picture.rectangle(50, 20, 2, _BASE - 20, BLACK)
    return picture


WORDS: Final = (
    ("CLOUD", "CLOUT", "CLOAK", "CROWD"),
    ("STORM", "STORK", "STORY", "STERN"),
    ("WATER", "WAFER", "WAVER", "WAGER"),
    ("RIVER", "RIDER", "RIVET", "RAVEN"),
    ("STONE", "STOVE", "STORE", "STOLE"),
    ("BREAD", "BREED", "BROAD", "BEARD"),
    ("PLANT", "PLANE", "PLATE", "PLANK"),
    ("HOUSE", "HORSE", "MOUSE", "NOISE"),
)
_WORD_QUESTION: Mapping[str, str] = {
    "en": "Which word is written in this picture?",
    "zh": "这幅图里写的是哪个单词？",
}


def writing(draw: Random, language: str, _turn: int) -> Scene:
    """Draw a sign with one of four words that look alike."""
    group = draw.choice(WORDS)
    word = draw.choice(group)
    ground, ink = draw.choice(((WHITE, BLACK), (BLUE, WHITE), (GREEN, WHITE), (YELLOW, BLACK)))
    scale = draw.choice((3, 4, 6))
    wide, high = text_width(word, scale) + 24, text_height(scale) + 24
    picture = Canvas(*SIZE, GREY)
    x, y = draw.randrange(4, SIZE[0] - wide - 4), draw.randrange(4, SIZE[1] - high - 4)
    picture.rectangle(x, y, wide, high, ground)
    picture.text(x + 12, y + 12, word, ink, scale)
    spelled = "-".join(word)
    told = {
        "en": f"A sign on grey ground. Letter by letter, it reads {spelled}.",
        "zh": f"灰色背景上有一块牌子，上面逐个字母写着{spelled}。",
    }
    labels = tuple(sorted(group))
    asked = _asked(language, _WORD_QUESTION[language], labels)
    return Scene(picture, asked, labels, word, told[language])


KINDS: Mapping[str, Callable[[Random, str, int], Scene]] = {
    "weather": weather,
    "counting": counting,
    "charts": chart,
    "text": writing,
}


def scene(kind: str, language: str, turn: int, seed: int) -> Scene:
    """Draw one scene; the same arguments give the same one."""
    return KINDS[kind](Random(f"{seed} {kind} {language} {turn}"), language, turn)  # noqa: S311 - no secret
