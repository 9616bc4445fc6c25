"""Queue messages: small, ids only, checked again when they are read."""

from base64 import b64encode
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_intake import EXPECTED, GUID, WORKSPACE

from playbooks.errors import MessageUnreadable, RequestRefused
from playbooks.intake import AlertReference, DefenderReference
from playbooks.messages import TriageMessage, decode, rescue

PATHS = (WORKSPACE,)
MESSAGE = TriageMessage(
    playbook="mailbox_export",
    subject=EXPECTED,
    correlation_id=GUID,
    accepted_at=datetime(2026, 11, 16, 12, 0, tzinfo=UTC),
)


@pytest.mark.parametrize("subject", [EXPECTED, AlertReference(WORKSPACE, GUID), DefenderReference("3177")])
def test_what_was_written_is_read(subject: object) -> None:
    """Encoding and decoding keep everything."""
    message = TriageMessage(
        playbook="mailbox_export",
        subject=subject,  # type: ignore[arg-type]
        correlation_id=GUID,
        accepted_at=MESSAGE.accepted_at,
        delays=3,
    )

    assert message == decode(message.encode(), PATHS)


def test_a_message_that_a_tool_put_into_base64_is_read() -> None:
    """The queue takes plain text; a person's tool may have encoded it."""
    assert MESSAGE == decode(b64encode(MESSAGE.encode().encode()).decode(), PATHS)


def test_the_same_incident_has_the_same_operation_id() -> None:
    """Repeated requests about one incident can be told as one."""
    assert MESSAGE.operation_id == MESSAGE.later().operation_id


@pytest.mark.parametrize("text", ["", "x", "[]", '{"v": 99}', '{"v": 1}', '{"v":1,"playbook":"a"}'])
def test_a_message_that_is_not_ours_is_unreadable(text: str) -> None:
    """Another schema version included: an older app must not guess."""
    with pytest.raises(MessageUnreadable):
        decode(text, PATHS)


def test_a_forged_message_is_refused() -> None:
    """The ids are checked again in the worker: storage may be written by others."""
    with pytest.raises(RequestRefused, match="not in a workspace"):
        decode(MESSAGE.encode().replace("law-soc", "law-other"), PATHS)


def test_an_incident_id_is_rescued_from_a_newer_message() -> None:
    """The poison queue can still escalate what a newer version wrote."""
    newer = MESSAGE.encode().replace('"v": 1', '"v": 99')

    rescued = rescue(newer, PATHS, accepted_at=MESSAGE.accepted_at)

    assert MESSAGE == rescued
    assert rescue("x", PATHS, accepted_at=MESSAGE.accepted_at) is None
    assert rescue(newer.replace("law-soc", "law-other"), PATHS, accepted_at=MESSAGE.accepted_at) is None


@given(st.text(max_size=64))
def test_a_message_stays_far_below_the_queue_limit(text: str) -> None:
    """Under 4 KiB, whatever the correlation id holds."""
    message = TriageMessage(
        playbook="mailbox_export", subject=EXPECTED, correlation_id=text, accepted_at=MESSAGE.accepted_at
    )

    assert len(message.encode().encode()) < 4096
