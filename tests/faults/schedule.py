"""What happens in one run, as a line of text that can be run again."""

from dataclasses import dataclass, fields, replace
from typing import Self

FLAGS = ("early", "echo", "unnotified", "by_alert", "observe", "wire", "portal")
"""Flags of a schedule: the incident is new and its window open; our own writes are handed over as updates;
alerts that join are not handed over; an alert and not an incident is posted; observe mode; over HTTP; in the
Defender portal."""


@dataclass(frozen=True, slots=True, order=True)
class Strike:
    """What happens at one step (from 1): a fault of the call, or something that others do just before it."""

    step: int
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """One run. `down` names calls that never answer.

    `minutes` says for how long (0: for ever), `how` in which way, `posts` how often it is handed over.
    """

    world: str
    strikes: tuple[Strike, ...] = ()
    down: str = ""
    how: str = "unavailable"
    minutes: int = 0
    posts: int = 1
    flags: frozenset[str] = frozenset()

    def __str__(self) -> str:
        plain = {field.name: field.default for field in fields(self)}
        named = ("world", "down", "how", "minutes", "posts")
        told = [f"{name}={getattr(self, name)}" for name in named if getattr(self, name) != plain[name]]
        return " ".join([*told, *sorted(self.flags), *(f"{one.step}:{one.kind}" for one in self.strikes)])

    @classmethod
    def parse(cls, text: str) -> Self:
        """The schedule of such a line. Raises ValueError for a word that is none."""
        made = cls(world="scheduled")
        for word in text.split():
            name, equals, value = word.partition("=")
            step, colon, kind = word.partition(":")
            if equals and name in {"world", "down", "how"}:
                made = replace(made, **{name: value})
            elif equals and name in {"minutes", "posts"}:
                made = replace(made, **{name: int(value)})
            elif colon and step.isdigit():
                made = replace(made, strikes=(*made.strikes, Strike(int(step), kind)))
            elif word in FLAGS:
                made = replace(made, flags=made.flags | {word})
            else:
                raise ValueError(f"{word!r} is no part of a schedule")
        return made
