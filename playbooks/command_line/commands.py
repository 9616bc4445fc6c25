"""Read the command line of a process: what it exports, what it removes, and what else it does.

A text may raise suspicion and never lower it: what cannot be followed is flagged, and what is renamed,
encoded or nested is read as far as it goes. Nothing here decides what is benign.
"""

from functools import lru_cache
from itertools import pairwise

from playbooks.command_line.cmd_lines import read_cmd
from playbooks.command_line.command_gathering import Gathered
from playbooks.command_line.command_letters import control_letter, unseen_letters
from playbooks.command_line.command_values import CommandFlag, CommandLine, OtherCommand
from playbooks.command_line.hidden_base64 import hidden_texts
from playbooks.command_line.known_commands import is_bootstrap, is_usual_place, shell_of
from playbooks.command_line.powershell_reader import ScriptReader
from playbooks.command_line.powershell_switches import (
    decode_command,
    is_encoded_switch,
    read_switches,
    starts_command,
)
from playbooks.command_line.vocabulary import words
from playbooks.command_line.windows_arguments import SplitLine, split_arguments

LONGEST = 12_286
"""One and a half times what cmd.exe takes; the grammar needs up to 40 µs for a letter it cannot place."""
_NOUNS = ("mailboxexportrequest", "mailboximportrequest", "moverequest")
_QUIET_IN_CMD = words("cd chdir chcp cls date echo exit pause popd pushd rem set time timeout title ver")
_SEARCHERS = frozenset({"find", "findstr", "notepad"})


def read_command_line(text: str, *, process_name: str = "") -> CommandLine:
    """Read the command line of a process.

    `text` is the command line as logged, or the text of a cmdlet as Exchange logs it; `process_name` is
    the path of the program that ran, empty where the source does not say. Never raises; at most half a
    second for the longest text. Texts over `LONGEST` letters are cut and flagged.
    """
    return _read(text, process_name)


def base_name(path: str) -> str:
    """The file name of a program in lower case, without folder and `.exe`."""
    return path.replace("/", "\\").rpartition("\\")[2].lower().removesuffix(".exe").strip()


@lru_cache(maxsize=256)
def _read(text: str, process_name: str) -> CommandLine:
    gathered = Gathered()
    if not text.strip():
        gathered.flag(CommandFlag.CUT, "the command line is empty")
    if len(text) > LONGEST:
        gathered.flag(CommandFlag.CUT, f"the command line is longer than {LONGEST} letters")
    _look_at_letters(text[:LONGEST], gathered)
    _read_top(text[:LONGEST], process_name, gathered)
    _drain(gathered)
    _read_hidden(text[:LONGEST], gathered)
    return gathered.as_command_line(text, mentions=_mentions(text, *gathered.decoded))


def _read_top(text: str, process_name: str, gathered: Gathered) -> None:
    line = split_arguments(text)
    program = line.arguments[0] if line.arguments else ""
    named, called = shell_of(process_name), shell_of(program)
    if named or called:
        _look_at_place(process_name if named or process_name else program, gathered)
        _read_shell(named or called or "", line, gathered)
    if not called and _mentions(text):
        _read_unknown(text, line, process_name, gathered)
    elif not called and not named:
        _read_bystander(line, gathered)


def _read_bystander(line: SplitLine, gathered: Gathered) -> None:
    """A program that names none of our cmdlets: what it starts counts where it turns out to hold some."""
    trial = Gathered(letters=gathered.letters)
    _read_program(line, trial)
    _drain(trial)
    gathered.others.extend(trial.others)
    if trial.exports or trial.removals or _mentions(*trial.decoded):
        gathered.exports.extend(trial.exports)
        gathered.removals.extend(trial.removals)
        gathered.decoded.extend(trial.decoded)
        gathered.servers |= trial.servers
        gathered.raised |= trial.raised
        gathered.flag(CommandFlag.SCRIPT, line.arguments[0])


def _read_unknown(text: str, line: SplitLine, process_name: str, gathered: Gathered) -> None:
    """A text that names our cmdlets behind no known shell: a cmdlet's own text, or a renamed shell."""
    program = base_name(line.arguments[0])
    named = line.arguments[0].lower().endswith(".exe") or program == base_name(process_name)
    if _is_searcher(program, process_name, line.arguments):
        _read_program(line, gathered)
    elif named:
        gathered.flag(CommandFlag.SCRIPT, text)
        gathered.wait(line=f'"powershell" {line.rest}')
        _read_program(line, gathered)
    else:
        gathered.wait(script=text)
        _read_bystander(line, gathered)


def _is_searcher(program: str, process_name: str, arguments: tuple[str, ...]) -> bool:
    """True for a tool that looks for words in files: the system's own, or one that is given no command."""
    if program not in _SEARCHERS:
        return False
    own = base_name(process_name) == program and is_usual_place(process_name)
    return own or not (process_name or starts_command(arguments[1:]))


def _drain(gathered: Gathered) -> None:
    while gathered.waiting:
        waiting = gathered.waiting.popleft()
        gathered.depth = waiting.depth
        if waiting.script:
            if found := control_letter(waiting.script):
                gathered.flag(CommandFlag.UNPARSED, f"control character {found}")
            ScriptReader(waiting.script, gathered).read()
        else:
            _read_line(waiting.line, gathered)


