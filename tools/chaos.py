# ruff: noqa: INP001, T201 - a script, not a package
"""Long runs of the fault suite: `python tools/chaos.py --seed 7 --runs 20000`.

Runs every level of `tests/faults`, prints progress and a summary, and ends with 1 where an invariant
broke or no run closed, 2 for arguments it cannot use. `--replay 'world=scheduled 3:lost'` runs one
schedule again and shows what happened.
"""

import argparse
import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from faults.levels import Tally, run_one  # noqa: E402 - the paths come first
from faults.schedule import Schedule  # noqa: E402
from faults.suite import LEVELS, level_named  # noqa: E402
from faults.trace import Trace  # noqa: E402
from faults.wire_levels import run_wire  # noqa: E402
from faults.wire_stage import floors  # noqa: E402


def main() -> int:
    """The exit status."""
    given = _arguments()
    if given.replay:
        return _replay(given.replay)
    try:
        levels = [level_named(name) for name in given.level] if given.level else list(LEVELS)
    except KeyError as unknown:
        print(f"No level {unknown}; there are: {', '.join(level.name for level in LEVELS)}", file=sys.stderr)
        return 2
    tallies = []
    for level in levels:
        number = level.short if given.short else (given.runs if level.endless else 0)
        schedules = level.schedules(given.seed, number)
        if not given.json:
            print(f"{level.name:20} {level.shows}", flush=True)
        tally = level.run(level.name, schedules, most_violations=1 if given.first else 20)
        tallies.append(tally)
        if not given.json:
            _tell(tally)
        if given.first and tally.violations:
            break
    return _summary(tallies, as_json=given.json)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of the chosen and generated schedules")
    parser.add_argument("--runs", type=int, default=20_000, help="runs of each endless level")
    parser.add_argument("--level", action="append", help="only this level; may be given more than once")
    parser.add_argument("--short", action="store_true", help="the numbers of `make test`")
    parser.add_argument("--first", action="store_true", help="stop at the first violation")
    parser.add_argument("--json", action="store_true", help="one JSON document and nothing else")
    parser.add_argument("--replay", help="one schedule, as a violation names it")
    return parser.parse_args()


def _tell(tally: Tally) -> None:
    rate = tally.runs / tally.seconds if tally.seconds else 0
    print(
        f"{'':20} {tally.runs:,} runs, {tally.closes:,} closes, {tally.seconds:,.1f} s ({rate:,.0f}/s), "
        f"{len(tally.violations)} violations",
        flush=True,
    )
    for words, schedule in tally.violations:
        print(f"    {words}\n        --replay '{schedule}'", flush=True)


def _summary(tallies: list[Tally], *, as_json: bool) -> int:
    runs, closes = sum(one.runs for one in tallies), sum(one.closes for one in tallies)
    seconds = sum(one.seconds for one in tallies)
    broken = sum(len(one.violations) for one in tallies)
    if as_json:
        print(json.dumps({"runs": runs, "closes": closes, "levels": [asdict(one) for one in tallies]}))
    else:
        print(f"\n{runs:,} runs, {closes:,} closes, {seconds:,.0f} s, {broken} violations")
    return 0 if closes and not broken else 1


def _replay(text: str) -> int:
    try:
        schedule = Schedule.parse(text)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    trace = asyncio.run(_over_http(schedule)) if "wire" in schedule.flags else run_one(schedule)
    for number, step in enumerate(trace.steps, start=1):
        print(f"{number:4} {step}")
    for one in trace.deliveries:
        print(
            f"delivery {one.number}: message {one.message}, count {one.count}, "
            f"{one.ending}, {one.calls} calls"
        )
    for frame in trace.frames:
        print(
            f"{frame.by:8} {frame.status} {frame.severity} owner {frame.owner or '-'} {sorted(frame.labels)}"
        )
    print(*trace.violations, sep="\n")
    return 1 if trace.violations else 0


async def _over_http(schedule: Schedule) -> Trace:
    async with floors() as floor_of:
        return await run_wire(floor_of, schedule)


if __name__ == "__main__":
    sys.exit(main())
