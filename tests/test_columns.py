"""Background as columns: the same bytes however it is cut, valid rows of every kind, a company's variety."""

import csv
import hashlib
import io
import json
import re
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow.parquet as pq
import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

from playbooks.scenarios import Source
from simulator import generate as generating
from simulator.activity.noise import HABITS
from simulator.activity.wording import worded
from simulator.asim import problems
from simulator.columns.chance import below, halves, words
from simulator.columns.drawing import Background, background, joined
from simulator.columns.fragments import CSV, JSON
from simulator.columns.in_order import in_order
from simulator.columns.typesetting import typesetter
from simulator.columns.writing import guids, times
from simulator.errors import PlanError
from simulator.generate import generate
from simulator.organisation import FIRST_DAY, organise
from simulator.plan import Plan, Shard

ORGANISATION = organise(7)
ROWS = 60_000
PINNED = [[416924706169274149, 2099922461986726236], [18193175128794829299, 17453535017977947493]]


def sum_of(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def noise() -> Background:
    """A week of the default organisation."""
    return background(ORGANISATION, days=Plan(seed=7, days=7).dates, rows=ROWS, seed=7)


@pytest.fixture(scope="module")
def rows(noise: Background) -> list[dict[str, Any]]:
    """All its rows, by way of JSON lines."""
    setter = typesetter(noise.repertoire, JSON)
    pages = [page for batch in range(noise.batches) for page in setter.lines(noise.draw(batch))]
    text = b"".join(page.letters.tobytes() for page in pages).decode()
    return [json.loads(line) for line in text.splitlines()]


def test_chance_is_the_published_generator() -> None:
    """Philox4x64-10: the words of a batch are fixed for all time and every machine."""
    drawn = words("7:background", batch=3, rows=2, each=2)

    assert PINNED == drawn.tolist()


@given(batch=st.integers(0, 10**9), rows=st.integers(0, 50))
def test_a_batch_needs_none_before_it(batch: int, rows: int) -> None:
    """Drawn again it is the same; another batch is another."""
    one = words("1:x", batch=batch, rows=rows, each=2)

    assert one.tolist() == words("1:x", batch=batch, rows=rows, each=2).tolist()
    assert not rows or one.tolist() != words("1:x", batch=batch + 1, rows=rows, each=2).tolist()


@given(limit=st.integers(1, 2**31), seed=st.integers(0, 2**32))
def test_numbers_stay_below_their_limit(limit: int, seed: int) -> None:
    """Whatever the limit."""
    upper, lower = halves(words(str(seed), batch=0, rows=20, each=1)[0])

    for half in (upper, lower):
        assert 0 <= below(half, limit).min() <= below(half, limit).max() < limit


def test_guids_are_of_version_4() -> None:
    """As the standard library reads them, and each another one."""
    made = [bytes(cell).decode() for cell in guids(words("g", batch=0, rows=500, each=2))]

    assert {4} == {UUID(text).version for text in made}
    assert {"specified in RFC 4122"} == {UUID(text).variant for text in made}
    assert 500 == len(set(made))
    assert all(text == str(UUID(text)) for text in made)


@given(
    st.lists(st.integers(0, 4_102_444_800_000), min_size=1, max_size=3).map(lambda few: [few[0]] * len(few))
)
def test_times_are_written_as_everywhere(moments: list[int]) -> None:
    """ISO 8601 in UTC with milliseconds, as the standard library writes them."""
    told = [
        datetime.fromtimestamp(moment // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{moment % 1000:03}Z"
        for moment in moments
    ]

    assert told == [bytes(cell).decode() for cell in times(np.array(moments, dtype=np.int64))]


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_threads_do_not_change_the_bytes(tmp_path: Path, kind: Any) -> None:
    """One, two and five at a time."""
    sums = set()
    for threads in (1, 2, 5):
        generate(3, out=tmp_path / str(threads), events=20_000, format=kind, threads=threads)
        sums.add(sum_of(tmp_path / str(threads) / f"events.{kind}"))

    assert 1 == len(sums)


@pytest.mark.parametrize("events", [0, 700, 20_000])
@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_shards_of_text_follow_one_another(tmp_path: Path, kind: Any, events: int) -> None:
    """Sixteen made apart, in any order, are one run; each CSV file has its line of titles."""
    generate(3, out=tmp_path / "whole", events=events, format=kind)
    for number in (5, *range(16, 0, -1)):
        generate(3, out=tmp_path / "parts", events=events, format=kind, shard=f"{number}/16")
    whole = (tmp_path / "whole" / f"events.{kind}").read_bytes().splitlines(keepends=True)
    parts = sorted((tmp_path / "parts").glob(f"events-*-of-016.{kind}"))
    titles = int(kind == "csv")

    lines = [line for part in parts for line in part.read_bytes().splitlines(keepends=True)[titles:]]
    assert 16 == len(parts)
    assert whole[titles:] == lines
    for name in ("truth.jsonl", "tenant.json"):
        assert sum_of(tmp_path / "whole" / name) == sum_of(tmp_path / "parts" / name)


def test_shards_and_days_of_parquet_hold_the_same_rows(tmp_path: Path) -> None:
    """A whole file, sixteen shards, and a folder of days that four shards wrote together: the same rows."""
    generate(3, out=tmp_path / "whole", days=3, events=20_000, format="parquet")
    for number in range(1, 17):
        generate(3, out=tmp_path / "parts", days=3, events=20_000, format="parquet", shard=f"{number}/16")
    for number in (4, 2, 3, 1):
        choices: Any = {"days": 3, "format": "parquet", "partition": True, "shard": f"{number}/4"}
        generate(3, out=tmp_path / "lake", events=20_000, **choices)
    whole = pq.read_table(tmp_path / "whole" / "events.parquet").to_pylist()
    parts = [pq.read_table(path) for path in sorted((tmp_path / "parts").glob("events-*.parquet"))]
    days = sorted((tmp_path / "lake" / "events").iterdir())

    assert whole == [row for part in parts for row in part.to_pylist()]
    lake: list[dict[str, Any]] = []
    for day in days:
        for part in sorted(day.iterdir()):
            told = pq.ParquetFile(part).read().to_pylist()
            assert {day.name.removeprefix("day=")} == {f"{row['TimeGenerated']:%Y-%m-%d}" for row in told}
            lake += told
    assert whole == lake
    assert 4 == len(days)


def test_a_shard_leaves_its_siblings_and_takes_the_rest_away(tmp_path: Path) -> None:
    """Files of other runs would be read along with it."""
    generate(3, out=tmp_path, events=0, shard="1/4")
    generate(3, out=tmp_path, events=0, shard="1/2")
    generate(3, out=tmp_path, events=0, shard="2/2")
    assert ["events-001-of-002.jsonl", "events-002-of-002.jsonl"] == sorted(
        path.name for path in tmp_path.glob("events*")
    )

    generate(3, out=tmp_path, events=0, format="parquet", partition=True)
    assert ["events"] == [path.name for path in tmp_path.glob("events*")]

    generate(3, out=tmp_path, events=0)
    assert ["events.jsonl"] == [path.name for path in tmp_path.glob("events*")]


@given(batches=st.integers(1, 500), of=st.integers(1, 40))
def test_shards_share_out_every_batch_once(batches: int, of: int) -> None:
    """In order, none twice, none forgotten."""
    shares = [Shard(number=number, of=of).share(batches) for number in range(1, of + 1)]

    assert list(range(batches)) == [batch for share in shares for batch in share]


def test_every_row_of_every_kind_is_valid(rows: list[dict[str, Any]], noise: Background) -> None:
    """All log sources, parents and kinds of account occur, and each row keeps to ASIM ProcessEvent."""
    assert ROWS == len(rows)
    assert {} == {row["EventOriginalUid"]: found for row in rows if (found := problems(row))}
    assert {source.value for source in Source} == {row["EventProduct"] for row in rows}
    parents = {habit.parent.image for habits in HABITS.values() for habit in habits}
    assert parents == {row["ActingProcessName"] for row in rows}
    assert [] == [found for row in noise.repertoire.examples() for found in problems(row)]


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("EventProduct", "eventProduct", "eventProduct is no column"),
        ("TargetProcessId", "TargetProcessID", "TargetProcessID is no column"),
        ('"Success"', '"success"', "EventResult has the value 'success'"),
        ('"Sysmon"', '"SysMon"', "EventProduct has the value 'SysMon'"),
    ],
)
def test_a_planted_mistake_turns_the_check_red(noise: Background, old: str, new: str, complaint: str) -> None:
    """A name in the wrong case and an unknown value, in the example rows as they would be written."""
    told = [
        json.loads(JSON.line(row).replace(old, new))
        for row in noise.repertoire.examples()
        if row["EventProduct"] == "Sysmon"
    ]

    assert told
    with pytest.raises(PlanError, match=complaint):
        generating._check(told)


