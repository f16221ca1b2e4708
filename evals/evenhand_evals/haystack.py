"""Long texts to hide something in: where they come from, how they are cut to length and filled.

A text is generated (`generated`: neutral sentences, none twice, the same for everybody), or the
user's own, or the public-domain books of `EVENHAND_DATA`. It is never repeated to fill a length:
a model that sees the same page twice has an easier task. What is too short is refused.
"""

import random
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from evenhand_evals.errors import DataError
from evenhand_evals.haystack_words import words
from evenhand_evals.token_counts import Tokens
from evenhand_evals.types import DataSource

GENERATED, BOOKS = "generated", "books"
BOOK_FILES = {
    "en": ("longtext/gatsby.txt", "longtext/inaugural.zip"),
    "zh": ("zh-text/hongloumeng_ch01-20.txt",),
}
LANGUAGES = ("en", "zh")
_CHARACTERS = {"en": 7, "zh": 3}
"""More characters than any tokeniser puts into one token on average, by language."""
_END = re.compile(r"[.!?。！？]+[\"'”’」』)]*\s*")
_TRIES = 14


@dataclass(frozen=True, slots=True)
class Haystack:
    """A text, where it comes from, and the digest of what it was made from, as lower-case hex."""

    text: str
    source: str
    sha256: str


def _english(draw: random.Random) -> str:
    def pick(name: str) -> str:
        return draw.choice(words(name))

    subject = f"{pick('adjectives')} {pick('people')}"
    thing = f"{pick('adjectives')} {pick('nouns')}"
    place = f"{pick('adjectives')} {pick('nouns')}"
    action = f"the {subject} {pick('verbs')} the {thing} near the {place}"
    when, why = pick("times"), pick("reasons")
    forms = (
        f"In the time of {when}, {action} {why}. ",
        f"{action[0].upper()}{action[1:]} {why}. ",
        f"People still recall how {action} during {when}. ",
        f"It was during {when} that {action}, {why}. ",
    )
    return draw.choice(forms)


def _chinese(draw: random.Random) -> str:
    def pick(name: str) -> str:
        return draw.choice(words(f"zh {name}"))

    when, person, why = pick("times"), pick("people"), pick("reasons")
    where = f"{pick('adjectives')}{pick('places')}"
    done = f"{pick('verbs')}{pick('things')}"
    forms = (
        f"{when}，{person}在{where}{done}，{why}。",
        f"{person}从{where}经过，{when}{done}，{why}。",
        f"那是{when}的事，{where}里有位{person}{done}。",
        f"据说{person}{when}在{where}{done}，{why}。",
    )
    return draw.choice(forms)


_WRITERS: dict[str, Callable[[random.Random], str]] = {"en": _english, "zh": _chinese}


def neutral(language: str, seed: int) -> Iterator[str]:
    """Write sentences about nothing in particular, without end, none of them twice."""
    draw = random.Random(f"{seed}/{language}")  # noqa: S311 - a text, not a secret
    seen, write = set[str](), _WRITERS[language]
    while True:
        sentence = write(draw)
        if sentence not in seen:
            seen.add(sentence)
            yield sentence


def generated(language: str, seed: int, characters: int) -> str:
    """Write at least so many characters; a longer text begins with the shorter one."""
    parts: list[str] = []
    length = 0
    for sentence in neutral(language, seed):
        if length >= characters:
            break
        parts.append(sentence)
        length += len(sentence)
    return "".join(parts)


def find_haystack(source: DataSource, kind: str, language: str, tokens: int) -> Haystack:
    """Give a text that should be long enough for so many tokens.

    The user's own text wins over `kind`, which is "generated" or "books".

    Raises:
        DataError: a text cannot be read, or EVENHAND_DATA is needed and not set.

    """
    if source.path is not None:
        return _read("--data", _texts_of(source.path))
    if kind == BOOKS:
        if source.root is None:
            raise DataError(
                "haystack=books: set EVENHAND_DATA to a folder that holds "
                f"{' and '.join(BOOK_FILES[language])}, or leave it out for a generated text"
            )
        return _read("haystack=books", [source.root / file for file in BOOK_FILES[language]])
    text = generated(language, source.seed, tokens * _CHARACTERS[language])
    digest = sha256(f"evenhand:neutral/1/{language}/{source.seed}".encode()).hexdigest()
    return Haystack(text, f"evenhand:neutral/{language}", digest)


