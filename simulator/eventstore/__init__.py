"""The local Log Analytics workspace: events, alerts and incidents in DuckDB, asked in KQL."""

from simulator.eventstore.answers import QueryTable
from simulator.eventstore.errors import QueryError, RowRefused
from simulator.eventstore.separate import SeparateLogs
from simulator.eventstore.store import EventStore

__all__ = ["EventStore", "QueryError", "QueryTable", "RowRefused", "SeparateLogs"]
