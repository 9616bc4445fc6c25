"""Every bad input of the table over HTTP, through the real local host: exactly its answer, nothing queued."""

import asyncio
import gc
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import costly
import fuzz_bodies
import pytest
import pytest_asyncio

from playbooks.errors import RequestRefused
from playbooks.intake import read_request, shown
from simulator.chain.chain import Chain
from simulator.organisation import organise

pytestmark = pytest.mark.asyncio(loop_scope="module")

WORKSPACE = (
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-soc/providers"
    "/Microsoft.OperationalInsights/workspaces/law-soc"
)
INSIGHTS = f"{WORKSPACE}/providers/Microsoft.SecurityInsights"
GUID = "11111111-1111-1111-1111-111111111111"
INCIDENT = f"{INSIGHTS}/incidents/{GUID}"
JSON = "application/json"


def of(incident_id: object) -> bytes:
    """The short form of the body, with this as its id."""
    return json.dumps({"incidentId": incident_id}).encode()


def whole(incident_id: object) -> bytes:
    """The trigger's form of the body."""
    return json.dumps({"object": {"id": incident_id}}).encode()


BODIES: dict[str, tuple[bytes, int, str]] = {
    "empty": (b"", 400, "body_not_object"),
    "blank": (b" \r\n\t", 400, "body_not_object"),
    "null": (b"null", 400, "body_not_object"),
    "list": (b"[]", 400, "body_not_object"),
    "text": (b'"x"', 400, "body_not_object"),
    "number": (b"1", 400, "body_not_object"),
    "true": (b"true", 400, "body_not_object"),
    "empty object": (b"{}", 400, "incident_id_missing"),
    "words": (b"incident", 400, "body_not_json"),
    "two values": (b"{} {}", 400, "body_not_json"),
    "two lines": (b"{}\n{}", 400, "body_not_json"),
    "comment": (b"{} // x", 400, "body_not_json"),
    "trailing comma": (b'{"a": 1,}', 400, "body_not_json"),
    "single quotes": (b"{'a': 1}", 400, "body_not_json"),
    "byte-order mark": (b"\xef\xbb\xbf" + of(INCIDENT), 400, "body_not_json"),
    "UTF-16": (of(INCIDENT).decode().encode("utf-16"), 400, "body_not_json"),
    "UTF-16 without a mark": (of(INCIDENT).decode().encode("utf-16-le"), 400, "body_not_json"),
    "UTF-32": ("{}".encode("utf-32"), 400, "body_not_json"),
    "invalid UTF-8": (b'{"a": "\xff"}', 400, "body_not_json"),
    "overlong UTF-8": (b'{"a": "\xc0\xaf"}', 400, "body_not_json"),
    "UTF-8 surrogate": (b'{"a": "\xed\xa0\x80"}', 400, "body_not_json"),
    "brackets": (b"[" * 100_000, 400, "body_too_deep"),
    "closed brackets": (b"[" * 100_000 + b"]" * 100_000, 400, "body_too_deep"),
    "deep objects": (b'{"a":' * 33 + b"1" + b"}" * 33, 400, "body_too_deep"),
    "5,000 digits": (b'{"a": ' + b"9" * 5_000 + b"}", 400, "body_not_json"),
    "minus and 5,000 digits": (b'{"a": -' + b"9" * 5_000 + b"}", 400, "body_not_json"),
    "NaN": (b'{"a": NaN}', 400, "body_not_json"),
    "Infinity": (b'{"a": -Infinity}', 400, "body_not_json"),
    "1e999": (b'{"a": 1e999}', 400, "body_not_json"),
    "same key twice": (b'{"incidentId": "a", "incidentId": "b"}', 400, "duplicate_key"),
    "same key twice, escaped": (b'{"incidentId": "a", "incident\\u0049d": "b"}', 400, "duplicate_key"),
    "same key twice, inside": (b'{"object": {"id": "a", "id": "b"}}', 400, "duplicate_key"),
    "lone surrogate": (b'{"a": "\\ud800"}', 400, "bad_text"),
    "surrogates the wrong way": (b'{"a": "\\udc00\\ud800"}', 400, "bad_text"),
    "lone surrogate in a key": (b'{"\\udfff": 1}', 400, "bad_text"),
    "NUL": (b'{"a": [{"b": "x\\u0000"}]}', 400, "bad_text"),
    "raw NUL": (b'{"a": "\x00"}', 400, "body_not_json"),
    "4 MiB and one": (b" " * (4 * 1024 * 1024 + 1), 413, "body_too_large"),
    "no id": (whole(None), 400, "incident_id_missing"),
    "id a number": (of(5), 400, "incident_id_missing"),
    "id a list": (of([INCIDENT]), 400, "incident_id_missing"),
    "id an object": (whole({"id": INCIDENT}), 400, "incident_id_missing"),
    "id empty": (of(""), 400, "incident_id_missing"),
    "object a text": (b'{"object": "x"}', 400, "incident_id_missing"),
    "id too long": (of(f"{INCIDENT}/{'a' * 1024}"), 400, "incident_id_invalid"),
}
ODD_IDS = {
    "dots": f"{INCIDENT}/../x",
    "dots inside": INCIDENT.replace("rg-soc", ".."),
    "encoded dots": INCIDENT.replace("rg-soc", "%2e%2e"),
    "encoded slash": INCIDENT.replace("rg-soc", "rg%2Fsoc"),
    "double slash": INCIDENT.replace("/resourceGroups", "//resourceGroups"),
    "backslash": INCIDENT.replace("/", "\\"),
    "question mark": f"{INCIDENT}?api-version=1",
    "hash": f"{INCIDENT}#x",
    "at": f"{INCIDENT}@fabrikam.com",
    "semicolon": f"{INCIDENT};x",
    "blank": f"{INCIDENT} ",
    "blank first": f" {INCIDENT}",
    "no-break space": f"{INCIDENT}\u00a0",
    "CR LF": f"{INCIDENT}\r\nX: y",
    "LF": f"{INCIDENT}\n",
    "host": f".fabrikam.com{INCIDENT}",
    "address": f"https://fabrikam.com{INCIDENT}",
    "at first": f"@fabrikam.com{INCIDENT}",
    "port": f":80{INCIDENT}",
    "no slash": INCIDENT.removeprefix("/"),
    "bidi": INCIDENT.replace("rg-soc", "rg\u202esoc"),
    "zero width": INCIDENT.replace("rg-soc", "rg\u200bsoc"),
    "Cyrillic": INCIDENT.replace("subscriptions", "subs\u0441riptions"),
    "Kelvin": INCIDENT.replace("workspaces", "wor\u212aspaces"),
    "full-width digits": INCIDENT.replace("11111111-", "\uff11" * 8 + "-"),
}
OTHER_IDS = {
    "comment": f"{INCIDENT}/comments/{GUID}",
    "alert": f"{INSIGHTS}/entities/{GUID}",
    "rule": f"{INSIGHTS}/alertRules/{GUID}",
    "workspace": WORKSPACE,
    "extra segment": f"{INCIDENT}/x",
    "slash at the end": f"{INCIDENT}/",
    "no GUID": INCIDENT.replace(GUID, "x"),
    "subscription": "/subscriptions/00000000-0000-0000-0000-000000000001",
    "machine": INCIDENT.replace("Microsoft.OperationalInsights/workspaces", "Microsoft.Compute/machines"),
}
STRANGERS = {
    "subscription": INCIDENT.replace("000000000001", "000000000002"),
    "group": INCIDENT.replace("rg-soc", "rg-other"),
    "workspace": INCIDENT.replace("law-soc", "law-other"),
}
BODIES |= {
    f"id {name}": (form(text), 400, "incident_id_invalid")
    for name, text in ODD_IDS.items()
    for form in (of, whole)
}
BODIES |= {f"id of {name}": (of(text), 400, "not_an_incident_id") for name, text in OTHER_IDS.items()}
BODIES |= {f"another {name}": (of(text), 403, "incident_not_allowed") for name, text in STRANGERS.items()}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chain() -> AsyncIterator[Chain]:
    """The local cloud with an organisation and no incident."""
    async with Chain(organise(3).tenant()) as running:
        # The first request imports the playbook, which the limit of a second is not about.
        await running.send(b"{}")
        yield running


