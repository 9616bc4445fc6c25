"""A register: there, with its columns, its rows readable, in force for a while yet, and in use."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from difflib import get_close_matches

from playbooks.health.troubles import Check, Trouble
from playbooks.model import Absent, Found, Lookup, Policy, Unavailable, WatchlistItem
from playbooks.ports import EMPTY_WATCHLIST, Register, RegisterRow

SERVICE = "Microsoft Sentinel"
SOON = timedelta(days=30)
MOST_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterLook:
    """A register of `playbook`, what the watchlist service answered, and how often rows were seen at work.

    `seen` counts commands by the words that a row's commands hold, over the `days` before `at` (UTC).
    """

    playbook: str
    register: Register
    items: Lookup[tuple[WatchlistItem, ...]]
    policy: Policy
    at: datetime
    days: int = 0
    seen: Mapping[tuple[str, ...], int] = field(default_factory=dict)

    def rows(self) -> tuple[RegisterRow, ...]:
        """The rows as the playbook reads them; none where there is no whole answer."""
        return self.register.read(self.items.value, self.policy) if isinstance(self.items, Found) else ()


def register_check(look: RegisterLook, *, place: str) -> Check:
    """What is wrong with one register."""
    register = look.register
    bare = Check(subject=f"Watchlist {register.alias}", service=SERVICE, place=place)
    match look.items:
        case Absent() if register.ours:
            return replace(bare, troubles=(_missing(look),))
        case Absent():
            return replace(bare, words="not there, and need not be")
        case Unavailable(cause=cause) if cause.endswith(EMPTY_WATCHLIST):
            return replace(bare, troubles=(_empty(register),))
        case Unavailable(cause=cause):
            return replace(bare, unseen=cause)
        case Found(items):
            troubles = tuple(_row_troubles(look, _columns(items)))
            return replace(bare, words=f"{len(items)} row{'s' * (len(items) != 1)}", troubles=troubles)


def asked_commands(looks: Iterable[RegisterLook]) -> tuple[tuple[str, ...], ...]:
    """The words to count in the logs, each once: those of rows that have been in force for all the days."""
    wanted = {row.commands for look in looks for row in look.rows() if _is_settled(row, look)}
    return tuple(sorted(wanted))


def _row_troubles(look: RegisterLook, present: frozenset[str]) -> Iterator[Trouble]:
    register, rows = look.register, look.rows()
    missing = _missing_columns(register, present, rows)
    if missing:
        yield _misspelt(register, missing, present)
    left = [(row, _others(row.problems, missing)) for row in rows]
    if unread := [f"{row.key or '(no key)'}: {'; '.join(problems)}" for row, problems in left if problems]:
        yield _unreadable(look, unread)
    usable = [row for row in rows if not row.problems and not row.retired]
    ends = [(row, row.valid_until) for row in usable if row.valid_until is not None]
    if over := [f"{row.key} ({end:%Y-%m-%d})" for row, end in ends if end < look.at]:
        yield _expired(register, over)
    if soon := [f"{row.key} ({end:%Y-%m-%d})" for row, end in ends if look.at <= end < look.at + SOON]:
        yield _ends_soon(register, soon)
    idle = [row.key for row in usable if _is_settled(row, look) and look.seen.get(row.commands) == 0]
    if idle:
        yield _idle(register, idle, look.days)


def _is_settled(row: RegisterRow, look: RegisterLook) -> bool:
    """True where a row was in force for the whole time that is looked back on, and still is."""
    begun = row.since is not None and row.since <= look.at - timedelta(days=look.days)
    over = row.valid_until is not None and row.valid_until < look.at
    return bool(row.commands) and look.days > 0 and begun and not over and not row.problems


def _columns(items: tuple[WatchlistItem, ...]) -> frozenset[str]:
    return frozenset(name.strip() for item in items for name in item.cells)


def _missing_columns(
    register: Register, present: frozenset[str], rows: tuple[RegisterRow, ...]
) -> tuple[str, ...]:
    """Columns that are not there though a row needs them, or though another one looks like a slip of them."""
    folded = {name.casefold() for name in present}
    absent = [column for column in register.columns if column.casefold() not in folded]
    if not register.ours:
        return tuple(absent) if len(absent) == len(register.columns) else ()
    problems = [problem for row in rows for problem in row.problems]
    return tuple(
        column
        for column in absent
        if any(_is_about(problem, column) for problem in problems) or _lookalike(column, register, present)
    )


def _lookalike(column: str, register: Register, present: frozenset[str]) -> str:
    """The column that is there and looks like a slip of this one; empty where none does."""
    known = {name.casefold() for name in register.columns}
    strangers = {name.casefold(): name for name in sorted(present) if name.casefold() not in known}
    close = get_close_matches(column.casefold(), list(strangers), n=1, cutoff=0.75)
    return strangers[close[0]] if close else ""


def _is_about(problem: str, column: str) -> bool:
    return problem.startswith(f"{column} ")


def _others(problems: tuple[str, ...], missing: tuple[str, ...]) -> tuple[str, ...]:
    """The problems of a row that a missing column does not explain."""
    return tuple(problem for problem in problems if not any(_is_about(problem, column) for column in missing))


def _named(names: list[str]) -> str:
    more = len(names) - MOST_NAMED
    return "; ".join(names[:MOST_NAMED]) + (f"; and {more} more" if more > 0 else "")


def _edit(register: Register) -> str:
    return (
        f"portal: Microsoft Sentinel > Watchlist > {register.alias} > Update watchlist > Edit watchlist items"
    )


def _folder(look: RegisterLook) -> str:
    return f"playbooks/{look.playbook}/sentinel/Watchlists"


def _missing(look: RegisterLook) -> Trouble:
    register = look.register
    return Trouble(
        code="watchlist_missing",
        what=f"there is no watchlist with the alias {register.alias} ({register.words})",
        why="a register that is missing counts as not checked: nothing that needs it closes",
        fix=f"fill in {_folder(look)}/{register.alias}.csv and upload it (docs/deploy.md, step 8), or "
        f"portal: Microsoft Sentinel > Watchlist > New, alias {register.alias}, search key "
        f"{register.search_key}",
    )


def _empty(register: Register) -> Trouble:
    return Trouble(
        code="watchlist_empty",
        what=f"the watchlist {register.alias} has no row, or is still being loaded",
        why="a register without rows counts as not checked: nothing that needs it closes",
        fix=f"{_edit(register)}: add a row; an upload can take some minutes to show",
    )


def _misspelt(register: Register, missing: tuple[str, ...], present: frozenset[str]) -> Trouble:
    slips = [(column, _lookalike(column, register, present)) for column in missing]
    named = ", ".join(f"{column} (there is {slip})" if slip else column for column, slip in slips)
    return Trouble(
        code="column_missing",
        what=f"the watchlist {register.alias} has no column {named}",
        why="rows cannot be read without it, and a row that cannot be read approves nothing",
        fix=f"a column cannot be renamed: delete the watchlist and upload it with the header "
        f"{','.join(register.columns)} (docs/deploy.md, step 8)",
    )


def _unreadable(look: RegisterLook, rows: list[str]) -> Trouble:
    register = look.register
    return Trouble(
        code="row_unreadable",
        what=f"the watchlist {register.alias} has {len(rows)} row{'s' * (len(rows) != 1)} that cannot be "
        "read: "
        f"{_named(rows)}",
        why="a row that cannot be read approves nothing, and incidents that come near it are escalated",
        fix=f"{_edit(register)}; what goes into each column: {_folder(look)}/README.md",
    )


def _expired(register: Register, rows: list[str]) -> Trouble:
    return Trouble(
        code="row_expired",
        what=f"the watchlist {register.alias} has rows whose time is over: {_named(rows)}",
        why="an expired row approves nothing: its work is escalated, and what nobody renews nobody looks "
        "after",
        fix=f"{_edit(register)}: ask who answers for it, then set a later end or delete the row",
    )


def _ends_soon(register: Register, rows: list[str]) -> Trouble:
    return Trouble(
        code="row_ends_soon",
        what=f"the watchlist {register.alias} has rows that end within {SOON.days} days: {_named(rows)}",
        why="from then on their work is escalated; a changed row counts only after 24 hours",
        fix=f"{_edit(register)}: ask who answers for it, then set a later end",
    )


def _idle(register: Register, rows: list[str], days: int) -> Trouble:
    return Trouble(
        code="row_never_matched",
        what=f"the watchlist {register.alias} has rows that no command of the last {days} days could match: "
        f"{_named(rows)}",
        why="what is approved and not used only helps an attacker; or the job runs under another name, in a "
        "script or encoded, and is escalated each time",
        fix=f"ask who answers for it; {_edit(register)}: delete it, or set "
        f"{register.search_key} to the name that its commands bear",
    )