def _texts_of(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(path.glob("*.txt"))
    if not found:
        raise DataError(f"--data {path}: the folder holds no .txt file; put one there")
    return found


def _read(asked: str, paths: list[Path]) -> Haystack:
    digest, texts = sha256(), list[str]()
    for path in paths:
        try:
            data = path.read_bytes()
            digest.update(data)
            texts += _members(path) if path.suffix == ".zip" else [data.decode("utf-8-sig")]
        except (OSError, zipfile.BadZipFile, zlib.error, RuntimeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise DataError(
                f"{asked}: cannot read {path}: {reason}; name a .txt file or a folder of some"
            ) from error
        except UnicodeDecodeError as error:
            raise DataError(
                f"{asked}: {path} is not UTF-8 text ({error}); save it as UTF-8"
            ) from error
    text = re.sub(r"\s+", " ", " ".join(texts)).strip()
    return Haystack(text, ", ".join(path.name for path in paths), digest.hexdigest())


def _members(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".txt"))
        return [archive.read(name).decode("utf-8", errors="replace") for name in names]


def cut(text: str, size: int) -> str:
    """Take the first `size` characters or a little less, so that no word is broken."""
    head = text[:size]
    broken = size < len(text) and text[size].isascii() and text[size].isalnum()
    return ((head.rpartition(" ")[0] or head) if broken else head).rstrip()


def fit(haystack: Haystack, target: int, count: Callable[[str], int]) -> str:
    """Cut a text so that `count` of it (with all that surrounds it) just reaches `target` tokens.

    Raises:
        DataError: the text is too short, or what surrounds it is longer than the target.

    """
    text = haystack.text
    low, high = 0, len(text) + 1
    size, best = min(len(text), 4 * target), None
    for _ in range(_TRIES):
        head = cut(text, size)
        got = count(head)
        if got <= target:
            low, best = size, head
            if size == len(text) or target - got <= max(1, target // 2000):
                break
        else:
            high = size
        if high - low < 2:
            break
        size = max(low + 1, min(high - 1, len(text), size + int((target - got) * size / got)))
    if best is None:
        raise DataError(
            f"--task-set lengths: a prompt of {target} tokens has no room for any text; "
            "ask for longer ones"
        )
    if low == len(text) and target - got > max(1, target // 100):
        raise DataError(
            f"{haystack.source} is too short: all of it makes a prompt of {got} tokens, and "
            f"{target} are asked for; give a longer text with --data, or a shorter length"
        )
    return best


def fit_prompt(
    haystack: Haystack, target: int, tokens: Tokens, prompt: Callable[[str], str]
) -> str:
    """Cut a text so that the prompt that is made of it has `target` tokens, template included.

    Raises:
        DataError: as `fit` does.

    """

    def fitted(counting: Tokens) -> str:
        spare = target - counting.overhead
        return fit(haystack, spare, lambda text: counting.count(prompt(text)))

    text = fitted(tokens)
    better = tokens.adjusted(prompt(text))
    return text if better is tokens else fitted(better)


def insert(text: str, facts: list[tuple[float, str]], space: str = " ") -> str:
    """Put sentences into a text, each at the sentence end nearest to its depth.

    A depth is a share of the text's characters, 0..1; 0 is before the first sentence, 1 after the
    last whole one. `space` stands on both sides of what is put in.
    """
    ends = [0, *(match.end() for match in _END.finditer(text))]
    placed = sorted(
        (min(ends, key=lambda end: abs(end - depth * len(text))), number, fact)
        for number, (depth, fact) in enumerate(facts)
    )
    parts, last = [], 0
    for place, _, fact in placed:
        parts += [text[last:place].rstrip(), fact]
        last = place
    parts.append(text[last:].lstrip())
    return space.join(part for part in parts if part)
