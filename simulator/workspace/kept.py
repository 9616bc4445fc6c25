"""What is made of a document's parts, made anew only where a part is another one than before.

A run has one organisation in nearly every case, and making its directory takes longer than all that a case
asks of it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

_MOST = 4


class KeptParts[T]:
    """`make` is given a document and reads the members `names` alone; what it makes is never changed.

    A part that is the very same object as before counts as unchanged, so parts must not be edited in place.
    The last few that were made are kept.
    """

    def __init__(self, make: Callable[[Mapping[str, Any]], T], names: Sequence[str]) -> None:
        self._make = make
        self._names = names
        self._made: list[tuple[list[object], T]] = []

    def of(self, document: Mapping[str, Any]) -> T:
        """What was made of the document's parts, or is now. Raises what `make` raises."""
        parts = [document.get(name) for name in self._names]
        for place, (earlier, made) in enumerate(self._made):
            if all(part is before for part, before in zip(parts, earlier, strict=True)):
                self._made.insert(0, self._made.pop(place))
                return made
        made = self._make(document)
        self._made = [(parts, made), *self._made[: _MOST - 1]]
        return made
