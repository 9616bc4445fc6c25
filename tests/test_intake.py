"""Bodies and ids: the documented answer for every bad input, and nothing in a body is a fact."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbooks.errors import RequestRefused
from playbooks.intake import AlertReference, DefenderReference, read_request
from playbooks.model import IncidentId

WORKSPACE = (
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-soc"
    "/providers/Microsoft.OperationalInsights/workspaces/law-soc"
)
CUSTOMER = "00000000-0000-0000-0000-0000000000aa"
GUID = "11111111-2222-3333-4444-555555555555"
INCIDENT = f"{WORKSPACE}/providers/Microsoft.SecurityInsights/Incidents/{GUID}"
EXPECTED = IncidentId("00000000-0000-0000-0000-000000000001", "rg-soc", "law-soc", GUID)


def read(body: bytes | object, content_type: str = "application/json") -> object:
    """What a body asks for, or the refusal as (status, code)."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        return read_request(raw, content_type=content_type, workspaces=[(WORKSPACE, CUSTOMER)])
    except RequestRefused as error:
        return error.status, error.code


@pytest.mark.parametrize(
    "body",
    [
        {"incidentId": INCIDENT},
        {"object": {"id": INCIDENT, "properties": {"benign": True}}, "objectSchemaType": "incident"},
        {"incidentId": INCIDENT.replace("rg-soc", "RG-SOC").replace("Incidents", "incidents")},
    ],
)
def test_an_incident_is_named_by_the_short_form_or_the_whole_trigger_body(body: object) -> None:
    """ARM ids compare without case."""
    subject = read(body)

    assert isinstance(subject, IncidentId)
    assert EXPECTED.key == subject.key


def test_a_defender_incident_is_named_by_its_number() -> None:
    """As text; where Sentinel's id stands too, that one counts."""
    assert DefenderReference("3177") == read({"defenderIncidentId": "3177"})
    assert EXPECTED.key == getattr(read({"defenderIncidentId": "3177", "incidentId": INCIDENT}), "key", "")


@pytest.mark.parametrize(
    "number",
    [
        "",
        "0",
        "03",
        "-1",
        "+1",
        "1.0",
        "1e3",
        " 1",
        "1\n",
        "１２",
        "1' or '1' eq '1",
        "../1",
        "9" * 20,
        7,
        None,
        [],
    ],
)
def test_a_number_that_is_none_is_refused(number: object) -> None:
    """It becomes part of a filter and of a path."""
    assert (400, "defender_incident_id_invalid") == read({"defenderIncidentId": number})


def test_an_alert_trigger_body_names_its_alert_and_workspace() -> None:
    """The workspace is the configured one, whatever case the body uses."""
    body = {
        "SystemAlertId": GUID,
        "WorkspaceId": CUSTOMER.upper(),
        "WorkspaceSubscriptionId": EXPECTED.subscription,
        "WorkspaceResourceGroup": "RG-SOC",
        "Entities": [],
    }

    assert AlertReference(WORKSPACE, GUID) == read(body)
    assert (403, "incident_not_allowed") == read({**body, "WorkspaceId": GUID})
    assert (400, "alert_id_invalid") == read({**body, "SystemAlertId": "../x"})


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "body_not_object"),
        (b"  ", "body_not_object"),
        (b"null", "body_not_object"),
        (b"[]", "body_not_object"),
        (b'"x"', "body_not_object"),
        (b"1", "body_not_object"),
        (b"{}", "incident_id_missing"),
        (b'{"object": 5}', "incident_id_missing"),
        (b'{"incidentId": 5}', "incident_id_missing"),
        (b"incident", "body_not_json"),
        (b"{}{}", "body_not_json"),
        (b"\xef\xbb\xbf{}", "body_not_json"),
        ('{"a": 1}'.encode("utf-16"), "body_not_json"),
        (b'{"a": "\xff"}', "body_not_json"),
        (b'{"a": NaN}', "body_not_json"),
        (b'{"a": 1e999}', "body_not_json"),
        (b'{"a": ' + b"9" * 5000 + b"}", "body_not_json"),
        (b"[" * 100_000, "body_too_deep"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, "body_too_deep"),
        (b'{"incidentId": "x", "incidentId": "y"}', "duplicate_key"),
        (b'{"a": "\\ud800"}', "bad_text"),
        (b'{"a": ["\\u0000"]}', "bad_text"),
    ],
)
def test_a_body_that_is_not_one_clean_json_object_is_refused(body: bytes, code: str) -> None:
    """400 with the documented code."""
    assert (400, code) == read(body)


@pytest.mark.parametrize(
    "value",
    [
        f"{INCIDENT}/../x",
        INCIDENT.replace("rg-soc", "%2e%2e"),
        INCIDENT.replace("/resourceGroups", "//resourceGroups"),
        INCIDENT.replace("/", "\\"),
        f"{INCIDENT}?x=1",
        f"{INCIDENT}#x",
        f"{INCIDENT}@contoso.com",
        f"{INCIDENT};x",
        f"{INCIDENT} ",
        f"{INCIDENT}\r\n",
        INCIDENT.removeprefix("/"),
        f".contoso.com{INCIDENT}",
        "/subscriptions/" + "a" * 1024,
    ],
)
def test_an_id_that_could_reach_elsewhere_is_refused(value: str) -> None:
    """400 before any token or call is made."""
    assert (400, "incident_id_invalid") == read({"incidentId": value})


@pytest.mark.parametrize(
    "value",
    [WORKSPACE, f"{INCIDENT}/comments/{GUID}", INCIDENT.replace("Incidents", "alertRules"), INCIDENT[:-1]],
)
def test_an_id_of_something_else_is_refused(value: str) -> None:
    """A workspace, a comment, a rule: not an incident."""
    assert (400, "not_an_incident_id") == read({"incidentId": value})


@pytest.mark.parametrize(
    ("old", "new"), [("000000000001", "000000000002"), ("rg-soc", "rg-other"), ("law-soc", "law-other")]
)
def test_an_incident_of_another_place_is_not_allowed(old: str, new: str) -> None:
    """The same 403 for another subscription, group and workspace."""
    assert (403, "incident_not_allowed") == read({"incidentId": INCIDENT.replace(old, new)})


def test_size_and_type_have_their_own_answers() -> None:
    """413 above 4 MiB, 415 for anything but JSON."""
    assert (413, "body_too_large") == read(b" " * (4 * 1024 * 1024 + 1))
    assert (415, "unsupported_media_type") == read({}, content_type="text/plain")
    assert EXPECTED.key == read({"incidentId": INCIDENT}, "application/json; charset=utf-8").key  # type: ignore[attr-defined]


@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_every_byte_string_gets_a_documented_answer(body: bytes) -> None:
    """Never an exception but RequestRefused, and never a 5xx."""
    answer = read(body)

    assert isinstance(answer, tuple)
    assert 400 <= answer[0] < 500


@given(st.text(max_size=64))
def test_no_text_glued_to_an_id_is_accepted(text: str) -> None:
    """Only the very id is an id."""
    if text:
        assert not isinstance(read({"incidentId": INCIDENT + text}), IncidentId)
        assert not isinstance(read({"incidentId": text + INCIDENT}), IncidentId)