def test_csv_and_json_lines_say_the_same(noise: Background) -> None:
    """Quotes, backslashes and blanks land where they belong in both."""
    names = list(noise.repertoire.contexts[0].row(seed=7))
    told = {}
    for name, encoding in (("json", JSON), ("csv", CSV)):
        pages = typesetter(noise.repertoire, encoding).lines(noise.draw(2))
        told[name] = b"".join(page.letters.tobytes() for page in pages).decode()
    from_json = [
        {key: str(cell) for key, cell in json.loads(line).items()} for line in told["json"].splitlines()
    ]
    from_csv = [dict(zip(names, line, strict=True)) for line in csv.reader(io.StringIO(told["csv"]))]

    assert noise.draw(2).size == len(from_json)
    assert from_json == from_csv


def test_batches_come_in_order_of_time(noise: Background) -> None:
    """Within a batch and from one to the next, and none begins before its time."""
    drawn = [noise.draw(batch) for batch in range(noise.batches)]

    assert (np.diff(joined(drawn).moments) >= 0).all()
    assert all(noise.begins(batch) <= one.moments[0] for batch, one in enumerate(drawn))


def test_days_have_a_rhythm(rows: list[dict[str, Any]]) -> None:
    """Desks are busy at ten in the morning of a working day, not at night or on Sunday; servers always."""
    zone = ZoneInfo(ORGANISATION.time_zone)
    moments = [(datetime.fromisoformat(row["TimeGenerated"]).astimezone(zone), row["DvcOs"]) for row in rows]
    desks = Counter((at.weekday(), at.hour) for at, system in moments if system == "Windows 11")
    servers = Counter((at.weekday(), at.hour) for at, system in moments if system != "Windows 11")

    assert desks[1, 10] > 50 * max(1, desks[1, 3])
    assert desks[1, 10] > 50 * max(1, desks[6, 10])
    assert max(servers.values()) < 3 * min(servers.values())


