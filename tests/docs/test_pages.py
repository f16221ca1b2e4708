"""Links, images and addresses on every page, and the parts that are made from the code."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from evenhand_proxy.decoding import DIALECTS
from tests.docs import dialect_pages
from tests.docs.generate import PARTS, WHOLE, main, renewed
from tests.docs.markdown import DOCS, ROOT, anchor, anchors, links, pages

IMAGE_BYTES = 300_000
ELSEWHERE = frozenset(("github.com", "keepachangelog.com", "semver.org"))

# Written so that the pattern does not match itself.
REGISTRIES = re.compile(r"py[p]i\.|python[h]osted|np[m]js|hub\.d[o]cker|crate[s]\.io")
ABSOLUTE = re.compile(r"(?<![\w.~-])/(?:home|root|Users|work|mnt|tmp)/")


@pytest.fixture(params=pages(), ids=lambda page: str(page.relative_to(ROOT)))
def page(request: pytest.FixtureRequest) -> Path:
    """One page after the other."""
    found: Path = request.param
    return found


def test_internal_links_resolve(page: Path) -> None:
    """Every relative target is a file, and its anchor a heading there."""
    for _, target in links(page):
        parts = urlsplit(target)
        if parts.scheme:
            continue
        file = (page.parent / parts.path).resolve() if parts.path else page
        assert file.exists(), target
        assert file.is_relative_to(ROOT), target
        if parts.fragment:
            assert parts.fragment in anchors(file), target


def test_links_elsewhere_are_few_and_known(page: Path) -> None:
    """An external link is https, to a host that was chosen on purpose."""
    for _, target in links(page):
        parts = urlsplit(target)
        assert not parts.scheme or (parts.scheme == "https" and parts.hostname in ELSEWHERE)


def test_every_page_is_reachable_from_the_readme() -> None:
    """Following links from the README leads to every page."""
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        here = waiting.pop()
        if here in seen or here.suffix != ".md":
            continue
        seen.add(here)
        waiting += [
            (here.parent / urlsplit(target).path).resolve()
            for _, target in links(here)
            if not urlsplit(target).scheme and urlsplit(target).path
        ]
    assert set(pages()) <= seen


def test_images_exist_and_are_small() -> None:
    """Every image that is shown is there, every image that is there is shown."""
    shown = {
        (page.parent / target).resolve()
        for page in pages()
        for is_image, target in links(page)
        if is_image
    }
    assert shown == set((DOCS / "images").iterdir())
    assert all(image.stat().st_size < IMAGE_BYTES for image in shown)


def test_a_page_names_no_registry_and_no_absolute_path(page: Path) -> None:
    """Pages hold on any machine."""
    text = page.read_text("utf-8")
    assert not REGISTRIES.findall(text)
    assert not ABSOLUTE.findall(text)


@pytest.mark.parametrize("generated", (*PARTS, *WHOLE), ids=lambda page: page.name)
def test_what_is_made_from_the_code_is_current(generated: Path) -> None:
    """If this fails: python -m tests.docs.generate."""
    assert generated.read_text("utf-8") == renewed(generated), main.__doc__


def test_every_dialect_stands_on_one_page() -> None:
    """Each belongs to a family, each family has a page, and no other page poses as one."""
    assert {dialect_pages.family_of(name) for name in DIALECTS} == set(dialect_pages.FAMILIES)
    pages = set((DOCS / "reference").glob("dialect-*.md"))
    assert pages < set(WHOLE)
    assert len(pages) == len(dialect_pages.FAMILIES)
    text = "".join(page.read_text("utf-8") for page in pages)
    assert {name for name in DIALECTS if text.count(f"## {name}\n") != 1} == set()


def test_every_rule_stands_on_a_page_with_its_source() -> None:
    """Older versions' rules and the reasons of interactions too, on the page of their family."""
    for name, dialect in DIALECTS.items():
        page = DOCS / "reference" / f"dialect-{dialect_pages.family_of(name)}.md"
        text = page.read_text("utf-8").replace("\\|", "|")
        rules = [
            each for rule in dialect.rules.values() for each in (rule, *dict(rule.before).values())
        ]
        assert {rule.source for rule in rules if rule.source not in text} == set(), name
        assert {rule.status for rule in rules if rule.status and rule.status not in text} == set()
        for interaction in dialect.interactions:
            assert interaction.reason.partition(" (")[0] in text, interaction


def test_anchors_are_those_of_the_forge() -> None:
    """By hand: punctuation goes, blanks become hyphens, case is lowered."""
    assert anchor("The explain document") == "the-explain-document"
    assert anchor("`evenhand eval run`: a run") == "evenhand-eval-run-a-run"
    assert anchor("0.1.0 - Unreleased") == "010---unreleased"
