"""Which formats of `Get-Date` give a text that can only be a plain part of one file name.

.NET custom date and time formats, and the `-UFormat` table of Get-Date (Microsoft Learn). A format may
carry any literal text, so anything that could be a separator, a drive or a step upwards is refused.
"""

_CUSTOM_LETTERS = frozenset("yMdHhmsft")
_OF_FILES = frozenset({"filedate", "filedatetime", "filedateuniversal", "filedatetimeuniversal"})
_BETWEEN = frozenset("-_.0123456789 ")
_UNIX_LETTERS = frozenset("YyGgmdeHIjMSBbhaAuUVWwCs")


def is_plain_custom_format(text: str) -> bool:
    """True for a .NET custom format of digits and names, for example `yyyy-MM-dd`.

    Get-Date's own formats for file names (`FileDate`, `FileDateTimeUniversal`, …) give digits, T and Z;
    anywhere else their letters are a custom format without separators. One letter alone is a standard
    format, whose text depends on the culture (`d` has slashes). The zone (`z`, `K`) may hold a colon, and
    the era (`g`) is of no use in a file name.
    """
    if text.lower() in _OF_FILES:
        return True
    letters = frozenset(text)
    if len(text) < 2 or ".." in text:
        return False
    return letters <= _CUSTOM_LETTERS | _BETWEEN and bool(letters & _CUSTOM_LETTERS)


def is_plain_unix_format(text: str) -> bool:
    """True for a `-UFormat` of digits and names, for example `%Y%m%d`; `%D` and `%T` hold separators."""
    pieces = text.replace(" ", "_").split("%")
    if len(pieces) < 2 or ".." in text:
        return False
    return frozenset(pieces[0]) <= _BETWEEN and all(_is_plain_piece(piece) for piece in pieces[1:])


def _is_plain_piece(piece: str) -> bool:
    return piece[:1] in _UNIX_LETTERS and piece != "" and frozenset(piece[1:]) <= _BETWEEN
