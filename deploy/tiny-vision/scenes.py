"""What the tiny vision model is taught: the scenes of `vision_small`, and the same told in words.

The task draws turns 0, 1, 2 of a seed that is nowhere below 0. Training draws turns of sixty bits
of the seed -1, so that no picture of a run was in training but by chance.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from evenhand_evals.tasks.vision_consistency import TOLD
from evenhand_evals.tasks.vision_scenes import LANGUAGES, Scene, scene

KINDS: Sequence[str] = ("weather", "counting", "charts", "text")
SHARES: Sequence[int] = (2, 3, 3, 1)
"""How often each kind is drawn: weather is learnt in minutes, counting is not."""

TOLD_SHARE = 0.15


@dataclass(frozen=True, slots=True)
class Item:
    """A question with its answer; `dots` is the picture, or None where it is told in words."""

    kind: str
    question: str
    answer: str
    dots: bytes | None
    width: int
    height: int


def draw(rng: Random, number: int) -> list[Item]:
    """Draw training items."""
    kinds = rng.choices(KINDS, SHARES, k=number)
    return [_item(rng, kind, rng.choice(LANGUAGES), rng.getrandbits(60)) for kind in kinds]


def _item(rng: Random, kind: str, language: str, place: int) -> Item:
    drawn: Scene = scene(kind, language, place, -1)
    if rng.random() < TOLD_SHARE:
        told = TOLD[language].format(told=drawn.description, question=drawn.question)
        return Item(kind, told, drawn.target, None, 0, 0)
    return seen(kind, drawn)


def seen(kind: str, drawn: Scene) -> Item:
    """Give a scene as an item with its picture."""
    picture = drawn.picture
    return Item(kind, drawn.question, drawn.target, picture.dots, picture.width, picture.height)


def texts(number: int) -> list[str]:
    """Give the text that the tokenizer is trained on."""
    rng = Random(20260415)  # noqa: S311 - repeatable training, nothing secret
    items = []
    for _ in range(number):
        language, kind = rng.choice(LANGUAGES), rng.choice(KINDS)
        drawn = scene(kind, language, rng.getrandbits(60), -1)
        items += [TOLD[language].format(told=drawn.description, question=drawn.question)]
    return items
