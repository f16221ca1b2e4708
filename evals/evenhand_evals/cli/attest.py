"""`evenhand attest`: find out which decoding parameters an endpoint really follows."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from evenhand_evals.cli.output import json_option, note, print_json, print_table
from evenhand_evals.cli.ranges import SECONDS, SEED, FiniteRange
from evenhand_evals.errors import EvalError, UsageError
from evenhand_evals.settings import DEFAULT_KEY_VARIABLE, TIMEOUT, api_key, normalise_url

if TYPE_CHECKING:  # for the help text nobody should wait for an HTTP client
    from evenhand_evals.attest.verdicts import Attestation, Finding

FAILED = 1
INTERRUPTED = 130


@click.command()
@click.option("--base-url", required=True, help="The endpoint, with or without /v1.")
@click.option("--model", required=True, help="The model's name at the endpoint.")
@click.option("--engine", default="auto", show_default=True, help="The engine, if you know it.")
@click.option(
    "--route", type=click.Choice(["chat", "completions"]), default="chat", show_default=True
)
@click.option(
    "--only", "names", multiple=True, metavar="NAMES", help="Test these only: seed,top_k,..."
)
@click.option(
    "--budget",
    type=click.IntRange(min=1),
    default=1200,
    show_default=True,
    help="The most requests to make.",
)
@click.option(
    "--alpha",
    type=FiniteRange(min=0, max=0.1, min_open=True),
    default=0.001,
    show_default=True,
    help="The chance that luck makes any verdict wrong.",
)
@click.option(
    "--concurrency",
    type=click.IntRange(min=1),
    default=4,
    show_default=True,
    help="Requests under way at once.",
)
@click.option(
    "--random-seed", type=SEED, default=0, show_default=True, help="Seed of what the test draws."
)
@click.option(
    "--timeout",
    type=SECONDS,
    default=TIMEOUT,
    show_default=True,
    help="Longest wait for one answer, in seconds.",
)
@click.option(
    "--api-key-env",
    "key_variable",
    default=DEFAULT_KEY_VARIABLE,
    show_default=True,
    metavar="NAME",
    help="The environment variable that holds the endpoint's key.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the attestation to this file, for a proxy's config to name.",
)
@json_option
@click.pass_context
def attest(
    ctx: click.Context,
    /,
    base_url: str,
    names: tuple[str, ...],
    key_variable: str,
    out: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Test which decoding parameters an OpenAI-style endpoint really follows.

    Exit code 0 if none is ignored or altered, 1 if one is, 3 if the endpoint failed.
    """
    try:
        found = _attest(normalise_url(base_url), names, api_key(key_variable), options)
        if out is not None:
            _write(out, found)
    except EvalError as error:
        note(f"evenhand: {error}")
        ctx.exit(error.exit_code)
    except KeyboardInterrupt:
        note("evenhand: interrupted")
        ctx.exit(INTERRUPTED)
    if as_json:
        print_json(found.document())
    else:
        print_attestation(found)
        if out is not None:
            click.echo(f"attestation: {out}")
    if found.failed:
        ctx.exit(FAILED)


def _attest(
    base_url: str, names: tuple[str, ...], key: str | None, options: dict[str, Any]
) -> "Attestation":
    from evenhand_evals.attest.runner import AttestSettings, names_of
    from evenhand_evals.attest.runner import attest as run
    from evenhand_evals.cli.run import run_async

    settings = AttestSettings(base_url=base_url, only=names_of(names), **options)
    return run_async(run(settings, key, _progress if sys.stderr.isatty() else None))


def _progress(name: str, finding: "Finding") -> None:
    note(f"{name}: {finding.verdict} ({finding.requests} requests)")


def _write(path: Path, found: "Attestation") -> None:
    try:
        path.write_bytes(orjson.dumps(found.document(), option=orjson.OPT_INDENT_2) + b"\n")
    except OSError as error:
        raise UsageError(
            f"--out: {path} cannot be written ({error}); name a file in a folder that is there"
        ) from error


def print_attestation(found: "Attestation") -> None:
    """Print an attestation: what was tested, and the verdicts as a table."""
    engine = " ".join(str(found.engine[key]) for key in ("name", "version") if key in found.engine)
    proxy = ", through an Evenhand proxy" if found.through_proxy else ""
    click.echo(f"{found.model} at {found.base_url} ({found.route}): {engine}{proxy}\n")
    print_table(
        ("parameter", "verdict", "requests", "what was seen"),
        [_row(name, finding) for name, finding in found.findings.items()],
    )
    click.echo(
        f"\n{found.requests} requests; the chance that luck made any verdict wrong is at most "
        f"{found.alpha:g}, shared out evenly among {len(found.findings)} parameters"
    )


def _row(name: str, finding: "Finding") -> tuple[str, ...]:
    return name, finding.verdict, str(finding.requests), finding.detail
