"""Where the grammar and PowerShell may disagree about where a string, a comment or a word ends.

Such a place could hide a command from the tree. The rules here are PowerShell's (about_Parsing,
about_Quoting_Rules, about_Comments, Microsoft Learn); they are checked on the plain text that the
grammar was given, and anything in doubt is told.
"""

import re
from itertools import pairwise

from tree_sitter import Node

from playbooks.command_line.vocabulary import words

_EXPANDABLE = frozenset({"expandable_string_literal", "expandable_here_string_literal"})
_VERBATIM = frozenset({"verbatim_string_characters", "verbatim_here_string_characters"})
_WORDS = frozenset({"generic_token", "command_name", "path_command_name_token"})
STRINGS = _EXPANDABLE | _VERBATIM
"""The nodes whose letters are no tokens of their own."""
TOKENS = STRINGS | _WORDS | {"comment"}
"""The nodes that `token_doubt` looks at."""

_INSIDE_STRINGS = frozenset({"variable", "sub_expression"})
_NEVER_IN_WORDS = frozenset("\"'(){};,|&<> \t\r\n")
_BEFORE_COMMENTS = frozenset(" \t\r\n;{(|")
_ASKING_FOR_MORE = ("|", ",", "=", "+", "&", "`", "\\", "-")
_LIST_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.@-]*")
_STREAMS = words("1>$null 2>$null 3>$null 4>$null 5>$null 6>$null *>$null")


def seems_cut(text: str) -> bool:
    """True where a text ends inside a quote or a bracket, or on a word that asks for more.

    The grammar also fails on whole commands that PowerShell takes (`Format-Table Name, Mount`); those
    are not cut.
    """
    if text.rstrip().endswith(_ASKING_FOR_MORE):
        return True
    quote, depth = "", 0
    escaped = False
    for letter in text:
        if escaped:
            escaped = False
        elif letter == "`" and quote != "'":
            escaped = True
        elif quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        else:
            depth += (letter in "([{") - (letter in ")]}")
    return bool(quote) or depth > 0


def is_list_word(text: str) -> bool:
    """True for a word that is nothing but text in a bare list (`a,b`): no number, variable or comment."""
    return _LIST_WORD.fullmatch(text) is not None


def token_doubt(node: Node, plain: bytes) -> str:
    """What makes the end of a token doubtful, or an empty text; `plain` is the parsed text in UTF-16LE."""
    text = _cut(plain, node.start_byte, node.end_byte)
    if node.type in _WORDS:
        escapes = (len(text) - len(text.rstrip("`"))) % 2
        split = _NEVER_IN_WORDS.intersection(text) and text.lower() not in _STREAMS
        return f"the word '{text[:60]}' may end elsewhere" if split or escapes else ""
    if node.type == "comment":
        return _comment_doubt(text, _cut(plain, max(0, node.start_byte - 2), node.start_byte))
    if "here" in node.type:
        fits = _is_here_string(text) and _holds_only_expressions(node)
    elif node.type in _VERBATIM:
        fits = "'" not in text[1:-1].replace("''", "")
    else:
        fits = _holds_only_expressions(node) and all(map(_has_no_quote, _pieces(node, plain)))
    return "" if fits else f"the string {text[:60]} may end elsewhere"


def _comment_doubt(text: str, before: str) -> str:
    if before and before not in _BEFORE_COMMENTS:
        return f"'{text[:60]}' may be no comment"
    return f"{text[:60]} asks for more to be loaded" if text.lower().startswith("#requires") else ""


def _is_here_string(text: str) -> bool:
    """The lines stand between `@"` at the end of a line and the first `"@` at the beginning of one."""
    head, _, rest = text[2:].partition("\n")
    end = f"\n{text[1]}@"
    return not head.strip() and f"\n{rest}".find(end) == len(rest) + 1 - len(end)


def _holds_only_expressions(node: Node) -> bool:
    return all(child.type in _INSIDE_STRINGS for child in node.named_children)


def _pieces(node: Node, plain: bytes) -> list[str]:
    """The text of a string between its quotes and around the expressions in it."""
    ends = [node.start_byte + 2]
    for child in node.named_children:
        ends += [child.start_byte, child.end_byte]
    ends.append(node.end_byte - 2)
    return [_cut(plain, start, end) for start, end in list(pairwise(ends))[::2]]


def _has_no_quote(piece: str) -> bool:
    """True where every quote is doubled or escaped."""
    at = 0
    while at < len(piece):
        if piece[at] == '"' and piece[at + 1 : at + 2] != '"':
            return False
        at += 2 if piece[at] in '`"' else 1
    return True


def _cut(plain: bytes, start: int, end: int) -> str:
    return plain[start:end].decode("utf-16-le", errors="surrogatepass")
