"""Letters that make a command look like what it is not, and letters that PowerShell reads as others.

PowerShell takes typographic quotes and dashes for the plain ones, and every Unicode blank for a blank
(about_Quoting_Rules and about_Special_Characters, Microsoft Learn). The parser is given the plain
letters, one for one, so that places in the text stay the same; values are cut from the text as it was.
"""

import unicodedata

SINGLE_QUOTES = "'\u2018\u2019\u201a\u201b"
DOUBLE_QUOTES = '"\u201c\u201d\u201e'
DASHES = "-\u2013\u2014\u2015"
_BLANKS = "\v\f\u0085\u00a0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
_PLAIN = str.maketrans(
    dict.fromkeys(SINGLE_QUOTES[1:], "'")
    | dict.fromkeys(DOUBLE_QUOTES[1:], '"')
    | dict.fromkeys(DASHES[1:], "-")
    | dict.fromkeys(_BLANKS, " ")
)
_LAYOUT = "\t\r\n"
_UNSEEN = frozenset({"Cf", "Co", "Cs", "Cn"})
_FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\u2800")


def as_powershell_reads(text: str) -> str:
    """The same text, letter for letter, in the plain quotes, dashes, blanks and line ends of the grammar."""
    if text.isascii() and "\r" not in text and "\v" not in text and "\f" not in text:
        return text
    # A carriage return alone ends a line, and with it a comment.
    return text.translate(_PLAIN).replace("\r\n", "\0\n").replace("\r", "\n").replace("\0\n", "\r\n")


def unseen_letters(text: str) -> str:
    """Name the first zero-width, bidi or other letter that is not drawn, or return an empty text."""
    if text.isascii():
        return ""
    for letter in text:
        if letter in _FILLERS or unicodedata.category(letter) in _UNSEEN:
            return f"U+{ord(letter):04X} {unicodedata.name(letter, 'without a name').lower()}"
    return ""


def control_letter(text: str) -> str:
    """Name the first control character that is no blank and no line end, or return an empty text."""
    for letter in text:
        if (letter < " " and letter not in _LAYOUT) or "\x7f" <= letter < "\xa0":
            return f"U+{ord(letter):04X}"
    return ""


def foreign_letter(text: str) -> str:
    """Name the first letter outside ASCII, or return an empty text.

    A name in a command is compared with names in a register, so an umlaut is reported like a Cyrillic
    look-alike: nobody can tell from the text which of the two was meant.
    """
    if text.isascii():
        return ""
    letter = next(letter for letter in text if letter > "\x7f")
    return f"U+{ord(letter):04X} {unicodedata.name(letter, 'without a name').lower()}"
