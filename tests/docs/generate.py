"""Write those parts of the documentation that the code itself knows best.

    python -m tests.docs.generate

Such a part stands between `<!-- generated: NAME -->` and `<!-- end of NAME -->`; a page of a
family of dialects is made whole.
"""

import ast
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

from evenhand_proxy.decoding import DIALECTS, ENGINES, PARAMETERS
from evenhand_proxy.decoding.profiles_evaluations import EVALUATIONS
from evenhand_proxy.decoding.profiles_models import MODELS
from tests.docs import dialect_pages, task_page
from tests.docs.markdown import DOCS, ROOT
from tests.docs.tables import as_json, code, listed, table

REFERENCE = DOCS / "reference"
DECODING = REFERENCE / "decoding.md"
PROFILES_PAGE = REFERENCE / "profiles.md"
ARCHITECTURE = DOCS / "explanation" / "architecture.md"


def vocabulary() -> str:
    """Give the canonical parameters."""
    rows = [
        (code(p.name), p.kind, p.unit, p.meaning, listed(p.spellings)) for p in PARAMETERS.values()
    ]
    return table(("name", "kind", "unit", "meaning", "spellings, the winner first"), rows)


def profiles(entries: Iterable[tuple[str, Mapping[str, object], str]]) -> str:
    """Give some of the profiles that ship with the package."""
    rows = [(code(name), _settings(parameters), source) for name, parameters, source in entries]
    return table(("profile", "parameters", "source"), rows)


def _settings(parameters: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {as_json(value)}" for name, value in parameters.items())


def families() -> str:
    """Give the pages of the dialects."""
    rows = []
    for family, title in dialect_pages.FAMILIES.items():
        names = [name for name in DIALECTS if dialect_pages.family_of(name) == family]
        engines = [
            engine
            for engine, routes in ENGINES.items()
            if any(dialect.name in names for dialect in routes.values())
        ]
        rows.append((f"[{title}](dialect-{family}.md)", listed(engines), listed(names)))
    return table(("page", "engine in the config", "dialects"), rows)


def modules(package: Path) -> str:
    """Give every module of a package with the first line of its docstring, by folder."""
    parts: list[str] = []
    folders = sorted({file.parent for file in sources(package)})
    for folder in folders:
        files = [file for file in sources(package) if file.parent == folder]
        lines = [f"- `{file.name}`: {_summary(file)}\n" for file in files]
        parts.append(f"`{folder.relative_to(package.parent)}/`\n\n{''.join(lines)}")
    return "\n".join(parts)


def sources(package: Path) -> list[Path]:
    """Give the modules of a package that hold code."""
    return sorted(file for file in package.rglob("*.py") if not file.stem.startswith("__"))


def _summary(file: Path) -> str:
    docstring = ast.get_docstring(ast.parse(file.read_text("utf-8")))
    if docstring is None:
        raise SystemExit(f"{file}: has no docstring")
    return " ".join(docstring.partition("\n\n")[0].split())


PARTS: Mapping[Path, Mapping[str, Callable[[], str]]] = {
    DECODING: {"vocabulary": vocabulary, "dialects": families},
    PROFILES_PAGE: {
        "models": partial(profiles, MODELS),
        "evaluations": partial(profiles, EVALUATIONS),
    },
    ARCHITECTURE: {
        "proxy": partial(modules, ROOT / "proxy" / "evenhand_proxy"),
        "evals": partial(modules, ROOT / "evals" / "evenhand_evals"),
    },
}
"""Pages with parts that are made from the code, each part by its name."""

WHOLE: Mapping[Path, Callable[[], str]] = {
    **{
        REFERENCE / f"dialect-{family}.md": partial(dialect_pages.page, family)
        for family in dialect_pages.FAMILIES
    },
    REFERENCE / "tasks.md": task_page.page,
}
"""Pages that are made from the code and nothing else."""


def renewed(page: Path) -> str:
    """Give a page's text with everything in it that is generated made anew."""
    if page in WHOLE:
        return WHOLE[page]()
    text = page.read_text("utf-8")
    for name, make in PARTS[page].items():
        begin, end = f"<!-- generated: {name} -->\n", f"<!-- end of {name} -->"
        head, found, rest = text.partition(begin)
        _, closed, tail = rest.partition(end)
        if not found or not closed:
            raise SystemExit(f"{page}: there is no place for the part {name!r}")
        text = f"{head}{begin}\n{make()}\n{end}{tail}"
    return text


def main() -> None:
    """Write every page anew."""
    for page in (*PARTS, *WHOLE):
        page.write_text(renewed(page), "utf-8")


if __name__ == "__main__":
    main()
