"""The command line: `python -m simulator --help` names every command."""

import typer

from simulator.cli.backtest import backtest
from simulator.cli.demo import demo
from simulator.cli.doctor import doctor
from simulator.cli.generation import make_activity
from simulator.cli.ingest import ingest
from simulator.cli.listing import show_scenarios
from simulator.cli.replay import replay
from simulator.cli.score import score
from simulator.cli.serve import serve
from simulator.cli.show import show
from simulator.cli.verify import verify

app = typer.Typer(
    name="python -m simulator",
    help="Activity of a made-up organisation, through rules and function, and how good the verdicts are.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("list")(show_scenarios)
app.command()(show)
app.command("generate")(make_activity)
app.command()(replay)
app.command()(score)
app.command()(ingest)
app.command()(verify)
app.command()(doctor)
app.command()(backtest)
app.command()(serve)
app.command()(demo)
