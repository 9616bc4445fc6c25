"""What the rules cost: the KQL text as it stands against hand-written SQL and a bare scan.

    python bench/rules.py [--rows 1000000 10000000] [--rounds 3] [--json]

The events are generated first, background with every scenario in it, and lie in a Parquet file and in a
DuckDB table (on disk). Each round runs scan, hand-written SQL (bench/handwritten/) and rule one after the
other; nothing is timed unless the rows are the same. `held` is a rule on 10,000 events in the store of
`score` and `replay`, once it has run there, with the same rows and with 100 more since. Exit status 1 where
the correlated rule takes more than 1.5 times the hand-written SQL on the largest log, or more than 10 ms on
the same 10,000 events; the seed rule is as its authors published it, so its ratio is told and promised
nothing.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import duckdb  # noqa: E402 - the path is set above

from bench.measure import Report, in_turns, timed  # noqa: E402
from simulator.catalogues import RULE_FILES  # noqa: E402
from simulator.eventstore import EventStore  # noqa: E402
from simulator.eventstore.rows import written  # noqa: E402
from simulator.eventstore.tables import DEFINITIONS, PROCESS_EVENTS, TABLES, kusto_name  # noqa: E402
from simulator.eventstore.translation import translate  # noqa: E402
from simulator.generate import generate  # noqa: E402
from simulator.rules import load_rule  # noqa: E402

HANDWRITTEN = {
    word: (ROOT / "bench" / "handwritten" / f"{word}.sql").read_text(encoding="utf-8")
    for word in ("seed", "correlated")
}
SCAN = "SELECT count(*) FROM events WHERE contains(TargetProcessCommandLine, '~~')"
"""One pass over the command lines with about the cheapest test there is: no rule can be faster."""
ROWS = (1_000_000, 10_000_000)
HELD = 10_000
ADDED = 100
"""So many events of noise come between two evaluations, where they are not of the same rows."""
MOST_TIMES = 1.5
MOST_MILLISECONDS = 10.0


def made_events(folder: Path, rows: int) -> Path:
    """A Parquet file of so many events, every scenario among them."""
    generate(
        7,
        out=folder,
        days=5,
        events=rows,
        attacks="attacks",
        benign="closable,open_work,near_misses",
        format="parquet",
    )
    return folder / "events.parquet"


@contextmanager
def parquet(events: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection where the log is the file itself; a column that it lacks is empty."""
    with duckdb.connect() as connection:
        for definition in DEFINITIONS:
            connection.execute(definition)
        connection.execute(f'DROP TABLE "{PROCESS_EVENTS}"')
        given = {name for name, *_ in connection.execute(f"DESCRIBE FROM '{events}'").fetchall()}
        cells = (
            f'"{name}"' if name in given else f'{_empty(kind)} AS "{name}"'
            for name, kind in TABLES[PROCESS_EVENTS].items()
        )
        listed = ", ".join(cells)
        view = f"CREATE VIEW \"{PROCESS_EVENTS}\" AS SELECT {listed} FROM '{events}'"  # noqa: S608 - our own names
        connection.execute(view)
        yield connection


def _empty(kind: str) -> str:
    return "''" if kind == "string" else "NULL"


@contextmanager
def table(events: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to a store on disk with the events in its table."""
    path = events.with_suffix(".duckdb")
    store = EventStore(path)
    store.load_process_events(events)
    store.close()
    with duckdb.connect(str(path)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection
    path.unlink()


def answer(connection: duckdb.DuckDBPyConnection, sql: str) -> list[str]:
    """The rows as Log Analytics would write them, in an order of their own."""
    connection.execute(sql)
    kinds = [kusto_name(kind) for _, kind, *_ in connection.description or ()]
    cells = (
        [written(value, kind) for value, kind in zip(row, kinds, strict=True)]
        for row in connection.fetchall()
    )
    return sorted(map(str, cells))


def rule_text(word: str) -> str:
    """The rule's KQL."""
    return load_rule(RULE_FILES[word].path).query


def compare(report: Report, connection: duckdb.DuckDBPyConnection, place: str, rounds: int) -> None:
    """Scan, hand-written SQL and rule in turns. Raises SystemExit where they do not find the same rows."""
    connection.execute(f'CREATE TEMP VIEW events AS FROM "{PROCESS_EVENTS}"')
    works: dict[str, Callable[[], object]] = {"scan": _asked(connection, SCAN)}
    for word, own in HANDWRITTEN.items():
        kql = translate(rule_text(word)).sql
        rows = answer(connection, own)
        if rows != answer(connection, kql) or not rows:
            raise SystemExit(
                f"{word} on {place}: the hand-written SQL and the rule do not find the same rows"
            )
        report.facts[f"{place}: rows of {word}"] = len(rows)
        works |= {f"{word} by hand": _asked(connection, own), f"{word} rule": _asked(connection, kql)}
    for name, runs in in_turns(works, rounds=rounds).items():
        against = (
            f"{place}: {name.removesuffix('rule')}by hand" if name.endswith("rule") else f"{place}: scan"
        )
        for took in runs:
            report.add(f"{place}: {name}", took.wall, against="" if name == "scan" else against)


def _asked(connection: duckdb.DuckDBPyConnection, sql: str) -> Callable[[], object]:
    return lambda: connection.execute(sql).fetchall()


def measure_held(report: Report, events: Path, rounds: int) -> None:
    """Both rules on a store that holds its rows: first, with the same rows, and with some more each time."""
    store = EventStore()
    with duckdb.connect() as connection:
        # The scenarios are few among the noise: take what they are made of, and noise up to the number.
        few = f"FROM '{events}' ORDER BY NOT contains(TargetProcessCommandLine, 'MailboxExport') LIMIT {HELD}"
        connection.execute(few)
        names = [name for name, *_ in connection.description or ()]
        held = [dict(zip(names, row, strict=True)) for row in connection.fetchall()]
    store.add_process_events(held)
    for word in HANDWRITTEN:
        kql = rule_text(word)
        runs = in_turns({word: lambda kql=kql: store.query(kql, constant=True)}, rounds=rounds + 10)[word]  # type: ignore[misc]
        report.add(f"held {HELD:,}: {word}, first", runs[0].wall)
        for took in runs[1:]:
            report.add(f"held {HELD:,}: {word}", took.wall, against=f"held {HELD:,}: {word}, first")
        for _ in range(rounds):
            store.add_process_events(held[-ADDED:])
            took = timed(lambda kql=kql: store.query(kql, constant=True))  # type: ignore[misc]
            report.add(f"held {HELD:,}: {word}, {ADDED} more", took.wall, against=f"held {HELD:,}: {word}")
    store.close()


def main() -> int:
    """Measures, prints, and says whether the promise holds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=ROWS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    (ROOT / "out").mkdir(exist_ok=True)
    report = Report(name="rules")
    for rows in asked.rows:
        with tempfile.TemporaryDirectory(dir=ROOT / "out") as folder:
            events = made_events(Path(folder), rows)
            for kind, opened in (("Parquet", parquet), ("table", table)):
                with opened(events) as connection:
                    compare(report, connection, f"{kind} {rows:,}", asked.rounds)
            if rows == min(asked.rows):
                measure_held(report, events, asked.rounds)
    report.leave(as_json=asked.json)
    times = [report.times(f"{kind} {max(asked.rows):,}: correlated rule") for kind in ("Parquet", "table")]
    held = report.series[f"held {HELD:,}: correlated"].median
    return (
        0
        if all(time is not None and time <= MOST_TIMES for time in times) and held <= MOST_MILLISECONDS
        else 1
    )


if __name__ == "__main__":
    sys.exit(main())
