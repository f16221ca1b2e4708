"""Write the tables of docs/reference/decoding.md from the code that they describe.

    python -m tests.docs.generate

A table stands between `<!-- generated: NAME -->` and `<!-- end of NAME -->`.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from evenhand_proxy.decoding import ABSENT, DIALECTS, PARAMETERS, PROFILES
from evenhand_proxy.decoding.dialect import ANY, Dialect, Rule
from tests.docs.markdown import DOCS

PAGE = DOCS / "reference" / "decoding.md"

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


TABLES: Mapping[str, Callable[[], str]] = {
    "vocabulary": vocabulary,
    "profiles": profiles,
    **{name: lambda name=name: engine(name) for name in DIALECTS},  # type: ignore[misc]
}


def renewed(text: str) -> str:
    """Give a page's text with every generated table made anew."""
    for name, make in TABLES.items():
        begin, end = f"<!-- generated: {name} -->\n", f"<!-- end of {name} -->"
        pattern = re.compile(re.escape(begin) + r".*?" + re.escape(end), re.DOTALL)
        new = f"{begin}\n{make()}\n{end}"
        text, count = pattern.subn(lambda _, new=new: new, text)  # type: ignore[misc]
        if count != 1:
            raise SystemExit(f"{PAGE}: {count} places for the table {name!r}; there must be one")
    return text


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text("utf-8")), "utf-8")
