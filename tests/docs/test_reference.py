"""The reference is complete: every key, command, route, code and name stands in it."""

import ast
import json
import re
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import click
import httpx
import pytest
from click.testing import CliRunner

from evenhand_evals.cli.root import INTERRUPTED
from evenhand_evals.compare import Comparison, Side
from evenhand_evals.headlines import Bounds
from evenhand_evals.manifest import DatasetFacts, DecodingFacts, Manifest, ServerFacts, TaskFacts
from evenhand_evals.results import Result, Tokens
from evenhand_evals.stats.paired import Discordance
from evenhand_evals.types import Estimate
from evenhand_proxy.api.request_ids import id_headers
from evenhand_proxy.audit import schema
from evenhand_proxy.cli.root import DONE, ENDPOINT_FAILED, FAILED, WRONG_USE, cli
from evenhand_proxy.config import Config, Model, Secret
from evenhand_proxy.decoding.vocabulary import Action, Evidence, Mode, Source
from evenhand_proxy.errors import HTTPError
from evenhand_proxy.events import EventKind
from evenhand_proxy.exchange import OutcomeKind
from evenhand_proxy.telemetry import names
from evenhand_proxy.upstream.litellm_wire import PLACEHOLDER
from tests.docs.markdown import DOCS, ROOT, section, table_rows
from tests.running import running_proxy

REFERENCE = DOCS / "reference"
PACKAGES = (ROOT / "proxy" / "evenhand_proxy", ROOT / "evals" / "evenhand_evals")


def text_of(name: str) -> str:
    """A reference page."""
    return (REFERENCE / name).read_text("utf-8")


def first_cells(text: str) -> set[str]:
    """Every `word` in the first cells of a text's tables."""
    return {word for row in table_rows(text) for word in re.findall(r"`([^`]+)`", row[0])}


def config_keys(kind: Any = Config, prefix: str = "") -> Iterator[tuple[str, Field[Any]]]:
    """Every key of the config with its field; NAME stands for a user's name."""
    hints = get_type_hints(kind)
    for item in fields(kind):
        name, hint = f"{prefix}{item.name}", hints[item.name]
        if get_origin(hint) is Mapping:
            hint, name = get_args(hint)[1], f"{name}.NAME"
            if get_origin(hint) is Mapping:
                hint, name = get_args(hint)[1], f"{name}.PARAMETER"
        if isinstance(hint, type) and is_dataclass(hint) and hint is not Secret:
            yield from config_keys(hint, f"{name}.")
        else:
            yield name, item


def shown_default(name: str, item: Field[Any]) -> str:
    """A default as the table writes it."""
    if name.endswith("PARAMETER"):
        return "none"
    if item.default is MISSING:
        return "required" if item.default_factory is MISSING else "none"
    if name == "models.NAME.upstream_model":
        return "NAME"
    if item.default is None:
        return "none"
    return f"`{item.default if isinstance(item.default, str) else json.dumps(item.default)}`"


def test_every_config_key_stands_there_with_its_default() -> None:
    """And no key that there is not."""
    section_text = section(REFERENCE / "config.md", "Every key")
    rows = [row for row in table_rows(section_text) if row[0] != "key"]
    written = {row[0].strip("`"): row[2] for row in rows}
    assert written == {name: shown_default(name, item) for name, item in config_keys()}


def test_every_choice_of_a_config_key_stands_there() -> None:
    """A key that takes one of some words lists them all."""
    rows = {row[0].strip("`"): row[1] for row in table_rows(text_of("config.md"))}
    choices = {
        "models.NAME.engine": get_type_hints(Model)["engine"],
        "models.NAME.mode": Mode,
        "models.NAME.via": get_type_hints(Model)["via"],
        "keys.NAME.mode": Mode,
        "audit.durability": get_type_hints(get_type_hints(Config)["audit"])["durability"],
    }
    for key, kind in choices.items():
        assert re.findall(r"`(\w+)`", rows[key]) == list(get_args(kind)), key


