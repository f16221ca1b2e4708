"""The pages `docs/reference/dialect-FAMILY.md`: every table of every dialect."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Final

from evenhand_proxy.decoding import ABSENT, DIALECTS, ENGINES, PARAMETERS
from evenhand_proxy.decoding.dialect import (
    ANY,
    Dialect,
    Interaction,
    Over,
    Range,
    Rule,
    Test,
    Typed,
)
from evenhand_proxy.decoding.dialects import TRANSLATED, VARIANTS
from evenhand_proxy.decoding.forms import Form
from evenhand_proxy.decoding.server_flags import SERVER_FLAGS
from tests.docs.tables import Row, as_json, code, listed, table

FAMILIES: Final[Mapping[str, str]] = {
    "sglang": "SGLang",
    "vllm": "vLLM",
    "llamacpp": "llama.cpp",
    "ollama": "Ollama",
    "tgi": "Text Generation Inference",
    "hf": "Hugging Face transformers",
    "openai": "OpenAI",
    "zhipu": "Zhipu and Z.ai",
    "deepseek": "DeepSeek",
    "dashscope": "DashScope",
    "moonshot": "Moonshot",
    "mistral": "Mistral",
    "anthropic": "Anthropic",
    "gemini": "Gemini",
    "cohere": "Cohere",
    "generic": "An endpoint of which nothing is known",
}
"""The first word of a dialect's name, to the title of the page that it stands on."""

_COLUMNS = (
    "parameter",
    "on the wire",
    "takes",
    "outside of that",
    "when omitted",
    "remarks",
    "source",
)

_WRITTEN: Final[Mapping[Form, str]] = {
    "switch": 'written as `"enabled"` or `"disabled"`',
    "adaptive": 'written as `"adaptive"` or `"disabled"`',
    "inverted": "written inverted",
    "flat_format": "written flat, the schema beside its type",
    "schema_format": "written as a `response_format` of type `json_schema`",
    "flat_schema": "written as a `text.format` of type `json_schema`",
    "grammar_format": "written as a grammar of type `json`",
    "format_field": 'written as `"json"` or as the schema itself',
    "mime_type": "written as a media type",
    "json_text": "written as text",
    "typed_json": "written as a grammar of type `json`",
    "typed_regex": "written as a grammar of type `regex`",
    "list": "always written as a list",
    "object_format": "written as a format of type `json_object` that holds the schema",
    "output_format": "written as a format of type `json_schema` that holds the schema",
    "any_tool": "written as an object; `required` is `any` there",
    "mode_tool": "written in capitals; `required` is `ANY` there",
    "upper_tool": "written in capitals",
}

_OUTCOMES: Final[Mapping[str, str]] = {
    "refused": "answered with an error",
    "not-honoured": "accepted and not honoured",
    "honoured": "honoured",
}

_LACKING: Final[Mapping[str, str]] = {
    "refused": "the field is refused",
    "ignored": "the field is ignored",
    "unknown": "not documented",
}

_HEAD = """\
<!-- Made by `python -m tests.docs.generate` from the tables that the proxy runs. -->

[Decoding](decoding.md#dialects) says how to read these tables.
"""

_BY_NAME = """\
## By the model's name

The first pattern that fits the name wins. Of a name with slashes, what follows the last one counts.
"""

_BOUNDS: Final[Mapping[str, str]] = {
    "4.29497e+09": "2^32",
    "2.14748e+09": "2^31",
    "9.22337e+18": "2^63",
    "1.84467e+19": "2^64",
}

_REASON = re.compile(r"(?P<text>.*?) \((?P<source>[^()]+)\)", re.DOTALL)


def family_of(name: str) -> str:
    """Give the family of a dialect: the first word of its name."""
    return name.partition("_")[0]


