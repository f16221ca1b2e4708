"""How values are written where a dialect does not write the canonical value itself.

A form is a pair of pure functions. `read` gives the canonical value, or ABSENT where the written
value means no value of this parameter; `write` gives the written one. What cannot be understood is
passed on as it is, to be found wrong by its kind.
"""

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal

from evenhand_proxy.decoding.vocabulary import ABSENT

Form = Literal[
    "plain",
    "switch",
    "inverted",
    "flat_format",
    "schema_format",
    "flat_schema",
    "tag_format",
    "format_field",
    "grammar_format",
    "mime_type",
    "json_text",
    "typed_json",
    "typed_regex",
    "list",
    "adaptive",
    "object_format",
    "output_format",
    "any_tool",
    "mode_tool",
    "upper_tool",
]

_SWITCH: Mapping[str, bool] = {
    "enabled": True,
    "adaptive": True,
    "auto": True,
    "between_tools": True,
    "disabled": False,
}


def _read_switch(value: Any) -> Any:
    return _SWITCH.get(value, value) if isinstance(value, str) else value


def _write_switch(value: Any) -> Any:
    if isinstance(value, bool):
        return "enabled" if value else "disabled"
    return value


def _write_adaptive(value: Any) -> Any:
    if isinstance(value, bool):
        return "adaptive" if value else "disabled"
    return value


def _invert(value: Any) -> Any:
    return not value if isinstance(value, bool) else value


def _read_flat_format(value: Any) -> Any:
    """Read the Responses API's flat object, in which the schema stands beside its type."""
    if not isinstance(value, dict) or value.get("type") != "json_schema" or "json_schema" in value:
        return value
    inner = {key: item for key, item in value.items() if key != "type"}
    return {"type": "json_schema", "json_schema": inner}


def _write_flat_format(value: Any) -> Any:
    inner = value.get("json_schema") if isinstance(value, dict) else None
    return {"type": "json_schema", **inner} if isinstance(inner, dict) else value


def _read_schema_format(value: Any) -> Any:
    """Read a schema out of `response_format`; other formats are no schema."""
    inner = value.get("json_schema") if isinstance(value, dict) else None
    return inner.get("schema", ABSENT) if isinstance(inner, dict) else ABSENT