def leaves(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """Every command that is not a group, with its full name."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from leaves(found, f"{path} {name}")


COMMANDS = dict(leaves(cli, "evenhand"))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_a_command_stands_there(name: str) -> None:
    """And no option that there is not; arguments are named in the text."""
    described = section(REFERENCE / "cli.md", name)
    options = {
        option
        for parameter in COMMANDS[name].params
        if isinstance(parameter, click.Option)
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    rows = [row[0] for row in table_rows(described)]
    assert {found for row in rows for found in re.findall(r"`(--[\w-]+)", row)} == options
    for parameter in COMMANDS[name].params:
        if isinstance(parameter, click.Argument):
            assert f"`{parameter.make_metavar(click.Context(COMMANDS[name])).rstrip('.')}`" in (
                described.replace("`A` and `B`", "`A` `B`")
            )


@pytest.mark.parametrize("name", COMMANDS)
def test_every_default_of_an_option_stands_there(name: str) -> None:
    """A default that is a number or a name is in the option's row."""
    rows = {
        found: row[1]
        for row in table_rows(section(REFERENCE / "cli.md", name))
        for found in re.findall(r"`(--[\w-]+)", row[0])
    }
    for parameter in COMMANDS[name].params:
        if isinstance(parameter, click.Option) and isinstance(parameter.default, str | int | float):
            if parameter.is_flag:
                continue
            shown = parameter.default
            text = shown if isinstance(shown, str) else f"{shown:g}"
            assert re.search(rf"\b{re.escape(text)}\b", rows[parameter.opts[0]]), parameter.opts


def test_every_heading_is_a_command() -> None:
    """The page describes no command that there is not."""
    headings = re.findall(r"^## (evenhand .+)$", text_of("cli.md"), re.MULTILINE)
    assert sorted(headings) == sorted(COMMANDS)


def test_every_exit_code_stands_there() -> None:
    """In one table, and no other code."""
    rows = table_rows(section(REFERENCE / "cli.md", "For scripts"))
    codes = {int(row[0]) for row in rows if row[0].isdigit()}
    assert codes == {DONE, FAILED, WRONG_USE, ENDPOINT_FAILED, INTERRUPTED}


def test_every_environment_variable_stands_there() -> None:
    """Each variable of ours that the code names."""
    found = {
        name
        for package in PACKAGES
        for file in package.rglob("*.py")
        for name in re.findall(r"\"(EVENHAND_\w+|HF_ENDPOINT)\"", file.read_text("utf-8"))
    }
    assert {"EVENHAND_HOME", "EVENHAND_DATA"} <= found
    assert found <= first_cells(section(REFERENCE / "cli.md", "For scripts"))


async def test_every_route_stands_there_and_is_served(tmp_path: Path) -> None:
    """The routes that the proxy itself lists, and the two that do the listing."""
    config = Config(models={"m": Model("openai", "http://127.0.0.1:9")})
    async with (
        running_proxy(config, tmp_path) as proxy,
        httpx.AsyncClient(base_url=proxy.url, trust_env=False) as client,
    ):
        document = (await client.get("/openapi.json")).json()
        served = {
            f"{method.upper()} {path}"
            for path, operations in document["paths"].items()
            for method in operations
        } | {"GET /openapi.json", "GET /docs"}
        for route in served:
            method, path = route.split(" ")
            answer = await client.request(method, path.replace("{name}", "m"), json={"model": "m"})
            assert answer.status_code != httpx.codes.NOT_FOUND, route
    assert first_cells(section(REFERENCE / "http.md", "Routes")) == served


@pytest.mark.parametrize(
    ("command", "kinds"),
    [
        ("eval run", (Result, Estimate, Bounds, Tokens)),
        ("eval run", (Manifest, TaskFacts, DatasetFacts, ServerFacts, DecodingFacts)),
        ("eval compare", (Comparison, Side, Discordance)),
    ],
)
def test_every_key_of_an_evaluations_document_stands_there(
    command: str, kinds: tuple[Any, ...]
) -> None:
    """The documents are these dataclasses, field by field."""
    described = section(REFERENCE / "cli.md", f"evenhand {command}")
    expected = {item.name for kind in kinds for item in fields(kind)}
    assert not {name for name in expected if f"`{name}`" not in described}


async def test_every_key_of_the_proxys_documents_stands_there(tmp_path: Path) -> None:
    """Those of a real request's audit record, and of its decoding record."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "rules: [{name: short, action: cap, parameter: max_tokens, value: 9, reason: cost}]"
    )
    config = Config(models={"m": Model("openai", "http://127.0.0.1:9")}, policy=policy)
    async with (
        running_proxy(config, tmp_path) as proxy,
        httpx.AsyncClient(base_url=proxy.url, trust_env=False) as client,
    ):
        body = {"model": "m@greedy", "top_k": 1, "max_tokens": 10}
        await client.post("/v1/chat/completions", json=body)
        await proxy.settled()
    arguments = ["audit", "show", "latest", "--json", f"--data-dir={tmp_path}"]
    record = json.loads(CliRunner().invoke(cli, arguments).stdout)
    decoding = record["attempts"][0]["decoding"]
    shown = section(REFERENCE / "cli.md", "evenhand audit show")
    for document in (record, record["server"], record["outcome"], record["attempts"][0]):
        assert not {key for key in document if f"`{key}`" not in shown}
    explained = section(REFERENCE / "http.md", "The explain document")
    parameters = decoding["parameters"].values()
    hits = decoding["policy"]["hits"]
    assert decoding["profiles"]
    for document in (decoding, *parameters, *decoding["changes"], *hits):
        assert not {key for key in document if f"`{key}`" not in explained}


def texts(tree: ast.AST) -> Iterator[str]:
    """Every text in a module, as bytes too, but for the names that threads are given."""
    named = {
        keyword.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "threading.Thread"
        for keyword in node.keywords
        if keyword.arg == "name"
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node not in named:
            if isinstance(node.value, str):
                yield node.value
            elif isinstance(node.value, bytes):
                yield node.value.decode("latin-1")


def test_every_header_of_ours_stands_there() -> None:
    """Each `evenhand-` header that the proxy reads or sends, and the ids under foreign names."""
    found = {
        name
        for file in PACKAGES[0].rglob("*.py")
        for name in texts(ast.parse(file.read_text("utf-8")))
        if re.fullmatch(r"evenhand-[a-z-]+|x-api-key", name)
    } - {PLACEHOLDER}
    sent = {name.decode() for name, _ in id_headers("0")}
    assert {"evenhand-mode", "evenhand-decoding", "x-api-key"} <= found
    text = text_of("http.md")
    assert {name for name in found | sent if f"`{name}`" not in text} == set()


def error_kinds(kind: type[HTTPError] = HTTPError) -> Iterator[type[HTTPError]]:
    """Every error that is answered to a client."""
    yield kind
    for child in kind.__subclasses__():
        yield from error_kinds(child)


def test_every_error_code_stands_there_with_its_status() -> None:
    """Those of the classes, and those that are named where an error is raised."""
    rows = [row for row in table_rows(section(REFERENCE / "http.md", "Errors")) if len(row) == 4]
    written = {row[1].strip("`"): (row[0], row[2].strip("`")) for row in rows[1:]}
    for kind in error_kinds():
        assert written[kind.code] == (str(kind.status), kind.type)
    named = {
        keyword.value.value
        for file in PACKAGES[0].rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "code" and isinstance(keyword.value, ast.Constant)
    }
    assert named | {kind.code for kind in error_kinds()} == written.keys()


@pytest.mark.parametrize(
    ("page", "kind"),
    [
        ("decoding.md", Source),
        ("decoding.md", Action),
        ("decoding.md", Evidence),
        ("decoding.md", Mode),
        ("audit.md", OutcomeKind),
        ("audit.md", EventKind),
    ],
)
def test_every_word_is_defined(page: str, kind: Any) -> None:
    """Each value of a vocabulary begins a row of a table."""
    assert get_origin(kind) is Literal
    assert set(get_args(kind)) <= first_cells(text_of(page))


def test_every_column_of_the_journal_stands_there() -> None:
    """Of the three tables that matter as rows, of the two others in the text."""
    database = sqlite3.connect(":memory:")
    database.executescript(schema.DDL)
    tables = [name for (name,) in database.execute("SELECT name FROM pragma_table_list")]
    text = section(REFERENCE / "audit.md", "Schema")
    cells = first_cells(text)
    for table in ("opening", "outcome", "event", "writer", "writer_end"):
        assert table in tables
        assert f"`{table}`" in text
        for _, column, *_ in database.execute(f"PRAGMA table_info({table})"):
            assert column in cells or f"`{column}`" in text, f"{table}.{column}"
    database.close()


def test_every_telemetry_name_stands_there() -> None:
    """Every constant of the one module that holds them."""
    text = text_of("telemetry.md")
    emitted = {
        value
        for name, value in vars(names).items()
        if name.isupper() and isinstance(value, str) and "." in value and "://" not in value
    }
    emitted |= {attribute for attribute, _ in names.REQUEST_PARAMETERS.values()}
    assert len(emitted) > 30
    assert not {name for name in emitted if f"`{name}`" not in text}
    assert not {word for word in names.OPERATIONS.values() if f"`{word}`" not in text}


def test_no_telemetry_name_is_made_up() -> None:
    """What the page names is what the code emits."""
    source = Path(names.__file__).read_text("utf-8")
    for name in re.findall(r"`((?:gen_ai|evenhand)\.[\w.]+)`", text_of("telemetry.md")):
        assert f'"{name}"' in source or name.startswith(names.SENT), name
