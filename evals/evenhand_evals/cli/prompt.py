"""What `evenhand eval run --show-prompt` prints."""

from collections.abc import Sequence

import click
import orjson

from evenhand_evals.cli.output import print_json
from evenhand_evals.first_prompt import FirstPrompt, image_lines
from evenhand_evals.types import Message


def shown_message(message: Message) -> str:
    """Write a message: who says it, its images and its text."""
    return "\n".join((f"[{message.role}]", *image_lines(message), message.text))


def print_prompt(prompt: FirstPrompt, *, as_json: bool) -> None:
    """Print the first prompt: its text to the letter, or the messages where nothing tells that."""
    if as_json:
        print_json(prompt)
        return
    parameters = orjson.dumps(prompt.parameters, option=orjson.OPT_NON_STR_KEYS).decode()
    click.echo(f"--- {prompt.item}, asked by {prompt.interface}; written by {prompt.told_by}")
    if prompt.text is not None:
        click.echo("\n".join((prompt.text, *prompt.images)))
    else:
        for message in prompt.messages:
            click.echo(shown_message(message))
    for place, continuation in enumerate(prompt.continuations):
        ids = f", tokens: {_ids(prompt.scored[place])}" if prompt.scored else ""
        click.echo(f"[continuation] {continuation!r}{ids}")
    click.echo("--- end of the prompt")
    if prompt.tokens is None and prompt.images:
        click.echo("tokens: not told, because the engine adds those of the images")
    elif prompt.tokens is None:
        click.echo("tokens: the endpoint does not tell")
    else:
        click.echo(f"{len(prompt.tokens)} tokens: {_ids(prompt.tokens) or 'none'}")
    click.echo(f"parameters: {parameters}")


def _ids(tokens: Sequence[int]) -> str:
    return " ".join(map(str, tokens))
