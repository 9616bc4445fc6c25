"""The Functions host's queue rules on a clock of our own: leases, delivery counts, delays, poison.

As azure-functions' Storage Queues extension does it (see `simulator.host.listener`) with the numbers of
host.json: a failed message comes back after three minutes, after the fifth failure it moves to the poison
queue, what a killed process held comes back after its lease, and what fails on the poison queue stays
hidden for its lease and is delivered five times at most.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

RETRY = timedelta(minutes=3)
LEASE = timedelta(minutes=10)
MOST_DELIVERIES = 5


@dataclass(slots=True, kw_only=True)
class Message:
    """One message: when it is seen next, how often it was handed out, and on which queue it is."""

    number: int
    text: str
    visible: datetime
    count: int = 0
    poison: bool = False


@dataclass(slots=True)
class HostQueue:
    """The main queue and its poison queue."""

    messages: list[Message] = field(default_factory=list)
    sent: int = 0

    def put(self, text: str, *, visible: datetime) -> None:
        """A new message on the main queue."""
        self.sent += 1
        self.messages.append(Message(number=self.sent, text=text, visible=visible))

    def next(self) -> Message | None:
        """The message that is seen first; None where nothing would be delivered any more."""
        live = [one for one in self.messages if not (one.poison and one.count >= MOST_DELIVERIES)]
        return min(live, key=lambda one: (one.visible, one.number), default=None)

    def lease(self, message: Message, now: datetime) -> bool:
        """Hands the message out; False where it went to the poison queue instead."""
        message.count += 1
        if message.count > MOST_DELIVERIES and not message.poison:
            self._to_poison(message, now)
            return False
        message.visible = now + LEASE
        return True

    def done(self, message: Message) -> None:
        """The function returned."""
        self.messages.remove(message)

    def failed(self, message: Message, now: datetime) -> None:
        """The function raised."""
        if message.poison:
            return
        if message.count >= MOST_DELIVERIES:
            self._to_poison(message, now)
        else:
            message.visible = now + RETRY

    def _to_poison(self, message: Message, now: datetime) -> None:
        message.poison, message.count, message.visible = True, 0, now
