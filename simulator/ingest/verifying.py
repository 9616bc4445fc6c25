"""Waits for the incidents of a run, and reads each with its alerts, host, account and verdict."""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from simulator.catalogues import FIRST_PLAYBOOK, RULE_FILES, main_rule_of
from simulator.chain.alerts import account_named
from simulator.chain.grouping import MARGIN, Gathering, Sighting, full_host_name
from simulator.chain.record import last_record, read_record
from simulator.chain.results import Left
from simulator.ingest.journal import Run
from simulator.ingest.reading import Arrivals, Json, Reading, ReadingFailed
from simulator.ingest.verified import Found, Verified, fits, moved
from simulator.report.truths import FullTruth
from simulator.rules import load_rule


class Verifier:
    """Reads the incidents of a run again and again; an incident is read anew only when its etag changed.

    `rules` are further rule GUIDs under their words, for workspaces where ours have other ids.
    """

    def __init__(
        self,
        reading: Reading,
        run: Run,
        truths: Iterable[FullTruth],
        *,
        dns: str,
        rules: Mapping[str, str],
        wanted_rule: str = main_rule_of(FIRST_PLAYBOOK),
    ) -> None:
        self._reading = reading
        self._run = run
        self._truths = tuple(moved(truth, run.shift) for truth in truths)
        self._dns = dns
        own = {load_rule(rule.path).id: word for word, rule in RULE_FILES.items()}
        self._rules = {**own, **rules}
        self._wanted_rule = wanted_rule
        self._known: dict[str, tuple[str, Found | None]] = {}

    async def look(self, *, arrivals: Arrivals | None = None) -> Verified:
        """The run as it is now. Raises ReadingFailed."""
        since = min(truth.first for truth in self._truths) - MARGIN
        resources = await self._reading.incidents(since=since)
        found = [one for resource in resources if (one := await self._found(resource)) is not None]
        ours = [one for one in found if any(fits(truth, one.gathering) for truth in self._truths)]
        return Verified(
            run=self._run,
            truths=self._truths,
            found=tuple(ours),
            arrivals=arrivals,
            wanted_rule=self._wanted_rule,
        )

    async def wait(
        self, *, seconds: float, every: float, asks_arrivals: bool, told: Callable[[Verified], None]
    ) -> Verified:
        """Looks until everything awaited has a verdict or the time is over; what passes is borne till then.

        Raises ReadingFailed for what will not pass, or where no look succeeded.
        """
        deadline = asyncio.get_running_loop().time() + seconds
        last: Verified | None = None
        while True:
            is_over = asyncio.get_running_loop().time() >= deadline
            try:
                last = await self.look(arrivals=await self._arrivals() if asks_arrivals else None)
                told(last)
            except ReadingFailed as failed:
                if failed.lasting or (is_over and last is None):
                    raise
            if last is not None and (is_over or (last.is_complete and _all_there(last))):
                return last
            await asyncio.sleep(every)

    async def _arrivals(self) -> Arrivals:
        run = self._run
        return await self._reading.arrivals(run.run_id, first=0, last=max(0, run.events - 1), began=run.began)

    async def _found(self, resource: Json) -> Found | None:
        name, etag = str(resource["name"]), str(resource.get("etag"))
        known = self._known.get(name)
        if known is None or known[0] != etag:
            try:
                known = (etag, await self._read(name, resource))
            except (KeyError, ValueError, TypeError) as error:
                raise ReadingFailed(f"incident {name} came in another shape: {error!r}") from error
            self._known[name] = known
        return known[1]

    async def _read(self, name: str, resource: Json) -> Found | None:
        """The incident with its alerts, host and verdict; None for one that names no host."""
        entities = await self._reading.entities(name)
        host = next(filter(None, (self._host(entity) for entity in entities)), "")
        alerts = await self._reading.alerts(name) if host else []
        if not alerts:
            return None
        comments = await self._reading.comments(name)
        accounts = tuple(filter(None, map(_account, entities)))
        properties = resource["properties"]
        return Found(
            gathering=Gathering(
                host=host,
                sightings=tuple(self._sighting(alert, host=host, accounts=accounts) for alert in alerts),
            ),
            left=_left(name, properties, comments),
            seconds=_seconds_to_verdict(properties, comments),
            number=int(properties.get("incidentNumber") or 0),
            url=str(properties.get("incidentUrl") or ""),
        )

    def _host(self, entity: Json) -> str:
        if str(entity.get("kind")).lower() != "host":
            return ""
        properties = entity.get("properties") or {}
        name, domain = str(properties.get("hostName") or ""), str(properties.get("dnsDomain") or "")
        return full_host_name(f"{name}.{domain}" if name and domain else name, dns=self._dns)

    def _sighting(self, alert: Json, *, host: str, accounts: tuple[Any, ...]) -> Sighting:
        properties = alert["properties"]
        more = properties.get("additionalData") or {}
        details: Json = _loaded(more.get("Custom Details"), {})
        ids: list[Any] = _loaded(more.get("Analytic Rule Ids"), [])
        start, end = (
            _moment(next(iter(details.get(name) or []), None), properties[fallback])
            for name, fallback in (("StartTime", "startTimeUtc"), ("EndTime", "endTimeUtc"))
        )
        rule = next((self._rules[one] for one in ids if one in self._rules), next(iter(ids), "other"))
        return Sighting(rule=rule, host=host, start=start, end=end, accounts=accounts)


def _all_there(verified: Verified) -> bool:
    return verified.arrivals is None or verified.arrivals.events >= verified.run.events


def _loaded[T](text: Any, otherwise: T) -> T:
    try:
        value = json.loads(text)
    except (TypeError, ValueError):
        return otherwise
    return value if isinstance(value, type(otherwise)) else otherwise


def _moment(text: Any, otherwise: Any) -> datetime:
    """The first of two times that can be read, in UTC."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        moment = datetime.fromisoformat(str(otherwise))
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _account(entity: Json) -> Any:
    if str(entity.get("kind")).lower() != "account":
        return None
    properties = entity.get("properties") or {}
    name, domain = properties.get("accountName") or "", properties.get("ntDomain") or ""
    return account_named(f"{domain}\\{name}" if domain else name, str(properties.get("sid") or ""))


def _left(name: str, properties: Json, comments: Sequence[Json]) -> Left:
    messages = tuple(str(comment["properties"]["message"]) for comment in comments)
    return Left(
        name=name,
        status=str(properties["status"]),
        severity=str(properties.get("severity") or ""),
        classification=str(properties.get("classification") or ""),
        labels=tuple(str(label["labelName"]) for label in properties.get("labels") or ()),
        comments=messages,
        tasks=(),
        record=last_record(messages),
        modified=_moment(properties.get("lastModifiedTimeUtc"), properties["createdTimeUtc"]),
    )


def _seconds_to_verdict(properties: Json, comments: Sequence[Json]) -> float | None:
    """From the making of the incident to the first comment with a verdict."""
    told = [comment["properties"] for comment in comments if read_record(comment["properties"]["message"])]
    if not told:
        return None
    created = _moment(properties["createdTimeUtc"], None)
    return max(
        0.0, (_moment(told[0].get("createdTimeUtc"), properties["createdTimeUtc"]) - created).total_seconds()
    )
