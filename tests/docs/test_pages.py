"""Links, images and addresses on every page, and the parts that are made from the code."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.docs.generate import PARTS, main, renewed
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


@pytest.mark.parametrize("generated", PARTS, ids=lambda page: page.name)
def test_what_is_made_from_the_code_is_current(generated: Path) -> None:
    """If this fails: python -m tests.docs.generate."""
    assert generated.read_text("utf-8") == renewed(generated), main.__doc__


def test_anchors_are_those_of_the_forge() -> None:
    """By hand: punctuation goes, blanks become hyphens, case is lowered."""
    assert anchor("The explain document") == "the-explain-document"
    assert anchor("`evenhand eval run`: a run") == "evenhand-eval-run-a-run"
    assert anchor("0.1.0 - Unreleased") == "010---unreleased"