class Answer:
    """Status, content type and document of an answer."""

    def __init__(self, status: int, kind: str, text: str) -> None:
        self.status, self.kind, self.text = status, kind, text

    @property
    def error(self) -> dict[str, Any]:
        """The error of the document."""
        return dict(json.loads(self.text)["error"])


async def sent(
    chain: Chain,
    body: bytes,
    *,
    method: str = "POST",
    path: str = "playbooks/mailbox_export",
    headers: dict[str, str] | None = None,
    key: str | None = None,
) -> Answer:
    """What the function answers to these bytes."""
    given = {"x-functions-key": chain.host.function_key if key is None else key, "Content-Type": JSON}
    url = f"{chain.host.base_url}/api/{path}"
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, data=io.BytesIO(body), headers={**given, **(headers or {})}) as answer,
    ):
        text = await answer.text()
        return Answer(answer.status, answer.content_type, text)


async def queued(chain: Chain) -> int:
    """How many messages are on the queues or being worked on."""
    headers = {"x-functions-key": chain.host.master_key}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{chain.host.base_url}/admin/queues", headers=headers) as answer,
    ):
        states = await answer.json()
    return int(states["running"]) + sum(sum(state.values()) for state in states["queues"].values())


@pytest.mark.parametrize(("body", "status", "code"), BODIES.values(), ids=BODIES.keys())
async def test_a_bad_body_gets_exactly_its_answer(chain: Chain, body: bytes, status: int, code: str) -> None:
    """Status, code, words and correlation id; no message, no call, no trace, no echo."""
    calls = len(chain.workspace.calls)
    answer = await sent(chain, body)

    assert (status, code) == (answer.status, answer.error["code"])
    assert {"code", "message", "correlationId"} == set(answer.error)
    assert all(isinstance(text, str) and text for text in answer.error.values())
    assert JSON == answer.kind
    assert "Traceback" not in answer.text
    assert len(answer.error["message"]) <= 200
    assert answer.error["message"].isascii()
    assert (0, calls) == (await queued(chain), len(chain.workspace.calls))