def test_rows_are_as_varied_as_a_company(rows: list[dict[str, Any]]) -> None:
    """Ids are each their own; command lines, process ids and times are many; names are the company's."""
    distinct = {name: len({row[name] for row in rows}) for name in rows[0]}

    assert ROWS == distinct["EventOriginalUid"]
    assert distinct["TimeGenerated"] > 0.9 * ROWS
    assert distinct["TargetProcessCommandLine"] > 0.4 * ROWS
    assert distinct["TargetProcessId"] > 15_000
    assert len(ORGANISATION.machines) == distinct["DvcIpAddr"]
    assert distinct["TargetUsername"] > 60


@pytest.mark.parametrize("habit", dict.fromkeys(habit for habits in HABITS.values() for habit in habits))
def test_no_word_is_left_open(habit: Any) -> None:
    """Every word in braces is one of the lists'; no slot is left in what is written."""
    slots = re.compile("@(hex4|num4|home)@")

    assert not [text for text in worded(habit.command_line) if "@" in slots.sub("", text)]


def test_no_slot_is_left_in_a_row(rows: list[dict[str, Any]]) -> None:
    """All blanks are filled."""
    assert not [row for row in rows if any("@" in str(cell) for cell in row.values())]
    assert not [row for row in rows if "{00000000-" in row["TargetProcessCommandLine"]]


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="peak memory is read from Linux' /proc")
def test_memory_does_not_grow_with_the_number_of_rows(tmp_path: Path) -> None:
    """Peak memory of a process of its own, under the promised 400 MB for a small and for a larger run."""
    code = (
        "import sys; from pathlib import Path; from simulator.generate import generate;"
        "generate(1, out=Path(sys.argv[1]), events=int(sys.argv[2]), format=sys.argv[3]);"
        "print(Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0])"
    )

    def peak(events: int, kind: str) -> int:
        command = [sys.executable, "-c", code, str(tmp_path / kind), str(events), kind]
        told = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout  # noqa: S603
        return int(told) // 1024

    for kind in ("jsonl", "parquet"):
        assert peak(400_000, kind) < min(400, peak(100_000, kind) + 100)


def test_answers_come_in_order_and_few_wait() -> None:
    """Whatever takes longest; no more are begun than are wanted."""
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        return number * number

    answers = in_order(work, range(100), threads=4)
    assert 0 == next(answers)
    assert len(begun) <= 6
    assert [number * number for number in range(1, 100)] == list(answers)


def test_an_end_chooses_the_days() -> None:
    """The last day is the last one over, by the organisation's clock: at 22:59 UTC it is still that day."""
    before = Plan(seed=1, days=3, end=datetime(2025, 11, 20, 22, 59, tzinfo=UTC)).dates
    after = Plan(seed=1, days=3, end=datetime(2025, 11, 20, 23, 1, tzinfo=UTC)).dates

    assert FIRST_DAY + timedelta(days=2) == before[-1]
    assert FIRST_DAY + timedelta(days=3) == after[-1]
    assert 3 == len(after)


def test_events_end_before_the_end(tmp_path: Path) -> None:
    """And within a day of it."""
    end = datetime(2025, 11, 20, 12, 0, tzinfo=UTC)
    generate(1, out=tmp_path, events=2_000, end=end)
    last = json.loads((tmp_path / "events.jsonl").read_text().splitlines()[-1])["TimeGenerated"]

    assert timedelta() < end - datetime.fromisoformat(last) < timedelta(days=1)


@pytest.mark.parametrize(
    ("choices", "told"),
    [
        ({"shard": "0/4"}, "the third of sixteen"),
        ({"shard": "5/4"}, "the third of sixteen"),
        ({"shard": "a/4"}, "the third of sixteen"),
        ({"partition": True}, "only parquet is partitioned"),
        ({"threads": 0}, "0 threads"),
        ({"start": FIRST_DAY, "end": datetime(2025, 11, 20, tzinfo=UTC)}, "choose one of them"),
        ({"end": datetime(2025, 11, 20)}, "names no time zone"),  # noqa: DTZ001 - the mistake
    ],
)
def test_choices_that_make_no_sense_are_refused(choices: Any, told: str) -> None:
    """By name, with what to write instead."""
    with pytest.raises(PlanError, match=told):
        Plan(seed=1, **choices)
