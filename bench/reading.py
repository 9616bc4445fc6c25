"""What the dearest texts cost to read: 4 MiB request bodies and command lines of 32,000 letters.

    python bench/reading.py [--rounds 5] [--json]

A body is compared with the standard library's reader of JSON on an honest body of the same size, a command
line with honest exports of the same length. Exit status 1 where one of them takes a second or more.
"""

import argparse
import itertools
import json
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

import costly  # noqa: E402 - the path is set above

from bench.measure import Report, in_turns  # noqa: E402
from playbooks.command_line.commands import read_command_line  # noqa: E402
from playbooks.errors import RequestRefused  # noqa: E402
from playbooks.intake import read_request  # noqa: E402

MOST_MILLISECONDS = 1000.0
HONEST = "body: honest, by json.loads"
HONEST_LINE = "line: honest exports"
_EXPORT = "New-MailboxExportRequest -Mailbox a.user -FilePath '\\\\fs01\\exports$\\a.user.pst'; "
HONEST_SCRIPT = "powershell.exe -Command " + _EXPORT * ((costly.LONGEST_LINE - 100) // len(_EXPORT))


def honest_body() -> bytes:
    """4 MiB of entities as Sentinel posts them."""
    entity = {"kind": "Host", "properties": {"hostName": "EXCH01", "dnsDomain": "contoso.com", "os": None}}
    size = len(json.dumps(entity)) + 2
    return json.dumps({"object": {"id": "x", "relatedEntities": [entity] * (costly.ROOM // size)}}).encode()


def refused(body: bytes) -> Callable[[], None]:
    """Reads a body; that it is refused is an answer too."""

    def read() -> None:
        with suppress(RequestRefused):
            read_request(body, content_type="application/json", workspaces=())

    return read


def fresh(text: str) -> Callable[[], object]:
    """Reads a command line that was never read before: readings are remembered."""
    numbers = itertools.count()
    return lambda: read_command_line(f"{text} {next(numbers)}")


def measure(report: Report, rounds: int) -> None:
    """Processor time of every text."""
    body = honest_body()
    bodies = {HONEST: lambda: json.loads(body), "body: honest": refused(body)}
    bodies |= {f"body: {name}": refused(text) for name, text in costly.BODIES.items()}
    for name, runs in in_turns(bodies, rounds=rounds).items():
        for took in runs:
            report.add(name, took.processor, against="" if name == HONEST else HONEST)
    texts = {HONEST_LINE: HONEST_SCRIPT, **{f"line: {name}": text for name, text in costly.LINES.items()}}
    lines = {name: fresh(text) for name, text in texts.items()}
    for name, runs in in_turns(lines, rounds=rounds).items():
        for took in runs:
            report.add(name, took.processor, against="" if name == HONEST_LINE else HONEST_LINE)


def main() -> int:
    """Measures, prints, and says whether the promise holds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    report = Report(name="reading")
    measure(report, asked.rounds)
    slowest = max(report.series.values(), key=lambda one: one.median)
    report.facts["slowest"] = f"{slowest.name}, {slowest.median:.0f} ms"
    report.leave(as_json=asked.json)
    return 0 if slowest.median < MOST_MILLISECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