def page(family: str) -> str:
    """Give a family's whole page."""
    dialects = [each for each in DIALECTS.values() if family_of(each.name) == family]
    rows = [
        (f"[{code(each.name)}](#{each.name})", each.title, _spoken(each), each.unknown_fields)
        for each in dialects
    ]
    columns = ("dialect", "it is that of", "spoken to", "unknown fields are")
    parts = [f"# Dialects: {FAMILIES[family]}\n", _HEAD, table(columns, rows)]
    variants = _variants(dialects)
    if variants:
        parts.append(variants)
    first = None
    for each in dialects:
        parts.append(_section(each, first))
        first = first or each
    if family in SERVER_FLAGS:
        parts.append(_server_flags(family))
    return "\n".join(parts)


def _unset_or(default: object) -> str:
    if default is ABSENT:
        return "unset"
    return as_json(dict(default) if isinstance(default, Mapping) else default)


def _server_flags(family: str) -> str:
    """Give the settings of a server that move what is in effect."""
    rows = [
        (
            code(each.wire),
            each.kind,
            _unset_or(each.default),
            " ".join(filter(None, (each.effect, each.status and f"({each.status})"))),
            each.source,
        )
        for each in SERVER_FLAGS[family]
    ]
    columns = ("setting", "takes", "default", "what it does", "read in")
    return f"## Server settings\n\n{table(columns, rows)}"


def _variants(dialects: Iterable[Dialect]) -> str:
    """Say which models are spoken to in another dialect of the page."""
    rows = [
        (code(base.name), code(pattern), code(spoken.name))
        for base in dialects
        for pattern, spoken in VARIANTS.get(base.name, ())
    ]
    columns = ("in the place of", "for models", "this is spoken")
    return f"{_BY_NAME}\n{table(columns, rows)}" if rows else ""


def _spoken(dialect: Dialect) -> str:
    """Say to which engine of the config a dialect is spoken, and on which route."""
    said = [
        f"{code(engine)}, {route}"
        for engine, routes in ENGINES.items()
        for route, spoken in routes.items()
        if spoken is dialect
    ]
    said += [
        f"{code(name)} through litellm" for name, each in TRANSLATED.items() if each is dialect
    ]
    said += [
        f"[some models](#by-the-models-name) of {code(base)}"
        for base, variants in VARIANTS.items()
        if base != dialect.name and any(each is dialect for _, each in variants)
    ]
    return "; ".join(said) or "nobody: `evenhand explain --dialect` only"


def _section(dialect: Dialect, first: Dialect | None) -> str:
    rows = rows_of(dialect)
    about = f"## {dialect.name}\n\nFor {dialect.title}."
    if first is not None:
        known = rows_of(first)
        differing = {name: row for name, row in rows.items() if known.get(name) != row}
        if len(differing) <= len(rows) / 2:
            lacking = [name for name in first.rules if name not in dialect.rules]
            about += f" As [{code(first.name)}](#{first.name}), but for these rows"
            about += f", and without {listed(lacking)}:" if lacking else ":"
            rows = differing
    tables = table(_COLUMNS, rows.values()) if rows else ""
    return "\n\n".join(part for part in (about, tables.rstrip(), _together(dialect)) if part) + "\n"


def rows_of(dialect: Dialect) -> dict[str, Row]:
    """Give a dialect's rows; a rule of older versions has a row of its own."""
    return dict(_rows(dialect))


def _rows(dialect: Dialect) -> Iterator[tuple[str, Row]]:
    for name in PARAMETERS:
        if name in dialect.rules:
            rule = dialect.rules[name]
            yield name, _row(code(name), rule)
            for version, older in rule.before:
                yield f"{name} before {version}", _row(f"{code(name)} before {version}", older)


def _row(name: str, rule: Rule) -> Row:
    if rule.wire is None:
        said = "said with others" if rule.equivalent else "cannot be said"
        outside, default = _LACKING[rule.unsupported], ""
        return (name, "none", said, outside, default, _remarks(rule), _source(rule))
    wire = ", or ".join(map(code, (rule.wire, *rule.accepts)))
    limited = rule.values is not None or rule.range != ANY
    outside = rule.out_of_range if limited else ""
    return (name, wire, _takes(rule), outside, _default(rule), _remarks(rule), _source(rule))


