"""`python -m simulator`: see `python -m simulator --help`."""

from simulator.cli import app

if __name__ == "__main__":
    app()