async def test_every_stranger_gets_the_same_words(chain: Chain) -> None:
    """Nobody learns which subscription, group or workspace exists."""
    answers = [await sent(chain, of(text)) for text in STRANGERS.values()]

    assert 1 == len({answer.error["message"] for answer in answers})


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/xml", "application/jsonx", "application/x-www-form-urlencoded", ""]
)
async def test_another_content_type_is_refused(chain: Chain, kind: str) -> None:
    """415; JSON with a character set is JSON."""
    answer = await sent(chain, of(INCIDENT), headers={"Content-Type": kind})

    assert (415, "unsupported_media_type") == (answer.status, answer.error["code"])
    assert 0 == await queued(chain)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_another_method_is_not_there(chain: Chain, method: str) -> None:
    """404, as the platform sends it."""
    assert 404 == (await sent(chain, of(INCIDENT), method=method)).status


@pytest.mark.parametrize("key", ["", "wrong", "x" * 5000, "\u00e9"])
async def test_without_the_key_nothing_of_the_app_runs(chain: Chain, key: str) -> None:
    """401, as the platform sends it."""
    answer = await sent(chain, of(STRANGERS["group"]), key=key)

    assert (401, "") == (answer.status, answer.text)


@pytest.mark.parametrize("path", ["playbooks/mailbox_export", "playbooks/mailbox_export/preview"])
async def test_a_key_in_the_address_is_refused(chain: Chain, path: str) -> None:
    """400 even where it is the right one, so that nobody gets used to it; it is not repeated."""
    key = chain.host.function_key
    answer = await sent(chain, of(INCIDENT), path=f"{path}?code={key}")
    in_its_place = await sent(chain, of(INCIDENT), path=f"{path}?code={key}", key="")

    assert (400, "key_in_query") == (answer.status, answer.error["code"])
    assert (400, "key_in_query") == (in_its_place.status, in_its_place.error["code"])
    assert key not in answer.text + chain.host.log
    assert 0 == await queued(chain)


