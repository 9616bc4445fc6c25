"""The incidents of the local workspace: their state, their etags, and every change that may befall them.

Any write, a comment or a task included, gives the incident a new etag, and each change leaves one row of
SecurityIncident (and each alert one of SecurityAlert) to be fetched with `drain`.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from simulator.workspace import rules
from simulator.workspace.directory import stable_id
from simulator.workspace.model import AlertSpec
from simulator.workspace.records import IncidentRecord, alert_row, incident_row
from simulator.workspace.wire import Json, Refusal, wire_time


class Incidents:
    """All incidents, by name (GUID in lower case)."""

    def __init__(self, clock: Callable[[], datetime], *, in_portal: bool = False) -> None:
        self._clock = clock
        self._in_portal = in_portal
        self._records: dict[str, IncidentRecord] = {}
        self._writes = 0
        self._numbers = 0
        self._incident_rows: list[Json] = []
        self._alert_rows: list[Json] = []

    def create(
        self, alerts: Sequence[AlertSpec], given: Json, *, created: datetime | None = None, name: str = ""
    ) -> IncidentRecord:
        """A new incident, created now if not said otherwise. Raises Refusal for what the service refuses."""
        created = created or self._clock()
        self._numbers += 1
        number = self._numbers
        record = IncidentRecord(
            name=rules.need_guid(name or stable_id("incident", str(number)), what="The incident id"),
            number=number,
            etag="",
            created=created,
            modified=created,
            in_portal=self._in_portal,
            written=rules.checked_incident(_with_activity(given, alerts)),
        )
        self._records[record.name] = record
        for alert in alerts:
            self._join(record, alert)
        self.touch(record, by="Microsoft Sentinel", at=created)
        return record

    def find(self, name: str) -> IncidentRecord:
        """The incident. Raises Refusal 404."""
        record = self._records.get(name.lower())
        if record is None:
            raise Refusal(404, "NotFound", f"Incident '{name[:64]}' does not exist.")
        return record

    def has(self, name: str) -> bool:
        """Whether there is such an incident."""
        return name.lower() in self._records

    def of_alert(self, system_alert_id: str) -> tuple[IncidentRecord, AlertSpec]:
        """The newest incident with that alert, and the alert. Raises Refusal 404."""
        for record in reversed(self._records.values()):
            for alert in record.alerts:
                if alert.system_alert_id.lower() == system_alert_id.lower():
                    return record, alert
        raise Refusal(404, "NotFound", f"No incident holds the alert '{system_alert_id[:64]}'.")

    def all(self) -> list[IncidentRecord]:
        """Every incident, oldest first."""
        return list(self._records.values())

    def remove(self, name: str) -> None:
        """A person deletes the incident. Raises Refusal 404."""
        del self._records[self.find(name).name]

    def add_alert(self, record: IncidentRecord, alert: AlertSpec, *, silently: bool = False) -> None:
        """Another alert joins. `silently` leaves the etag as it was, which may happen too."""
        self._join(record, alert)
        record.written = _with_activity(record.written, record.alerts)
        etag = record.etag
        self.touch(record, by="Microsoft Sentinel")
        record.etag = etag if silently else record.etag

    def replace(self, record: IncidentRecord, written: Json, *, by: str) -> None:
        """The whole writable record anew."""
        if written["status"] == "Closed":
            record.closed = record.closed or self._clock()
            record.kept |= {name: written[name] for name in ("classification", "classificationComment")}
        else:
            record.closed = None
        record.written = written
        self.touch(record, by=by)

    def redirect(self, record: IncidentRecord, target: IncidentRecord) -> None:
        """Correlation moves everything of the incident into another one."""
        for alert in record.alerts:
            self.add_alert(target, alert)
        record.alerts, record.redirected_to = [], target.provider_id
        label = {"labelName": "Redirected", "labelType": "AutoAssigned"}
        closed = {"status": "Closed", "classification": "Undetermined", "classificationReason": None}
        labels = [*record.written["labels"], label]
        self.replace(record, record.written | closed | {"labels": labels}, by="Microsoft XDR")

    def put_comment(self, record: IncidentRecord, comment_id: str, message: str, author: Json) -> Json:
        """A comment under that id, new or changed. Raises Refusal 400 where the incident is full."""
        earlier = record.comments.get(comment_id)
        if earlier is None and len(record.comments) >= rules.MOST_COMMENTS:
            raise rules.bad(f"The incident has {rules.MOST_COMMENTS} comments, the most allowed.")
        properties = {"message": message, "author": author}
        record.comments[comment_id] = self._part(record, "comments", comment_id, properties, earlier)
        self.touch(record, by=author.get("name", ""))
        return record.comments[comment_id]

    def add_comment(self, record: IncidentRecord, message: str, author: Json) -> str:
        """A comment under an id that the service chooses; the id. Raises Refusal 400 as `put_comment`."""
        comment_id = stable_id("comment", record.name, str(self._writes))
        self.put_comment(record, comment_id, message, author)
        return comment_id

    def put_task(self, record: IncidentRecord, task_id: str, given: Json, author: Json) -> Json:
        """A task under that id, new or changed. Raises Refusal 400 where the incident is full."""
        earlier = record.tasks.get(task_id)
        if earlier is None and len(record.tasks) >= rules.MOST_TASKS:
            raise rules.bad(f"The incident has {rules.MOST_TASKS} tasks, the most allowed.")
        creator = author if earlier is None else earlier["properties"]["createdBy"]
        properties = {name: value for name, value in given.items() if value is not None}
        properties |= {"createdBy": creator, "lastModifiedBy": author}
        record.tasks[task_id] = self._part(record, "tasks", task_id, properties, earlier)
        self.touch(record, by=author.get("name", ""))
        return record.tasks[task_id]

    def touch(self, record: IncidentRecord, *, by: str, at: datetime | None = None) -> None:
        """Marks a change: new etag, new time, one more row of SecurityIncident."""
        record.modified = at or self._clock()
        record.modified_by = by
        record.etag = self._etag()
        self._incident_rows.append(incident_row(record))

    def drain(self) -> tuple[list[Json], list[Json]]:
        """Rows of SecurityAlert and of SecurityIncident that have not been fetched yet."""
        rows = self._alert_rows, self._incident_rows
        self._alert_rows, self._incident_rows = [], []
        return rows

    def _join(self, record: IncidentRecord, alert: AlertSpec) -> None:
        if len(record.alerts) >= rules.MOST_ALERTS:
            raise rules.bad(f"The incident has {rules.MOST_ALERTS} alerts, the most allowed.")
        record.alerts.append(alert)
        self._alert_rows.append(alert_row(alert))

    def _part(
        self, record: IncidentRecord, kind: str, part_id: str, properties: Json, earlier: Json | None
    ) -> Json:
        now = wire_time(self._clock())
        created = now if earlier is None else earlier["properties"]["createdTimeUtc"]
        return {
            "id": f"{record.id}/{kind.capitalize()}/{part_id}",
            "name": part_id,
            "etag": self._etag(),
            "type": f"Microsoft.SecurityInsights/Incidents/{kind.capitalize()}",
            "properties": properties | {"createdTimeUtc": created, "lastModifiedTimeUtc": now},
        }

    def _etag(self) -> str:
        self._writes += 1
        return f'"{self._writes:08x}-0000-0d00-0000-0000{self._writes:08x}"'


def _with_activity(given: Json, alerts: Sequence[AlertSpec]) -> Json:
    if not alerts:
        return given
    first, last = min(alert.start for alert in alerts), max(alert.end for alert in alerts)
    return given | {"firstActivityTimeUtc": wire_time(first), "lastActivityTimeUtc": wire_time(last)}
