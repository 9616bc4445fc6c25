"""What holds for every command line, not only for those somebody thought of."""

import string

from hypothesis import example, given, settings
from hypothesis import strategies as st

from playbooks.command_line.commands import read_command_line
from playbooks.command_line.nearby import nearby_flags
from playbooks.command_line.vocabulary import words
from playbooks.command_line.windows_arguments import split_arguments

CMDLETS = words(
    "New-MailboxExportRequest Remove-MailboxExportRequest Get-Mailbox -Mailbox -FilePath $_.Alias"
)
SIGNS = words('a | ; & %{ { } ( ) $( @{ @( \' " ` $x = + -f foreach if :: . [ ] # <# \\ \\" ^ %x% -c /c')
ODD = (
    "cmd ",
    "powershell -enc ",
    " ",
    "\n",
    "\r",
    "\u2019",
    "\u2013",
    "\u200b",
    "\ud800",
    "\x00",
    "\U0001f600",
)
PIECES = st.sampled_from([*sorted(CMDLETS), *sorted(SIGNS), *ODD, "@'\n"])
TEXTS = st.lists(PIECES, max_size=30).map("".join) | st.text(max_size=60)
VALUES = st.text(
    string.ascii_letters + string.digits + " $`'\"\\{}()[];|&#@,.-_%!~^=+", min_size=1, max_size=20
)
WORDS = st.text(string.ascii_letters, min_size=1, max_size=10)
NAME = "New-MailboxExportRequest"


def target_of(script: str) -> str | None:
    """The literal target of the one export in a script that Exchange's log would hold."""
    (export,) = read_command_line(script).exports
    return export.target.literal if export.target else None


@given(text=TEXTS, program=st.sampled_from(["", "powershell.exe", "cmd.exe", "w3wp.exe"]))
@settings(max_examples=400, deadline=None)
@example(text="$p=@{a=", program="powershell.exe")
def test_no_text_raises(text: str, program: str) -> None:
    """Whatever stands there, there is an answer."""
    assert text == read_command_line(text, process_name=program).text
    nearby_flags(text, process_name=program)


@given(value=VALUES)
@settings(max_examples=200, deadline=None)
def test_a_quoted_literal_reads_back_as_it_was(value: str) -> None:
    """Single quotes, double quotes and a here-string; the grammar trips over `#` behind an escape."""
    single = value.replace("'", "''")
    double = "".join(f"`{letter}" if letter in '`$"' else letter for letter in value)

    assert value == target_of(f"{NAME} a -FilePath '{single}'")
    assert target_of(f'{NAME} a -FilePath "{double}"') in {value, None if "#" in value else value}
    assert value == target_of(f"{NAME} a -FilePath @'\n{value}\n'@")


@given(value=VALUES)
@settings(max_examples=200, deadline=None)
def test_a_bare_word_is_either_read_right_or_left_open(value: str) -> None:
    """Without quotes a letter may end the word: then the value is no literal, or the text is flagged."""
    line = read_command_line(f"{NAME} a -FilePath x{value}")
    found = {export.target.literal for export in line.exports if export.target}

    assert line.flags or found <= {None, f"x{value}", f"x{value}".rstrip(), *_ends(value)}


def _ends(value: str) -> set[str]:
    """A statement, a comment or a pipeline may follow the word; escaped letters stand for themselves."""
    word = f"x{value}".replace("`", "")
    return {word[:place] for place, letter in enumerate(word) if letter in " ;|"} | {word}


@given(mailbox=WORDS, folder=WORDS)
@settings(max_examples=100, deadline=None)
def test_wrapping_in_shells_changes_nothing(mailbox: str, folder: str) -> None:
    """Both cmd /c and powershell -Command hand the text on."""
    target = f"'\\\\f\\{folder}$\\a.pst'"
    script = f"{NAME} -Mailbox {mailbox} -FilePath {target}; Remove-MailboxExportRequest {mailbox}"
    plain = read_command_line(script)

    for wrapped in (f'powershell -Command "{script}"', f'cmd.exe /c powershell -Command "{script}"'):
        line = read_command_line(wrapped)
        assert (plain.exports, plain.removals, plain.flags) == (line.exports, line.removals, line.flags)


@given(place=st.integers(min_value=1, max_value=len(NAME) - 1))
@settings(deadline=None)
def test_a_backtick_in_the_name_never_hides_the_export(place: int) -> None:
    """The export is there, and the text is flagged."""
    line = read_command_line(f'powershell -c "{NAME[:place]}`{NAME[place:]} a -FilePath x"')

    assert 1 == len(line.exports)
    assert line.flags


@given(upper=st.lists(st.booleans(), min_size=80, max_size=80))
@settings(max_examples=100, deadline=None)
def test_the_case_of_letters_never_matters(upper: list[bool]) -> None:
    """Cmdlets, parameters and switches are the same in any case."""
    text = f"powershell -Command {NAME} -Mailbox a -FilePath x -BatchName J"
    mixed = "".join(letter.upper() if up else letter.lower() for letter, up in zip(text, upper, strict=False))
    (export,) = read_command_line(mixed).exports

    assert frozenset({"Mailbox", "FilePath", "BatchName"}) == export.parameters
    assert export.target
    assert "x" == (export.target.literal or "").lower()


@given(arguments=st.lists(st.text(string.ascii_letters + ' \\"$-', max_size=12), max_size=5))
@settings(max_examples=200, deadline=None)
def test_arguments_quoted_the_windows_way_read_back(arguments: list[str]) -> None:
    """The inverse of the C runtime's rules gives the same arguments."""
    line = " ".join(["x.exe", *map(_quoted, arguments)])

    assert ("x.exe", *arguments) == split_arguments(line).arguments


def _quoted(argument: str) -> str:
    quoted = '"'
    for letter in argument:
        if letter == '"':
            # Backslashes before a quote count double, and one more escapes the quote.
            quoted += "\\" * (len(quoted) - len(quoted.rstrip("\\")) + 1)
        quoted += letter
    return quoted + "\\" * (len(quoted) - len(quoted.rstrip("\\"))) + '"'