def _read_line(text: str, gathered: Gathered) -> None:
    """A command line inside another one."""
    line = split_arguments(text)
    program = line.arguments[0] if line.arguments else ""
    shell = shell_of(program)
    if shell:
        _look_at_place(program, gathered)
        _read_shell(shell, line, gathered)
        return
    if program and base_name(program) not in _QUIET_IN_CMD:
        gathered.flag(CommandFlag.SCRIPT, text)
    _read_program(line, gathered)


def _read_shell(shell: str, line: SplitLine, gathered: Gathered) -> None:
    # For cmd.exe a backslash before a quote is a letter like any other.
    if line.rest.count('"') % 2 if shell == "cmd" else line.unterminated:
        gathered.flag(CommandFlag.CUT, "a quote is not closed")
    if shell == "cmd":
        _read_cmd(line.rest, gathered)
        return
    if line.doubled_quotes:
        gathered.flag(CommandFlag.UNPARSED, "programs differ in how they read doubled quotes")
    _read_powershell(shell, line.arguments[1:], gathered)


def _read_cmd(rest: str, gathered: Gathered) -> None:
    found = read_cmd(rest)
    for doubt in found.doubts:
        gathered.flag(CommandFlag.UNPARSED, doubt)
    for command in found.commands:
        gathered.wait(line=command)


def _read_powershell(shell: str, arguments: tuple[str, ...], gathered: Gathered) -> None:
    start = read_switches(arguments, file_first=shell != "powershell")
    for encoded in start.encoded:
        _read_encoded(encoded, gathered)
    if start.encoded_arguments:
        gathered.flag(CommandFlag.ENCODED, "-EncodedArguments")
    if start.from_input:
        gathered.flag(CommandFlag.UNPARSED, "the commands come from standard input")
    for name in [*start.console_files, *start.configurations]:
        if not is_bootstrap(name):
            gathered.flag(CommandFlag.SCRIPT, name)
    if start.file:
        gathered.others.append(OtherCommand(name=start.file[0].lower(), arguments=start.file[1:]))
        if not is_bootstrap(start.file[0]):
            gathered.flag(CommandFlag.SCRIPT, " ".join(start.file))
    if start.command is not None:
        gathered.wait(script=start.command)


def _read_encoded(encoded: str, gathered: Gathered) -> None:
    script = decode_command(encoded)
    gathered.flag(CommandFlag.ENCODED, f"-EncodedCommand {encoded[:40]}")
    if script is None:
        gathered.flag(CommandFlag.UNPARSED, "the encoded command cannot be decoded")
        return
    gathered.decoded.append(script)
    _look_at_letters(script, gathered)
    gathered.wait(script=script)


def _read_hidden(text: str, gathered: Gathered) -> None:
    """Base64 that no switch hands over counts where our cmdlets are in it: something will decode it."""
    pending = [text, *gathered.decoded]
    while pending:
        for script in hidden_texts(pending.pop()):
            if _mentions(script) and not any(script in known for known in gathered.decoded):
                gathered.flag(CommandFlag.ENCODED, f"base64 that names a cmdlet: {script[:40]}")
                gathered.decoded.append(script)
                pending.append(script)
                _look_at_letters(script, gathered)
                gathered.wait(script=script)
    _drain(gathered)


def _read_program(line: SplitLine, gathered: Gathered) -> None:
    """A program that is no shell: note it, and read a shell that stands in its arguments."""
    arguments = line.arguments
    if not arguments:
        return
    gathered.others.append(
        OtherCommand(name=base_name(arguments[0]), arguments=arguments[1:], text=" ".join(arguments))
    )
    for place, argument in enumerate(arguments[1:], start=1):
        if shell := shell_of(argument):
            rest = SplitLine(arguments=arguments[place:], rest=" ".join(arguments[place + 1 :]))
            _read_shell(shell, rest, gathered)
            return
        if shell_of(argument.split(" ", 1)[0]):
            gathered.wait(line=argument)
    for switch, encoded in pairwise(arguments[1:]):
        if is_encoded_switch(switch) and _is_hidden_text(encoded):
            gathered.flag(CommandFlag.SCRIPT, arguments[0])
            _read_encoded(encoded, gathered)


def _is_hidden_text(encoded: str) -> bool:
    """True for base64 that decodes to text of mostly plain letters, as a renamed PowerShell would run."""
    script = decode_command(encoded) if len(encoded) >= 16 else None
    return script is not None and sum(letter.isascii() for letter in script) * 2 > len(script)


def _look_at_place(path: str, gathered: Gathered) -> None:
    if not is_usual_place(path):
        gathered.flag(CommandFlag.SCRIPT, f"a shell in an unusual place: {path}")


def _look_at_letters(text: str, gathered: Gathered) -> None:
    if found := unseen_letters(text):
        gathered.flag(CommandFlag.LOOKALIKE, f"unseen letter {found}")


def _mentions(*texts: str) -> bool:
    return any(noun in plain for plain in map(_plain, texts) for noun in _NOUNS)


def _plain(text: str) -> str:
    return text.translate(_LEFT_OUT).lower()


_LEFT_OUT = str.maketrans("", "", "`^\"'")
