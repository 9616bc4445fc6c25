"""Small logs side by side, asked one question at once, and kept apart all the same."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, Self

import duckdb

from simulator.eventstore.answers import QueryTable, naive_moment, table_of
from simulator.eventstore.binding import unbound
from simulator.eventstore.held import Cells, HeldRows
from simulator.eventstore.kept_plans import KeptPlans
from simulator.eventstore.rows import read_row
from simulator.eventstore.store import EventStore, Timespan
from simulator.eventstore.tables import ALERTS, DEFINITIONS, PROCESS_EVENTS
from simulator.eventstore.translation import translate

type Rows = Sequence[Mapping[str, object]]

_MOST_HELD: Final = 20_000
"""With more rows than this, planning is little beside reading, and each log is asked alone."""


class SeparateLogs:
    """Process events and alerts of several workspaces; use as a context manager. Not for several threads.

    A question is asked once for each log in one statement (see `kept_plans`), since a rule over a handful
    of events costs its setting up, not its work. Where the engine cannot, each log is asked alone, in an
    EventStore of its own rows; that also tells what is wrong with a query.
    """

    def __init__(self) -> None:
        self._connection = duckdb.connect()
        for definition in DEFINITIONS:
            self._connection.execute(definition)
        self._connection.execute("SET threads = 1")
        self._held = HeldRows()
        self._kept = KeptPlans(self._connection.cursor(), self._held)
        self._logs: list[tuple[Rows, Rows]] = []
        self._refused: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._kept.close()
        self._connection.close()

    def replace(self, logs: Iterable[tuple[Rows, Rows]]) -> None:
        """From now on these logs: process events and alerts of each, as EventStore takes them.

        Raises RowRefused, and then holds none.
        """
        self._held.clear()
        self._logs = []
        given = list(logs)
        cells = [(_read(PROCESS_EVENTS, events), _read(ALERTS, alerts)) for events, alerts in given]
        for number, (event_cells, alert_cells) in enumerate(cells):
            if number:
                self._held.begin_log()
            self._held.add(PROCESS_EVENTS, event_cells)
            self._held.add(ALERTS, alert_cells)
        self._logs = given

    def spans(self) -> list[Timespan | None]:
        """The times of the first and the last process event of each log in UTC; None where there is none."""
        return [_span(events) for events in self._held.by_log(PROCESS_EVENTS)[: len(self._logs)]]

    def query_each(self, kql: str, spans: Sequence[Timespan]) -> list[QueryTable]:
        """One answer a log, in order, as `EventStore.query` gives it for the log's rows alone.

        `spans` holds the timespan of each log; its end is what the query's clock shows. The text comes
        again to the letter. Raises QueryError.
        """
        if len(self._held) > _MOST_HELD or kql in self._refused:
            return self._ask_alone(kql, spans)
        try:
            answered = self._kept.answer_each(
                translate(unbound(kql).text),
                [(naive_moment(start), naive_moment(end)) for start, end in spans],
            )
        except duckdb.Error:
            self._refused.add(kql)
            return self._ask_alone(kql, spans)
        return _apart(table_of(*answered), logs=len(spans))

    def _ask_alone(self, kql: str, spans: Sequence[Timespan]) -> list[QueryTable]:
        """Each log in a store that holds it alone."""
        store, answers = EventStore(), []
        try:
            for (events, alerts), span in zip(self._logs, spans, strict=True):
                store.clear()
                store.add_process_events(events)
                store.add_alerts(alerts)
                answers.append(store.query(kql, now=span[1], timespan=span, constant=True))
        finally:
            store.close()
        return answers


def _span(events: Sequence[Cells]) -> Timespan | None:
    moments = (row["TimeGenerated"] for row in events)
    times = [moment.replace(tzinfo=UTC) for moment in moments if isinstance(moment, datetime)]
    return (min(times), max(times)) if times else None


def _read(table: str, rows: Rows) -> list[dict[str, object]]:
    return [read_row(table, number, row) for number, row in enumerate(rows, start=1)]


def _apart(answers: QueryTable, *, logs: int) -> list[QueryTable]:
    """The rows by the number of their log, which stands in front."""
    apart: list[list[list[object]]] = [[] for _ in range(logs)]
    for number, *row in answers.rows:
        apart[int(str(number))].append(row)
    return [QueryTable(columns=answers.columns[1:], rows=rows) for rows in apart]