def _write_schema_format(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": value}}


def _read_flat_schema(value: Any) -> Any:
    return _read_schema_format(_read_flat_format(value))


def _write_flat_schema(value: Any) -> Any:
    return _write_flat_format(_write_schema_format(value))


def _read_tag_format(value: Any) -> Any:
    """Read a structural tag out of `response_format`, where its type says what it is."""
    is_tag = isinstance(value, dict) and value.get("type") == "structural_tag"
    return value if is_tag else ABSENT


def _read_grammar_format(value: Any) -> Any:
    """Read TGI's `response_format`, which holds a grammar; OpenAI's own object stays as it is."""
    if isinstance(value, dict) and value.get("type") == "json" and "value" in value:
        return _write_schema_format(value["value"])
    return value


def _write_grammar_format(value: Any) -> Any:
    if isinstance(value, dict) and value.get("type") == "json_object":
        return {"type": "json", "value": {"type": "object"}}
    schema = _read_schema_format(value)
    return value if schema is ABSENT else {"type": "json", "value": schema}


def _read_format_field(value: Any) -> Any:
    """Read Ollama's `format`: the word json, or a schema."""
    if value == "json":
        return {"type": "json_object"}
    return _write_schema_format(value) if isinstance(value, dict) else value


def _write_format_field(value: Any) -> Any:
    if isinstance(value, dict) and value.get("type") == "json_object":
        return "json"
    if isinstance(value, dict) and value.get("type") == "text":
        return ABSENT
    schema = _read_schema_format(value)
    return value if schema is ABSENT else schema


def _read_mime_type(value: Any) -> Any:
    return {"application/json": {"type": "json_object"}, "text/plain": {"type": "text"}}.get(
        value if isinstance(value, str) else "", value
    )


def _write_mime_type(value: Any) -> Any:
    kind = value.get("type") if isinstance(value, dict) else None
    if kind in ("json_object", "json_schema"):
        return "application/json"
    return "text/plain" if kind == "text" else value


def _read_json_text(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return found if isinstance(found, dict) else value


def _write_json_text(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return value


def _read_typed(kind: str) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            return ABSENT
        return value.get("value", ABSENT) if value.get("type") == kind else ABSENT

    return read


def _write_typed(kind: str, of: type) -> Callable[[Any], Any]:
    return lambda value: {"type": kind, "value": value} if isinstance(value, of) else value


def _read_with_schema(kind: str, key: str) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return value.get(key, ABSENT) if value.get("type") == kind else ABSENT

    return read


def _write_with_schema(kind: str, key: str) -> Callable[[Any], Any]:
    return lambda value: {"type": kind, key: value} if isinstance(value, dict) else value


_TOOL_TYPES: Mapping[str, str] = {"auto": "auto", "any": "required", "none": "none"}
_TOOL_MODES: Mapping[str, str] = {"AUTO": "auto", "ANY": "required", "NONE": "none"}


def _read_any_tool(value: Any) -> Any:
    """Read Anthropic's object: `any` is OpenAI's `required`, `tool` names one."""
    if not isinstance(value, dict):
        return value
    kind = value.get("type")
    if kind == "tool":
        return {"type": "function", "function": {"name": value.get("name")}}
    if isinstance(kind, str) and kind in _TOOL_TYPES:
        return _TOOL_TYPES[kind]
    return ABSENT if kind is None else value


def _write_any_tool(value: Any) -> Any:
    for kind, word in _TOOL_TYPES.items():
        if value == word:
            return {"type": kind}
    function = value.get("function") if isinstance(value, dict) else None
    if isinstance(function, dict) and "name" in function:
        return {"type": "tool", "name": function["name"]}
    return value


def _read_mode_tool(value: Any) -> Any:
    return _TOOL_MODES.get(value, value) if isinstance(value, str) else value


def _write_mode_tool(value: Any) -> Any:
    return next((mode for mode, word in _TOOL_MODES.items() if word == value), value)


def _read_upper(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _write_upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _same(value: Any) -> Any:
    return value


def _write_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


FORMS: Final[Mapping[Form, tuple[Callable[[Any], Any], Callable[[Any], Any]]]] = MappingProxyType(
    {
        "plain": (_same, _same),
        # {"thinking": {"type": "enabled"}} of Anthropic, Zhipu and DeepSeek
        "switch": (_read_switch, _write_switch),
        # Anthropic's tool_choice.disable_parallel_tool_use
        "inverted": (_invert, _invert),
        # the Responses API's text.format
        "flat_format": (_read_flat_format, _write_flat_format),
        # a schema, said through response_format
        "schema_format": (_read_schema_format, _write_schema_format),
        # a schema, said through text.format
        "flat_schema": (_read_flat_schema, _write_flat_schema),
        # a structural tag, said through response_format
        "tag_format": (_read_tag_format, _same),
        # TGI's response_format
        "grammar_format": (_read_grammar_format, _write_grammar_format),
        # Ollama's format
        "format_field": (_read_format_field, _write_format_field),
        # Gemini's responseMimeType
        "mime_type": (_read_mime_type, _write_mime_type),
        # SGLang's native json_schema is text
        "json_text": (_read_json_text, _write_json_text),
        # TGI's grammar
        "typed_json": (_read_typed("json"), _write_typed("json", dict)),
        "typed_regex": (_read_typed("regex"), _write_typed("regex", str)),
        # TGI, Anthropic, Gemini and Cohere take no bare string for a list of stop strings
        "list": (_same, _write_list),
        # thinking.type of Anthropic's newest models
        "adaptive": (_read_switch, _write_adaptive),
        # Cohere's response_format with a schema, and Anthropic's output_config.format
        "object_format": (
            _read_with_schema("json_object", "json_schema"),
            _write_with_schema("json_object", "json_schema"),
        ),
        "output_format": (
            _read_with_schema("json_schema", "schema"),
            _write_with_schema("json_schema", "schema"),
        ),
        # tool_choice of Anthropic, Gemini and Cohere
        "any_tool": (_read_any_tool, _write_any_tool),
        "mode_tool": (_read_mode_tool, _write_mode_tool),
        "upper_tool": (_read_upper, _write_upper),
    }
)
"""Each form's `read` and `write`."""

LOSSY: Final[frozenset[Form]] = frozenset(("mime_type",))
"""Forms that cannot write all that a value says: a media type names no schema."""

SPELLING_FORMS: Final[Mapping[str, Form]] = MappingProxyType(
    {
        "thinking.type": "switch",
        "text.format": "flat_format",
        "guided_json": "json_text",
        "structured_outputs.json": "json_text",
        "output_config.format": "output_format",
    }
)
"""The client's spellings whose values are not the canonical ones."""


def read(form: Form, value: Any) -> Any:
    """Give the canonical value of a written one."""
    return FORMS[form][0](value)


def write(form: Form, value: Any) -> Any:
    """Give the written value of a canonical one, ABSENT where it needs no writing."""
    return FORMS[form][1](value)