@pytest.mark.parametrize(
    "name",
    ["other", "Mailbox_Export", "mailbox_export%00", "mailbox_export.rule", "x" * 2000, "\u202e"],
)
async def test_a_playbook_that_is_not_there_is_named_as_such(chain: Chain, name: str) -> None:
    """404 with words; nothing is imported by a caller's name, and no more than 64 characters come back."""
    answer = await sent(chain, of(INCIDENT), path=f"playbooks/{name}")

    assert (404, "unknown_playbook") == (answer.status, answer.error["code"])
    assert "x" * 65 not in answer.text
    assert answer.text.isascii()


async def test_the_preview_refuses_like_the_real_thing(chain: Chain) -> None:
    """The same answers, and no call."""
    calls = len(chain.workspace.calls)
    for body, status, code in (BODIES["NaN"], BODIES["id dots"], BODIES["another group"]):
        answer = await sent(chain, body, path="playbooks/mailbox_export/preview")
        assert (status, code) == (answer.status, answer.error["code"])

    assert calls == len(chain.workspace.calls)


async def test_an_error_never_echoes_more_than_64_characters() -> None:
    """Escaped ones at that: an emoji counts ten."""
    for text in ("a" * 500, "\U0001f600" * 500, "\u202e" * 500, "a" * 63 + "\n" * 9):
        echo = shown(text)
        assert len(echo) <= 66
        assert echo.isascii()
        assert echo.isprintable()


@pytest.mark.parametrize("body", costly.BODIES.values(), ids=costly.BODIES.keys())
async def test_the_largest_body_that_is_read_gets_a_documented_answer(body: bytes) -> None:
    """4 MiB of what is costly to read; what each costs is in `bench/reading.py`."""
    with pytest.raises(RequestRefused) as caught:
        read_request(body, content_type=JSON, workspaces=[(WORKSPACE, GUID)])

    assert 400 == caught.value.status
    assert gc.isenabled()


async def test_the_largest_body_is_answered_over_http(chain: Chain) -> None:
    """Nothing on the way cuts or refuses it."""
    answer = await sent(chain, costly.BODIES["keys"])

    assert (400, "incident_id_missing") == (answer.status, answer.error["code"])


async def test_a_fuzz_of_bodies_in_process_never_ends_in_an_error() -> None:
    """Seeded: each body gets a documented status; some are accepted, or it proves little."""
    figures = await fuzz_bodies.in_process(count=3_000, seed=5)

    assert [] == figures.violations
    assert figures.statuses[202] > 30
    assert {200, 500} & set(figures.statuses) == set()


async def test_a_fuzz_of_bodies_over_http_never_ends_in_an_error() -> None:
    """The same through the host, with a queue that takes what is accepted."""
    figures = await fuzz_bodies.over_http(count=300, seed=6)

    assert [] == figures.violations
    assert figures.statuses[400] > 100


async def test_the_fuzz_sees_an_app_that_fails() -> None:
    """A service that raises what it should not is a violation, or the fuzz proves nothing."""

    class Failing(fuzz_bodies.FakeService):
        async def receive(self, playbook: str, body: bytes, content_type: str) -> Any:
            if b"11111111" in body:
                raise ValueError(playbook)
            if len(body) < 10:
                raise RequestRefused(418, "teapot", "x")
            return await super().receive(playbook, body, content_type)

    figures = await fuzz_bodies.in_process(count=300, seed=5, service=Failing())

    assert any("ValueError" in words for words in figures.violations)
    assert any("418" in words for words in figures.violations)
    await asyncio.sleep(0)
