"""Take a text for `cmd.exe` apart into the commands it starts.

Rules: `cmd /?` (the two ways in which quotes behind /c are kept), and the operators `&`, `&&`, `||`,
`|`, the caret and redirections. A quote is a quote for cmd.exe whatever backslash stands before it.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class CmdText:
    """The commands in order, and why the text may mean more than its letters."""

    commands: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def read_cmd(text: str) -> CmdText:
    """Take apart what stands behind `/c`, `/k` or `/r`, given the text behind the program's name.

    A prompt without a command gives nothing.
    """
    rest, delayed = _behind_switch(text)
    if rest is None:
        return CmdText()
    pieces, escaped = _split(_without_outer_quotes(rest))
    doubts = []
    if rest.count("%") > 1:
        doubts.append("cmd.exe replaces the text between two percent signs")
    if escaped:
        doubts.append("a caret escapes a letter for cmd.exe")
    if delayed and "!" in rest:
        doubts.append("cmd.exe replaces the text between two exclamation marks")
    return CmdText(commands=tuple(piece for piece in pieces if piece), doubts=tuple(doubts))


def _behind_switch(text: str) -> tuple[str | None, bool]:
    """The text behind the switch, and whether `/v` stands before it; a switch may touch what follows."""
    lowered = text.lower()
    places = [place for switch in ("/c", "/k", "/r") if (place := lowered.find(switch)) >= 0]
    if not places:
        return None, False
    place = min(places)
    return text[place + 2 :].strip(), "/v" in lowered[:place]


def _without_outer_quotes(text: str) -> str:
    last = text.rfind('"')
    if not text.startswith('"') or last == 0:
        return text
    if text.count('"') == 2 and not text.endswith('"'):
        return text
    return text[1:last] + text[last + 1 :]


@dataclass(slots=True)
class _Splitter:
    """Where the splitter stands, and the pieces so far."""

    text: str
    at: int = 0
    quoted: bool = False
    escaped: bool = False
    depth: int = 0
    pieces: list[list[str]] = field(default_factory=lambda: [[]])

    def step(self) -> None:
        """Take one letter, or one redirection."""
        letter = self.text[self.at]
        if self.quoted or letter not in "^<>&|()\n":
            self.quoted ^= letter == '"'
            self.pieces[-1].append(letter)
        elif letter == "^":
            self.escaped = True
            self.at += 1
            self.pieces[-1].append(self.text[self.at : self.at + 1])
        elif letter in "<>":
            self.pass_redirection()
        elif letter in "()":
            self.bracket(letter)
        else:
            self.pieces.append([])
        self.at += 1

    def bracket(self, letter: str) -> None:
        """A bracket groups commands only where a command begins or a group is open."""
        opens = letter == "(" and not "".join(self.pieces[-1]).strip()
        if not opens and not (letter == ")" and self.depth):
            self.pieces[-1].append(letter)
            return
        self.depth += 1 if opens else -1
        self.pieces.append([])

    def pass_redirection(self) -> None:
        """Leave out an operator, the handle before it and the file behind it."""
        if self.pieces[-1] and self.pieces[-1][-1].isdigit():
            self.pieces[-1].pop()
        while self.text[self.at + 1 : self.at + 2] in ("<", ">", "&", " "):
            self.at += 1
        quoted = False
        while self.at + 1 < len(self.text) and (quoted or self.text[self.at + 1] not in " &|<>"):
            self.at += 1
            quoted ^= self.text[self.at] == '"'


def _split(text: str) -> tuple[list[str], bool]:
    splitter = _Splitter(text)
    while splitter.at < len(text):
        splitter.step()
    return ["".join(piece).strip().lstrip("@") for piece in splitter.pieces], splitter.escaped
