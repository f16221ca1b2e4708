"""`evenhand eval`: a list of names, each command imported only when it is called."""

import importlib

import click

from evenhand_evals.errors import EvalError

COMMANDS = {
    "run": ("evenhand_evals.cli.run:run", "Evaluate a model behind an endpoint."),
    "suite": ("evenhand_evals.cli.suite:suite", "Run many tasks, and compare models."),
    "check": ("evenhand_evals.cli.check:check", "Check a task of your own."),
    "list": ("evenhand_evals.cli.tasks:list_tasks", "List the tasks and where their data is."),
    "compare": ("evenhand_evals.cli.compare:compare", "Say whether two runs really differ."),
    "report": ("evenhand_evals.cli.report:report", "Write one HTML file about some runs."),
    "rescore": ("evenhand_evals.cli.rescore:rescore_run", "Score a run again from its log."),
    "cache": ("evenhand_evals.cli.cache:cache", "Show or clean the kept answers."),
    "score": ("evenhand_evals.cli.score:score", "Score answers that were made elsewhere."),
}

NONE_SCORED = 3
INTERRUPTED = 130


class LazyGroup(click.Group):
    """A group whose commands are imported when called, and the rim at which errors end."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the names of the commands, in the order of a first use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import one command, or give None if there is none of that name."""
        if name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; an error of ours ends it with one line and its exit code."""
        try:
            return super().invoke(ctx)
        except EvalError as error:
            click.echo(f"evenhand: {error}", err=True)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("evenhand: interrupted", err=True)
            ctx.exit(INTERRUPTED)


@click.group(name="eval", cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
def eval_group() -> None:
    """Evaluate models behind any OpenAI-style endpoint, and compare the runs."""
