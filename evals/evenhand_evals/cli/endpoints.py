"""The options that say which model is asked, how, and which one judges."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from evenhand_evals.cli.ranges import SECONDS
from evenhand_evals.errors import UsageError
from evenhand_evals.settings import (
    DEFAULT_KEY_VARIABLE,
    JUDGE_BY_OPTIONS,
    TIMEOUT,
    Target,
    normalise_url,
    parse_settings,
)

F = TypeVar("F", bound=Callable[..., Any])

_WHICH = (
    ("--base-url", "The endpoint, with or without /v1."),
    ("--model", "The model's name at the endpoint."),
)
_HOW = (
    click.option("--profile", help="A named set of decoding parameters, such as greedy."),
    click.option("--set", "texts", multiple=True, metavar="NAME=VALUE", help="Set one parameter."),
    click.option(
        "--timeout",
        type=SECONDS,
        default=TIMEOUT,
        show_default=True,
        help="Longest wait for one answer, in seconds.",
    ),
    click.option(
        "--mode",
        type=click.Choice(["pin", "report", "strict"]),
        default="pin",
        show_default=True,
        help="pin sends every default that is known; strict refuses what cannot be honoured.",
    ),
    click.option(
        "--engine",
        default="auto",
        show_default=True,
        help="The engine behind an endpoint that is no Evenhand proxy.",
    ),
    click.option(
        "--api-key-env",
        "key_variable",
        default=DEFAULT_KEY_VARIABLE,
        show_default=True,
        metavar="NAME",
        help="The environment variable that holds the endpoint's key.",
    ),
    click.option(
        "--interface",
        type=click.Choice(["chat", "completions"]),
        help="Ask by this one, whatever the task asks by.",
    ),
    click.option(
        "--template",
        type=click.Choice(["served", "plain", "chatml", "glm", "llama"]),
        default="served",
        show_default=True,
        help="Who writes a chat as a prompt: the server, or this template over /completions.",
    ),
    click.option(
        "--stream", is_flag=True, help="Read answers as streams; times their first token."
    ),
)
_JUDGE = (
    click.option("--judge-url", help="The judge's endpoint, for tasks that need a judge."),
    click.option("--judge-model", help="The judge's name there."),
    click.option("--judge-profile", help="The judge's set of decoding parameters."),
    click.option(
        "--judge-set",
        "judge_texts",
        multiple=True,
        metavar="NAME=VALUE",
        help="Set one parameter of the judge.",
    ),
    click.option(
        "--judge-api-key-env",
        "judge_key_variable",
        default=DEFAULT_KEY_VARIABLE,
        show_default=True,
        metavar="NAME",
        help="The environment variable that holds the judge's key.",
    ),
)


class Concurrency(click.ParamType[int | None, Any]):
    """A positive number, or `auto` (None)."""

    name = "number|auto"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | None:
        """Read the option."""
        if value == "auto":
            return None
        try:
            number = int(value)
        except ValueError:
            number = 0
        if number < 1:
            self.fail(f"{value!r} is neither a positive number nor auto", param, ctx)
        return number


def model_options(command: F) -> F:
    """Add the options of the model that is evaluated."""
    return _with_model(command, required=True)


def chosen_model_options(command: F) -> F:
    """Add the options of a model that need not be named."""
    return _with_model(command, required=False)


def _with_model(command: F, *, required: bool) -> F:
    for option in reversed(_HOW):
        command = option(command)
    for name, says in reversed(_WHICH):
        command = click.option(name, required=required, help=says)(command)
    return command


def judge_options(command: F) -> F:
    """Add the options of the judge."""
    for option in reversed(_JUDGE):
        command = option(command)
    return command


def judge_of(options: dict[str, Any]) -> Target | None:
    """Take the judge's options out of all options; None where no judge is named.

    Raises:
        UsageError: a part is missing.

    """
    url, model = options.pop("judge_url"), options.pop("judge_model")
    profile, texts = options.pop("judge_profile"), options.pop("judge_texts")
    key_variable = options.pop("judge_key_variable")
    if url is None and model is None:
        if profile or texts:
            raise UsageError(
                "--judge-set: there is no judge; name it with --judge-url and --judge-model"
            )
        return None
    if url is None or model is None:
        raise UsageError("--judge-url and --judge-model: a judge needs both")
    return Target(
        normalise_url(url, JUDGE_BY_OPTIONS),
        model,
        profile,
        _judge_settings(texts),
        options["timeout"],
        options["mode"],
        key_variable=key_variable,
        named=JUDGE_BY_OPTIONS,
    )


def _judge_settings(texts: tuple[str, ...]) -> dict[str, Any]:
    try:
        return parse_settings(texts)
    except UsageError as error:
        raise UsageError(f"--judge-set {str(error).removeprefix('--set ')}") from error
