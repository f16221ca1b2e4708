"""Write those parts of the documentation that the code itself knows best.

    python -m tests.docs.generate

Such a part stands between `<!-- generated: NAME -->` and `<!-- end of NAME -->`.
"""

import ast
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

from evenhand_proxy.decoding import ABSENT, DIALECTS, PARAMETERS, PROFILES
from evenhand_proxy.decoding.dialect import ANY, Dialect, Rule
from tests.docs.markdown import DOCS, ROOT

DECODING = DOCS / "reference" / "decoding.md"
ARCHITECTURE = DOCS / "explanation" / "architecture.md"

_COLUMNS = ("parameter", "on the wire", "takes", "outside of that", "when omitted", "remarks")


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Give a Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(_cell(cell) for cell in line)} |\n" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _code(value: object) -> str:
    return f"`{value}`"


def _json(value: object) -> str:
    return _code(json.dumps(value, ensure_ascii=False))


def vocabulary() -> str:
    """Give the canonical parameters."""
    rows = [
        (_code(p.name), p.kind, p.unit, p.meaning, ", ".join(map(_code, p.spellings)))
        for p in PARAMETERS.values()
    ]
    return table(("name", "kind", "unit", "meaning", "spellings, the winner first"), rows)


def profiles() -> str:
    """Give the profiles that ship with the package."""
    rows = [
        (_code(each.name), _json(dict(each.parameters)), each.source) for each in PROFILES.values()
    ]
    return table(("profile", "parameters", "source"), rows)


def engine(name: str) -> str:
    """Give an engine's rules: the chat route whole, of the completions route what differs."""
    chat, completions = DIALECTS[name]["chat"], DIALECTS[name]["completions"]
    differing = {
        parameter: rule
        for parameter, rule in completions.rules.items()
        if _row(parameter, rule) != _row(parameter, chat.rules[parameter])
    }
    return (
        f"`POST /v1/chat/completions`:\n\n{_rules(chat.rules)}\n"
        f"`POST /v1/completions` is the same but for:\n\n{_rules(differing)}\n"
        f"Unknown fields are {chat.unknown_fields}. Read in:\n\n{_sources(chat, completions)}"
    )


def _rules(rules: Mapping[str, Rule]) -> str:
    return table(_COLUMNS, [_row(name, rules[name]) for name in PARAMETERS if name in rules])


def _row(name: str, rule: Rule) -> tuple[str, ...]:
    if rule.wire is None:
        said = "cannot be said" if not rule.equivalent else "said with others"
        treated = "the field would be refused" if rule.unsupported == "refused" else "ignored"
        return (_code(name), "none", said, treated, "", _remarks(rule))
    wire = ", or ".join(map(_code, (rule.wire, *rule.accepts)))
    limited = rule.range is not ANY and rule.range != ANY
    return (
        _code(name),
        wire,
        str(rule.range) if limited else "any",
        rule.out_of_range if limited else "",
        _default(rule),
        _remarks(rule),
    )


def _default(rule: Rule) -> str:
    value = rule.default_note or ("nothing" if rule.default is ABSENT else _json(rule.default))
    return f"the model's, else {value}" if rule.from_model else value


def _remarks(rule: Rule) -> str:
    parts = [f"`{old}` is sent as `{new}`" for old, new in rule.translate.items()]
    for value, meant in rule.equivalent.items():
        said = ", ".join(f"{key} {item}" for key, item in meant.items())
        parts.append(f"{_json(value)} {f'is sent as {said}' if said else 'needs nothing'}")
    parts += [rewrite.reason.partition(" (")[0] for rewrite in rule.rewrites]
    if rule.needs is not None:
        parts.append(rule.needs.reason.partition(" (")[0])
    if rule.null == "refused":
        parts.append("null is refused, so it is left out")
    if rule.kind is not None:
        parts.append(f"{rule.kind} here")
    if rule.evidence == "unknown":
        parts.append("evidence: unknown")
    if rule.note is not None:
        parts.append(rule.note)
    return "; ".join(parts)


def _sources(*dialects: Dialect) -> str:
    by_source: dict[str, dict[str, None]] = {}
    for dialect in dialects:
        for name, rule in dialect.rules.items():
            by_source.setdefault(rule.source, {})[name] = None
    return "".join(
        f"- {source}: {', '.join(map(_code, names))}\n" for source, names in by_source.items()
    )


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
    DECODING: {
        "vocabulary": vocabulary,
        "profiles": profiles,
        **{name: partial(engine, name) for name in DIALECTS},
    },
    ARCHITECTURE: {
        "proxy": partial(modules, ROOT / "proxy" / "evenhand_proxy"),
        "evals": partial(modules, ROOT / "evals" / "evenhand_evals"),
    },
}


def renewed(page: Path) -> str:
    """Give a page's text with every generated part made anew."""
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
    for page in PARTS:
        page.write_text(renewed(page), "utf-8")


if __name__ == "__main__":
    main()
