"""The answer to a question put to a source: found, absent, or could not look."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Found[T]:
    """We looked, and the whole answer is `value`."""

    value: T


@dataclass(frozen=True, slots=True)
class Absent:
    """We looked, the answer was whole, and it is not there."""

    source: str


@dataclass(frozen=True, slots=True)
class Unavailable:
    """We could not look, or the answer was not whole. Never "no", never an empty list.

    `cause` is one plain sentence for the analyst; `lasting` says that a repeat cannot cure it
    (a missing permission, an ambiguous account).
    """

    source: str
    cause: str
    lasting: bool = False


type Lookup[T] = Found[T] | Absent | Unavailable
