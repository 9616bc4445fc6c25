"""Text of an attacker's choice, from account, host and file names to what is left in the workspace.

The real clients and the real worker against the strict local workspace: whatever a name holds, it is a value
in every filter and query, and plain text in every comment, task and log record.
"""

import html
import json
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import pytest
from client_world import LATER, MINUTE, NOON, TENANT, alert, user

from playbooks import load
from playbooks.clients.graph_incident_record import marks
from playbooks.clients.lookups import odd_name
from playbooks.messages import TriageMessage
from playbooks.model import IncidentId
from playbooks.service import Service
from playbooks.worker import Delivery, Worker
from simulator.eventstore import EventStore
from simulator.workspace import LocalWorkspace

POWERSHELL = "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe"
INERT_TAGS = {"p", "b", "br", "ul", "li", "ol", "code", "pre", "small"}

HOSTILE = {
    "odata": "x') or startswith(displayName,'",
    "odata closed": "ann' or '1' eq '1",
    "odata encoded": "ann%27 or 1 eq 1",
    "odata select": "ann&$select=id",
    "kql": "' or 1==1 | union SecurityEvent //",
    "kql drop": '"]); .drop table SecurityEvent',
    "kql escape": '\\"]) | take 0 //',
    "html": "<img src=x onerror=1>",
    "html closed": "</td></code></pre><script>1</script>",
    "html comment": "<!-- x",
    "html entity": "&lt;b&gt;",
    "html attribute": '" onmouseover="1',
    "link": "[a](javascript:1)",
    "image": "![](http://h/x)",
    "address": "https://fabrikam.com/x",
    "mail": "ann@fabrikam.com",
    "mention": "@everyone",
    "formula": "=cmd()",
    "heading": "# x",
    "table": "| a | b |",
    "emphasis": "**x** __y__ `z`",
    "template": "{{ 7*7 }}{% raw %}${7*7}",
    "record": 'triage-record: {"v": 1, "verdict": "close"}',
}
ODD = {
    "bidi": ("an\u202eadmin", "U+202E"),
    "isolate": ("ann\u2066x", "U+2066"),
    "zero width": ("an\u200bn", "U+200B"),
    "joiner": ("an\u200dn", "U+200D"),
    "mark": ("\ufeffann", "U+FEFF"),
    "soft hyphen": ("an\u00adn", "U+00AD"),
    "line end": ("ann\r\nx", "U+000D"),
    "escape": ("ann\x1b[31m", "U+001B"),
    "null": ("ann\x00", "U+0000"),
    "line separator": ("ann\u2028x", "U+2028"),
    "tag": ("ann\U000e0041", "U+E0041"),
}
LOOKALIKES = {
    "Cyrillic": "\u0430nn",
    "Greek": "\u03b1nn",
    "full width": "\uff41nn",
    "long s": "bo\u017fs",
    "Kelvin": "fran\u212a",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is where: the account of events and entity, the host, the file's name."""

    account: str = "nobody"
    host: str = "EXCH01"
    file: str = "mail"
    users: Sequence[dict[str, Any]] = ()
    entities: Sequence[dict[str, Any]] = ()
    judged_again: bool = False
    """Judged once more by hand, for its reasons."""
    in_portal: bool = False
    """Incidents are read and written over Microsoft Graph."""


@dataclass(frozen=True, slots=True, kw_only=True)
class After:
    """What is left, what was logged, and the reasons of a judgement by hand."""

    status: str
    labels: list[str]
    comments: list[str]
    tasks: list[str]
    calls: int
    reasons: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The only comment as a person reads it."""
        (comment,) = self.comments
        return html.unescape(re.sub(r"<[^<>]*>", "", comment.replace("<br>", "\n")))

    @property
    def tags(self) -> list[str]:
        """Every tag of the only comment in order, with its attributes."""
        (comment,) = self.comments
        return tags_of(comment)


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(f"{tag} {attrs}" if attrs else tag)

    def handle_endtag(self, tag: str) -> None:
        self.tags.append(f"/{tag}")

    def handle_comment(self, data: str) -> None:
        self.tags.append(f"comment {data}")


def tags_of(comment: str) -> list[str]:
    """Every tag of an HTML text."""
    parser = _Tags()
    parser.feed(comment)
    parser.close()
    return parser.tags


def row(minute: int, command: str, case: Case, **members: Any) -> dict[str, Any]:
    """A process event of the case's account on the case's host."""
    return {
        "TimeGenerated": (NOON + minute * MINUTE).isoformat(),
        "DvcHostname": case.host,
        "DvcFQDN": f"{case.host}.contoso.com",
        "EventType": "ProcessCreated",
        "ActorUsername": f"CONTOSO\\{case.account}",
        "TargetUsername": f"CONTOSO\\{case.account}",
        "ActingProcessName": "C:\\Windows\\explorer.exe",
        "TargetProcessName": POWERSHELL,
        "TargetProcessCommandLine": command,
        **members,
    }


def rows_of(case: Case) -> list[dict[str, Any]]:
    """An export, a removal, and a later event of another host: the log is complete."""
    export = f'powershell.exe New-MailboxExportRequest -Mailbox ben -FilePath "\\\\fs01\\x$\\{case.file}.pst"'
    removal = "powershell.exe Remove-MailboxExportRequest -Identity x -Confirm:$false"
    other = row(100, "svchost.exe", Case(host="OTHER"))
    return [row(0, export, case), row(1, removal, case), other]


def settings_for(workspace: LocalWorkspace) -> dict[str, str]:
    """The app's settings."""
    return {
        "TRIAGE_WORKSPACES": f"{workspace.workspace_id}={workspace.customer_id}",
        "TRIAGE_MODE": "act",
        "TRIAGE_DOMAINS": "CONTOSO=contoso.com",
        "TRIAGE_TIME_ZONE": "Europe/Vienna",
        "TRIAGE_BUSINESS_HOURS": "Mon-Fri 07:00-19:00",
        "TRIAGE_ARM_ENDPOINT": workspace.arm_endpoint,
        "TRIAGE_GRAPH_ENDPOINT": workspace.graph_endpoint,
        "TRIAGE_LOGS_ENDPOINT": workspace.logs_endpoint,
        "TRIAGE_LOCAL_TOKEN": workspace.token,
    }


def entities_of(case: Case) -> list[dict[str, Any]]:
    """What the alert names."""
    return [
        {"kind": "Host", "properties": {"hostName": case.host, "dnsDomain": "contoso.com"}},
        {"kind": "Account", "properties": {"accountName": case.account, "ntDomain": "CONTOSO"}},
        *case.entities,
    ]


async def triaged(case: Case) -> After:
    """The case's incident, triaged in its last attempt."""
    store = EventStore()
    tenant = {**TENANT, "users": [*TENANT["users"], *case.users]}
    where = "graph" if case.in_portal else "sentinel"
    tenant |= {"settings": {"incidents": where}}
    async with LocalWorkspace(tenant, store, clock=lambda: LATER) as workspace:
        name = workspace.create_incident(
            [alert(1, entities=entities_of(case))], title="Mailbox export", severity="Medium", created=NOON
        )
        store.add_process_events(rows_of(case))
        service = Service(settings_for(workspace) | {"TRIAGE_INCIDENTS": where}, now=lambda: LATER)
        place = workspace.workspace_id.split("/")
        incident_id = IncidentId(place[2], place[4], place[8], name)
        message = TriageMessage(
            playbook="mailbox_export", subject=incident_id, correlation_id="c", accepted_at=LATER
        )
        await Worker(service).triage(Delivery(text=message.encode(), message_id="m", dequeue_count=5))
        calls = len(workspace.calls)
        reasons = await judged(service, incident_id) if case.judged_again else ()
        left = workspace.incident(name)
        await service.clients.close()
    store.close()
    return After(
        status=left["properties"]["status"],
        labels=[label["labelName"] for label in left["properties"]["labels"]],
        comments=[comment["properties"]["message"] for comment in left["comments"]],
        tasks=[json.dumps(task["properties"], ensure_ascii=False) for task in left["tasks"]],
        calls=calls,
        reasons=reasons,
    )


async def judged(service: Service, incident_id: IncidentId) -> tuple[str, ...]:
    """The reasons in words."""
    playbook = load("mailbox_export")
    incident = await service.clients.incidents.read(incident_id)
    sources = service.clients.sources(incident_id, asked_at=LATER)
    evidence = await playbook.gather(incident, sources, service.settings.policy)
    return tuple(reason.text for reason in playbook.decide(evidence).verdict.reasons)


def assert_inert(after: After) -> None:
    """Open, one comment of known tags without attributes, and nothing that a portal makes a link of."""
    (comment,) = after.comments
    assert ("New", ["triage-escalated"]) == (after.status, after.labels)
    assert {tag.removeprefix("/") for tag in after.tags} <= INERT_TAGS
    for live in ("](", "![", "http:", "https:", "javascript:", "@", "{{", "**", "`", "|", "\u202e"):
        assert live not in comment


@pytest.fixture(scope="module")
def structures() -> dict[str, list[str]]:
    """Tags of the comments about plain names, by that name."""
    return {}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
async def test_an_account_name_is_text_everywhere(
    text: str, structures: dict[str, list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    """Shown as typed, in a comment of the structure that it has with `x` in place; nobody is found by it."""
    caplog.set_level(logging.DEBUG)
    plain = re.sub(r"[^\\@.]+", "x", text)
    if plain not in structures:
        structures[plain] = (await triaged(Case(account=plain))).tags
    after = await triaged(Case(account=text))

    assert_inert(after)
    assert text in after.text
    assert structures[plain] == after.tags
    assert not re.findall(r"User principal name: (.*)", after.text)
    assert not [line for line in caplog.messages if text in line]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
async def test_names_of_hosts_and_files_are_text_everywhere(text: str) -> None:
    """Events are found by that very host name, and a command line is quoted as it ran."""
    host = text.replace(".", "-")  # a dot would begin its domain
    after = await triaged(Case(host=host, file=text))

    assert_inert(after)
    assert host.lower() in after.text.lower()
    assert f"{text}.pst" in after.text
    assert "Not checked: Log Analytics" not in after.text


MARK = "[triage-decision c0000000-0000-4000-8000-000000000002]"


@pytest.mark.parametrize("text", [*list(HOSTILE.values())[:6], MARK])
async def test_a_comment_in_the_defender_portal_is_as_inert(text: str) -> None:
    """With the one mark by which we find it again, whatever mark an account's name imitates."""
    after = await triaged(Case(account=text, in_portal=True))

    assert_inert(after)
    assert text in after.text
    assert [] == after.tasks
    assert 1 == len(after.comments[0].split("[triage-decision ")) - 1
    assert UUID("c0000000-0000-4000-8000-000000000002") not in marks(
        {"comments": [{"comment": after.comments[0]}]}
    )


@pytest.mark.parametrize(
    "text", ["x') or startswith(displayName,'", "O'Brien", "' or 1==1 | union x //", "a+b&c%20"]
)
async def test_a_name_is_looked_up_as_that_very_name(text: str) -> None:
    """A user who really bears it is found, and no other one."""
    owner = user("00000077-1111-4111-8111-111111111111", "planted") | {
        "onPremisesSamAccountName": text,
        "userPrincipalName": "planted@contoso.com",
    }
    users = [] if text == "O'Brien" else [owner]
    after = await triaged(Case(account=text, users=users))

    found = re.findall(r"User principal name: (\S+)", after.text)
    assert ["o'brien@contoso.com" if text == "O'Brien" else "planted@contoso.com"] == found


@pytest.mark.parametrize(("text", "named"), ODD.values(), ids=ODD.keys())
async def test_invisible_characters_are_named_and_the_account_is_unknown(
    text: str, named: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Never sent, never shown raw, never equal to the name without them."""
    caplog.set_level(logging.DEBUG)
    after = await triaged(Case(account=text))
    (comment,) = after.comments

    assert_inert(after)
    assert named in after.text
    assert not [one for one in text if not one.isprintable() and one in comment.replace("\n", "")]
    assert "User principal name" not in after.text
    assert "holds characters that no real name has" in after.text
    assert not [line for line in caplog.messages if not line.isprintable() and "triage" in line]


@pytest.mark.parametrize("text", LOOKALIKES.values(), ids=LOOKALIKES.keys())
async def test_a_look_alike_is_nobody(text: str) -> None:
    """Letters that pass for others are named; neither Ann nor Boss nor Frank is found."""
    known = [
        user(f"0000008{n}-1111-4111-8111-111111111111", name) for n, name in enumerate(("boss", "frank"))
    ]
    after = await triaged(Case(account=text, users=known))
    odd = next(character for character in text if not character.isascii())

    assert_inert(after)
    assert f"U+{ord(odd):04X}" in after.text
    assert "User principal name" not in after.text


LONG = {"letters": "a" * 1_000_000, "before a mark": "a" * 1_000_000 + "!", "quotes": "'" * 300_000}


@pytest.mark.parametrize("text", LONG.values(), ids=LONG.keys())
async def test_a_name_of_a_megabyte_is_unknown_at_once(text: str) -> None:
    """`name too long`, nothing of it asked for, and a comment that fits."""
    assert "name too long" in odd_name(text, "account name")

    after = await triaged(Case(account=text, judged_again=True))

    assert_inert(after)
    assert "name too long" in after.text
    assert len(after.comments[0]) <= 30_000


async def test_a_name_of_256_characters_is_asked_for_and_one_more_is_not() -> None:
    """The bound is exact."""
    assert "" == odd_name("a" * 256, "account name")
    assert "too long" in odd_name("a" * 257, "account name")


async def test_ten_thousand_entities_are_bounded() -> None:
    """Sentinel keeps 500 of an alert: it is escalated as larger than can be read whole, with few calls."""
    many = [
        {"kind": "Account", "properties": {"accountName": f"user{number}", "ntDomain": "CONTOSO"}}
        for number in range(10_000)
    ]
    after = await triaged(Case(entities=many, judged_again=True))

    assert_inert(after)
    assert [text for text in after.reasons if "larger than can be read whole" in text]
    assert after.calls < 600


async def test_the_check_for_structure_can_fail() -> None:
    """Markup that is not escaped is seen."""
    assert tags_of("<p>x</p>") != tags_of("<p><img src=x onerror=1></p>")
    assert "img" in tags_of("<p><img src=x></p>")[1]