def _takes(rule: Rule) -> str:
    if rule.values is not None:
        return ", ".join(map(as_json, rule.values))
    return "any" if rule.range == ANY else _span(rule.range)


def _span(span: Range) -> str:
    text = str(span)
    for written, power in _BOUNDS.items():
        text = text.replace(written, power)
    return text


def _default(rule: Rule) -> str:
    plain = rule.default_note or ("nothing" if rule.default is ABSENT else as_json(rule.default))
    if rule.required is not ABSENT:
        plain = f"an error, so {as_json(rule.required)} is sent"
    if rule.from_server:
        plain = f"the server's, else {plain}"
    if rule.from_model:
        plain = f"the model's, else {plain}"
    if not rule.by_model:
        return plain
    runs = groupby(rule.by_model, key=lambda pair: as_json(pair[1]))
    named = [f"{value} for {listed(pattern for pattern, _ in run)}" for value, run in runs]
    return f"{'; '.join(named)}; else {plain}"


def _remarks(rule: Rule) -> str:
    parts = [f"`{old}` is sent as `{new}`" for old, new in rule.translate.items()]
    for value, meant in rule.equivalent.items():
        said = ", ".join(f"{key} {as_json(item)}" for key, item in meant.items())
        parts.append(f"{as_json(value)} {f'is sent as {said}' if said else 'needs nothing'}")
    if rule.form in _WRITTEN:
        parts.append(_WRITTEN[rule.form])
    parts += [_split(rewrite.reason)[0] for rewrite in rule.rewrites]
    if rule.needs is not None:
        parts.append(_split(rule.needs.reason)[0])
    if rule.null == "refused" and rule.wire is not None:
        parts.append("null is refused, so it is left out")
    if rule.kind is not None:
        parts.append(f"{rule.kind} here")
    if rule.evidence == "unknown":
        parts.append("evidence: unknown")
    if rule.note is not None:
        parts.append(rule.note)
    return "; ".join(parts)


def _source(rule: Rule) -> str:
    found = dict.fromkeys((rule.source, *(_split(each.reason)[1] for each in rule.rewrites)))
    if rule.needs is not None:
        found[_split(rule.needs.reason)[1]] = None
    said = "; ".join(source for source in found if source)
    return f"{said}; *{rule.status}*" if rule.status is not None else said


def _split(reason: str) -> tuple[str, str]:
    """Take a reason apart: `it is clamped (file.py L12)`."""
    found = _REASON.fullmatch(reason)
    return (found["text"], found["source"]) if found else (reason, "")


def _together(dialect: Dialect) -> str:
    """Say what parameters do to each other."""
    parts = [
        f"At most one of {listed(group)}: a second one is refused." for group in dialect.exclusive
    ]
    if dialect.interactions:
        rows = [_interaction(each) for each in dialect.interactions]
        columns = ("where", "these parameters", "are", "because", "source")
        parts.append(table(columns, rows).rstrip())
    return "\n\n".join(parts)


def _interaction(each: Interaction) -> Row:
    where = ", ".join(_condition(name, test) for name, test in each.when.items())
    outcome = _OUTCOMES[each.outcome]
    if each.defaults:
        meanwhile = ", ".join(
            f"{code(name)} is {'not known' if value is None else as_json(value)}"
            for name, value in each.defaults.items()
        )
        outcome += f"; where it is omitted, {meanwhile}"
    text, source = _split(each.reason)
    return (where, listed(each.on), outcome, text, source)


def _condition(name: str, test: Test) -> str:
    if isinstance(test, Over):
        return f"{code(name)} is larger than {code(test.other)}"
    if isinstance(test, Range):
        single = test.minimum is not None and test.minimum == test.maximum and not test.also
        return (
            f"{code(name)} is {test.minimum:g}" if single else f"{code(name)} is in {_span(test)}"
        )
    if isinstance(test, Typed):
        return f"{code(name)} is of type {' or '.join(map(code, test.types))}"
    if isinstance(test, str):
        return f"{code(name)} is sent"
    options = ("not known" if value is ABSENT else as_json(value) for value in test)
    return f"{code(name)} is {' or '.join(options)}"
