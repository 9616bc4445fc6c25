"""The local Log Analytics workspace: events, alerts and incidents in DuckDB, asked in KQL."""

from simulator.eventstore.errors import QueryError, RowRefused
from simulator.eventstore.store import EventStore, QueryTable

__all__ = ["EventStore", "QueryError", "QueryTable", "RowRefused"]
