"""Log Analytics (query API v1): whether commands with certain words were ever seen, in one question."""

from datetime import datetime
from urllib.parse import quote

from playbooks import kql
from playbooks.clients.answers import Call
from playbooks.clients.attempt import Patience
from playbooks.clients.log_rows import SOURCE, parse_count, parse_table
from playbooks.clients.logs import ROLE
from playbooks.clients.lookups import looked_up, odd_name
from playbooks.clients.rest import Rest
from playbooks.model import Found, Lookup, Unavailable

MOST_ASKED = 200


class LoggedCommands:
    """Counts over `_Im_ProcessCreate` of one workspace, given by its customer id."""

    def __init__(self, rest: Rest, *, customer_id: str, patience: Patience) -> None:
        self._rest = rest
        self._path = f"/v1/workspaces/{quote(customer_id, safe='')}/query"
        self._patience = patience

    async def seen(
        self, asked: tuple[tuple[str, ...], ...], *, start: datetime, end: datetime
    ) -> Lookup[tuple[int, ...]]:
        """For each tuple of words: how many command lines hold them all, `start` <= time <= `end`.

        Words are found as KQL's `has` finds them: whole, without case. At most MOST_ASKED tuples.
        """
        odd = [cause for words in asked for word in words if (cause := odd_name(word, "word"))]
        if odd or len(asked) > MOST_ASKED or not all(asked):
            return Unavailable(
                SOURCE, odd[0] if odd else "too much, or nothing, is asked at once", lasting=True
            )
        return await looked_up(SOURCE, self._seen(asked, start, end)) if asked else Found(())

    async def _seen(
        self, asked: tuple[tuple[str, ...], ...], start: datetime, end: datetime
    ) -> Lookup[tuple[int, ...]]:
        call = Call(source=SOURCE, method="POST", template="/v1/workspaces/{workspace}/query", needs=ROLE)
        span = f"{start:%Y-%m-%dT%H:%M:%SZ}/{end:%Y-%m-%dT%H:%M:%SZ}"
        body = {"query": question(asked, start, end), "timespan": span}
        rows = parse_table(
            await self._rest.ask(call, self._path, query={}, patience=self._patience, body=body)
        )
        if len(rows) != 1:
            return Unavailable(SOURCE, "the answer is not one row of counts")
        return Found(tuple(parse_count(rows[0], f"Seen{place}") for place in range(len(asked))))


def question(asked: tuple[tuple[str, ...], ...], start: datetime, end: datetime) -> str:
    """The KQL; values enter as literals that `kql` writes."""
    counts = ", ".join(
        f"Seen{place}=countif("
        + " and ".join(f"TargetProcessCommandLine has {kql.text(word)}" for word in words)
        + ")"
        for place, words in enumerate(asked)
    )
    return (
        f"let start = {kql.moment(start)};\nlet stop = {kql.moment(end)};\n"
        "_Im_ProcessCreate\n| where TimeGenerated >= start and TimeGenerated <= stop\n"
        f"| where TargetProcessCommandLine has_any ({kql.texts(sorted({words[0] for words in asked}))})\n"
        f"| summarize {counts}"
    )
