"""An incident comment (HTML) as an analyst sees it, on a terminal."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

from rich import box
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

_STYLES = {"b": "bold", "strong": "bold", "th": "bold", "code": "cyan", "pre": "cyan"}
_NARROW = 3
_RATIOS = (10, 7, 22, 35, 26)
"""Shares of the five columns that tell what ran."""
_BLOCKS = frozenset({"p", "li", "td", "th", "pre"})


@dataclass(slots=True)
class _Block:
    """One paragraph, list item or table cell under way."""

    tag: str
    text: Text = field(default_factory=Text)


class _Reader(HTMLParser):
    """Turns the tags that comments use into paragraphs, lists and tables; other tags are passed over."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.shown: list[RenderableType] = []
        self._open: list[str] = []
        self._block: _Block | None = None
        self._rows: list[list[Text]] = []
        self._number = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Opens a block or a style; attributes mean nothing on a terminal."""
        del attrs
        if tag == "br":
            self.handle_data("\n", literal=True)
            return
        self._open.append(tag)
        if tag in _BLOCKS:
            self._block = _Block(tag)
        elif tag == "tr":
            self._rows.append([])
        elif tag == "table":
            self._rows = []
        elif tag in ("ol", "ul"):
            self._number = 0

    def handle_endtag(self, tag: str) -> None:
        """Closes what was opened, and shows a finished block or table."""
        if tag in self._open:
            del self._open[len(self._open) - 1 - self._open[::-1].index(tag) :]
        if tag == "table":
            self.shown.append(_table(self._rows))
        elif self._block is not None and tag == self._block.tag:
            self._finish(self._block)
            self._block = None

    def handle_data(self, data: str, *, literal: bool = False) -> None:
        """Text in the style of the innermost styled tag."""
        if self._block is None:
            return
        words = data if literal or "pre" in self._open else " ".join(data.split("\n"))
        style = next((_STYLES[tag] for tag in reversed(self._open) if tag in _STYLES), "")
        self._block.text.append(words, style=style)

    def _finish(self, block: _Block) -> None:
        if block.tag in ("td", "th"):
            if self._rows:
                self._rows[-1].append(block.text)
        elif block.tag == "li":
            self._number += 1
            mark = f"{self._number}. " if "ol" in self._open else "- "
            self.shown.append(Padding(Text(mark) + block.text, (0, 0, 0, 2)))
        else:
            if self.shown and block.text.spans and block.text.plain:
                self.shown.append(Text())
            self.shown.append(block.text)


def readable(comment: str) -> Iterator[RenderableType]:
    """The comment's paragraphs, lists and tables, in order, for a rich console."""
    reader = _Reader()
    reader.feed(comment)
    reader.close()
    yield from reader.shown


def main_reason(comment: str) -> str:
    """The words that say most: the first thing against closing or not checked, else why it may close."""
    texts = [str(_bare(shown)) for shown in readable(comment)]
    for heading in ("Against closing", "Not checked"):
        if heading in texts:
            return _without_code(texts[texts.index(heading) + 1])
    headline = texts[0].rpartition("\n")[2] if texts else ""
    return headline.partition(": ")[2] or headline


def _bare(shown: RenderableType) -> RenderableType:
    return shown.renderable if isinstance(shown, Padding) else shown


def _without_code(item: str) -> str:
    """A list item without its mark and its reason code at the end."""
    return item.removeprefix("- ").rpartition(" ")[0] or item


def _table(rows: list[list[Text]]) -> Table:
    columns = max((len(row) for row in rows), default=0)
    wide = columns > _NARROW
    table = Table(show_header=False, show_lines=wide, box=box.SQUARE if wide else box.SIMPLE, expand=wide)
    for number in range(columns):
        share = _RATIOS[number] if columns == len(_RATIOS) else None
        table.add_column(overflow="fold", ratio=share, min_width=share if number < _NARROW - 1 else None)
    for row in rows:
        table.add_row(*row)
    return table
