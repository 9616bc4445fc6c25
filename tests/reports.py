"""Reports for tests: made of values, as large and as hostile as wanted."""

import json
from datetime import UTC, datetime, timedelta

from simulator.chain.record import DecisionRecord
from simulator.chain.results import CaseOutcome, Left, Outcome
from simulator.report import Activity, EventLine, Report, Story
from simulator.report.story import Alert

T0 = datetime(2025, 11, 17, 21, 0, tzinfo=UTC)
HOSTILE = "</script><img src=x onerror=alert(1)><script>alert(2)</script>\"'&<!--{{7*7}}"

ATTACK = Activity(
    id="A001", label="attack", expected="escalate", scenario="dark_halo", title="Dark Halo",
    techniques=("T1114.002", "T1059.001"), reasons=("role_granted",), seen_by=("correlated",),
)  # fmt: skip
JOB = Activity(
    id="B001", label="benign", expected="close", scenario="compliance_job", title="A compliance job",
    seen_by=("seed", "correlated"),
)  # fmt: skip
MIGRATION = Activity(
    id="N001", label="benign", expected="escalate", scenario="migration", title="A migration",
    seen_by=("seed", "correlated"),
)  # fmt: skip


def left(outcome: Outcome, *, comment: str = "<p><b>Why</b></p>") -> Left:
    """What is left of an incident."""
    closed = outcome is Outcome.CLOSED
    record = json.dumps({"v": 1, "verdict": str(outcome)})
    return Left(
        name="00000000-0000-0000-0000-00000000000a",
        status="Closed" if closed else "New",
        severity="Medium",
        classification="BenignPositive" if closed else "",
        labels=() if outcome is Outcome.ERROR else (f"triage-{outcome}",),
        comments=(f"{comment}<p><code>triage-record: {record}</code></p>",),
        tasks=("Decide",),
        record=DecisionRecord(verdict="close", reasons=("off_hours",)),
        modified=T0,
    )  # fmt: skip


def story(
    activity: Activity | None,
    outcome: Outcome,
    *,
    minutes: float = 0,
    host: str = "exch01.contoso.com",
    rules: tuple[str, ...] = ("seed", "correlated"),
    command: str = "powershell New-MailboxExportRequest -Mailbox a",
    comment: str = "<p><b>Why</b></p>",
) -> Story:
    """One incident with two events."""
    start = T0 + timedelta(minutes=minutes)
    events = tuple(
        EventLine(
            time=start + timedelta(minutes=step), host=host, uid=f"u{step}", product="Sysmon",
            account="CONTOSO\\svc-x", actor="NT AUTHORITY\\SYSTEM",
            parent="C:\\Windows\\System32\\svchost.exe", program="C:\\p\\powershell.exe",
            command=text, known=True,
        )
        for step, text in ((0, command), (38, "powershell Remove-MailboxExportRequest"))
    )  # fmt: skip
    return Story(
        host=host,
        start=start,
        end=start + timedelta(minutes=38),
        left=left(outcome, comment=comment),
        accounts=("CONTOSO\\svc-x",),
        alerts=tuple(Alert(rule=rule, start=start, end=start + timedelta(minutes=38)) for rule in rules),
        activities=(activity,) if activity else (),
        events=events,
        milliseconds=1200,
    )


def outcome_of(activity: Activity, outcome: Outcome, rules: tuple[str, ...]) -> CaseOutcome:
    """The case behind it."""
    return CaseOutcome(
        id=activity.id, label=activity.label, expected=activity.expected, scenario=activity.scenario,
        outcome=outcome, rules=rules,
    )  # fmt: skip


def report(*stories: Story, title: str = "A run") -> Report:
    """A report in which every activity has the outcome of its story."""
    known = [(one.activities[0], one) for one in stories if one.activities]
    unknown = [one for one in stories if not one.activities]
    blank = [
        CaseOutcome(id=f"x{n}", label="ambiguous", expected="escalate", outcome=one.left.outcome)
        for n, one in enumerate(unknown)
    ]
    return Report(
        title=title,
        command="simulator replay out/day",
        made=T0,
        outcomes=(*(outcome_of(a, one.left.outcome, one.rules) for a, one in known), *blank),
        activities={activity.id: activity for activity, _ in known},
        stories=stories,
    )


def small_report() -> Report:
    """An attack that the seed rule misses, a job closed, a migration left open, one wrong, one unknown."""
    wrong = Activity(
        id="A002", label="attack", expected="escalate", scenario="proxyshell", title="ProxyShell"
    )
    return report(
        story(
            ATTACK,
            Outcome.ESCALATED,
            rules=("correlated",),
            command=HOSTILE,
            comment=f"<p>{HOSTILE.removesuffix('<!--{{7*7}}')}</p>",
        ),
        story(JOB, Outcome.CLOSED, minutes=60, host="exch02.contoso.com"),
        story(MIGRATION, Outcome.ESCALATED, minutes=120, host="exch03.contoso.com"),
        story(wrong, Outcome.CLOSED, minutes=180, host="exch04.contoso.com", rules=()),
        story(None, Outcome.ERROR, minutes=240, host="exch05.contoso.com"),
        title=f"Replay of {HOSTILE}",
    )


def large_report(count: int = 1000) -> Report:
    """As many incidents as a busy month has, with comments as long as ours."""
    kinds = ((JOB, Outcome.CLOSED), (ATTACK, Outcome.ESCALATED), (MIGRATION, Outcome.ESCALATED))
    comment = "<p>" + "one more row of evidence " * 300 + "</p>"
    return report(
        *(
            story(
                activity, outcome, minutes=60 * n, host=f"exch{n % 40:02}.contoso.com", comment=comment,
                command=f"powershell New-MailboxExportRequest -Name job{n} -FilePath \\\\fs01\\pst$\\{n}.pst",
            )
            for n in range(count)
            for activity, outcome in [kinds[n % 3]]
        )
    )  # fmt: skip
