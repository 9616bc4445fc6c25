"""The queue of accepted incidents, and the one of those whose every attempt failed."""

from dataclasses import replace
from datetime import datetime, timedelta

from playbooks.health.troubles import Check, Trouble
from playbooks.model import Absent, Lookup, QueueState, Unavailable

SERVICE = "queue"
LONGEST_WAIT = timedelta(minutes=30)


def queue_check(name: str, answer: Lookup[QueueState], *, at: datetime) -> Check:
    """Whether the trigger queue is there and worked on. `at` is the time of asking (UTC)."""
    bare = Check(subject=f"Queue {name}", service=SERVICE)
    match answer:
        case Absent():
            return replace(bare, troubles=(_missing(name, "nothing is accepted (503 queue_unavailable)"),))
        case Unavailable(cause=cause):
            return replace(bare, unseen=cause)
    state = answer.value
    waits = at - state.oldest if state.oldest else timedelta()
    words = f"{state.messages} message{'s' * (state.messages != 1)}"
    return replace(bare, words=words, troubles=(_stuck(name, state, waits),) if waits > LONGEST_WAIT else ())


def poison_check(name: str, answer: Lookup[QueueState]) -> Check:
    """Whether the poison queue is there and empty."""
    bare = Check(subject=f"Queue {name}", service=SERVICE)
    match answer:
        case Absent():
            why = "a message whose attempts all failed has no place to go, and its incident is not escalated"
            return replace(bare, troubles=(_missing(name, why),))
        case Unavailable(cause=cause):
            return replace(bare, unseen=cause)
    state = answer.value
    return replace(bare, words="empty", troubles=(_poison(name, state),) if state.messages else ())


def _missing(name: str, why: str) -> Trouble:
    return Trouble(
        code="queue_missing",
        what=f"the storage account has no queue {name}",
        why=why,
        fix=f"az storage queue create --name {name} --account-name STORAGE --auth-mode login",
    )


def _stuck(name: str, state: QueueState, waits: timedelta) -> Trouble:
    return Trouble(
        code="queue_stuck",
        what=f"the oldest message of the queue {name} has waited for {waits // timedelta(minutes=1)} minutes "
        f"({state.messages} in all)",
        why="the function takes no messages: incidents are accepted and not judged",
        fix="az functionapp start --resource-group RG --name APP; if it runs, see its log stream, and "
        "whether the "
        "queue trigger is disabled (AzureWebJobs.triage.Disabled)",
    )


def _poison(name: str, state: QueueState) -> Trouble:
    return Trouble(
        code="poison_waiting",
        what=f"{state.messages} message{'s wait' if state.messages != 1 else ' waits'} in the queue {name}",
        why="every attempt at those incidents failed, and they could not be escalated either so far",
        fix="mend what else is reported here; they are tried again by themselves. The log names each: "
        "AppTraces | "
        'where Message has "poison" (docs/operate.md, Alarms). To see one: az storage message peek '
        f"--queue-name {name} --account-name STORAGE --auth-mode login",
    )
