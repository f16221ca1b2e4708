"""The root of the `evenhand` command: a list of names, each loaded only when it is called.

Other distributions add commands through the entry-point group `evenhand.commands`; the eval
client does so with `evenhand eval`.
"""

import importlib
import sys
from importlib.metadata import EntryPoint, entry_points, version

import click

from evenhand_proxy.errors import ConfigError, EngineError, EvenhandError

COMMANDS = {
    "serve": ("evenhand_proxy.cli.serve:serve", "Start the proxy, or a local model behind it."),
    "config": ("evenhand_proxy.cli.config:config_group", "Check and show a config file."),
    "audit": ("evenhand_proxy.cli.audit:audit_group", "List and show audited requests."),
    "explain": ("evenhand_proxy.cli.explain:explain", "Say which settings a request would get."),
    "policy": ("evenhand_proxy.cli.policy:policy_group", "Check a policy, and whom it would hit."),
    "model": ("evenhand_proxy.cli.model:model_group", "Fetch and list local models."),
}

DONE, FAILED, WRONG_USE, ENDPOINT_FAILED = 0, 1, 2, 3


def _extensions() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group="evenhand.commands")}


class LazyGroup(click.Group):
    """A group whose commands are imported when called, so that `--help` stays fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the names of our commands and of those that other packages add."""
        return [*COMMANDS, *(name for name in sorted(_extensions()) if name not in COMMANDS)]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import one command, or None if there is none of that name."""
        if name in COMMANDS:
            module, _, attribute = COMMANDS[name][0].partition(":")
            command: click.Command = getattr(importlib.import_module(module), attribute)
            return command
        entry = _extensions().get(name)
        return entry.load() if entry else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command list without importing the commands that are ours."""
        rows = [(name, text) for name, (_, text) in COMMANDS.items()]
        for name, entry in sorted(_extensions().items()):
            rows.append((name, entry.load().get_short_help_str(100)))
        with formatter.section("Commands"):
            formatter.write_dl(rows)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("evenhand"), prog_name="evenhand")
def cli() -> None:
    """An OpenAI-compatible proxy and eval client that account for every decoding parameter."""


def exit_code(error: EvenhandError) -> int:
    """Give the exit code that the error stands for."""
    if isinstance(error, ConfigError):
        return WRONG_USE
    return ENDPOINT_FAILED if isinstance(error, EngineError) else FAILED


def main() -> None:
    """Run the command line; errors of ours end it with one line and their exit code."""
    try:
        cli()
    except EvenhandError as error:
        click.echo(f"evenhand: {error}", err=True)
        sys.exit(exit_code(error))
