"""Lists that are asked often for the few items with a given text: users by name, assignments by principal."""

from collections.abc import Iterator
from typing import Any

from simulator.workspace.odata import AnyOf, Comparison, Filter, Junction, Membership
from simulator.workspace.odata_matching import matcher, reader
from simulator.workspace.wire import Json


class Items(list[Json]):
    """Items that do not change any more; for each path that is asked for, where each text is."""

    def __init__(self, items: Iterator[Json]) -> None:
        super().__init__(items)
        self._places: dict[str, dict[str, set[int]]] = {}

    def meeting(self, condition: Filter) -> list[Json]:
        """The items that meet the condition, in their order."""
        places = self._candidates(condition)
        some = self if places is None else [self[place] for place in sorted(places)]
        return list(filter(matcher(condition), some))

    def _candidates(self, condition: Filter) -> set[int] | None:
        """Where items may meet the condition; None for anywhere."""
        match condition:
            case Comparison(path, "eq", str(text)):
                return self._holding(path, text)
            case Membership(path, texts):
                return self._joined([Comparison(path, "eq", text) for text in texts])
            case AnyOf(path, variable, Comparison(read, "eq", str(text))) if read == variable:
                return self._holding(path, text)
            case Junction("or", parts):
                return self._joined(parts)
            case Junction("and", parts):
                return next((found for part in parts if (found := self._candidates(part)) is not None), None)
        return None

    def _joined(self, parts: tuple[Filter, ...] | list[Comparison]) -> set[int] | None:
        found: set[int] = set()
        for part in parts:
            places = self._candidates(part)
            if places is None:
                return None
            found |= places
        return found

    def _holding(self, path: str, text: str) -> set[int]:
        """Where the value at the path is that text, or a list with it, without regard to case."""
        if path not in self._places:
            self._places[path] = self._indexed(path)
        return self._places[path].get(text.casefold(), set())

    def _indexed(self, path: str) -> dict[str, set[int]]:
        value, places = reader(path), dict[str, set[int]]()
        for place, item in enumerate(self):
            for text in _texts(value(item)):
                places.setdefault(text.casefold(), set()).add(place)
        return places


def _texts(value: Any) -> Iterator[str]:
    values = value if isinstance(value, list) else [value]
    return (text for text in values if isinstance(text, str))
