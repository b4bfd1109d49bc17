"""`genrl`: puts the commands together. Importing it loads no command's libraries, so that --help answers at once."""

from __future__ import annotations

from typing import Annotated

import typer

from genrl import __version__
from genrl.cli.bench import bench
from genrl.cli.check import check
from genrl.cli.cite import cite
from genrl.cli.compare import compare
from genrl.cli.doctor import doctor
from genrl.cli.estimate import estimate
from genrl.cli.evaluate import evaluate
from genrl.cli.export import export
from genrl.cli.group import SentenceGroup
from genrl.cli.listing import list_components
from genrl.cli.report import report
from genrl.cli.runs import runs
from genrl.cli.sample import sample
from genrl.cli.serve_reward import serve_reward
from genrl.cli.show import show
from genrl.cli.snr import snr
from genrl.cli.train import train
from genrl.cli.train_prompter import train_prompter
from genrl.cli.train_together import train_together

app = typer.Typer(
    cls=SentenceGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(train)
app.command()(train_prompter)
app.command()(train_together)
app.command()(sample)
app.command("eval")(evaluate)
app.command()(compare)
app.command()(export)
app.command()(runs)
app.command()(report)
app.command("list")(list_components)
app.command()(show)
app.command()(cite)
app.command()(snr)
app.command()(doctor)
app.command()(estimate)
app.command()(bench)
app.command()(check)
app.command()(serve_reward)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"genrl {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Reinforcement learning for flow models: make a text-to-image model better at what a reward measures.

    [bold]genrl train[/] with no options improves the embedded model on this machine in a few minutes.
    """


def main() -> None:
    """Entry point of the `genrl` script."""
    app(prog_name="genrl")
