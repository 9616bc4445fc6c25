"""Events wherever they lie: whole files, parts of a run, folders of days; the same rows, gaps are told."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simulator.chain.folder import read_folder
from simulator.chain.problems import InputRefused
from simulator.event_sources import files_of, find_source, read_rows
from simulator.eventstore import EventStore
from simulator.generate import generate
from simulator.report.events import telling_events

SIZES: dict[str, Any] = {
    "users": 60, "hosts": 24, "days": 2, "events": 900, "attacks": "dark_halo", "benign": "compliance_job"
}  # fmt: skip
PARTS = 3


def in_parts(folder: Path, **choices: Any) -> Path:
    """A run made as three parts in one folder."""
    for number in range(1, PARTS + 1):
        generate(3, out=folder, shard=f"{number}/{PARTS}", **SIZES, **choices)
    return folder


def rows_of(folder: Path) -> list[dict[str, str]]:
    """Every row in order, times to the second and cells as text, whatever the format."""
    return [
        {name: str(cell or "").replace(" ", "T").removesuffix("Z")[:19] if "Time" in name else str(cell or "")
         for name, cell in row.items()}
        for row in read_rows(find_source(folder))
    ]  # fmt: skip


def loaded(folder: Path) -> Iterator[tuple[str, str]]:
    """Id and time of each event in a store that loaded the folder."""
    store = EventStore()
    store.load_process_events(read_folder(folder).events)
    for row in store.query("ASimProcessEventLogs | project EventOriginalUid, TimeGenerated").records():
        yield str(row["EventOriginalUid"]), str(row["TimeGenerated"])
    store.close()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run in one file of JSON lines."""
    folder = tmp_path_factory.mktemp("whole")
    generate(3, out=folder, **SIZES)
    return folder


@pytest.mark.parametrize(
    "choices",
    [
        {"format": "jsonl"},
        {"format": "csv"},
        {"format": "parquet"},
        {"format": "parquet", "partition": True},
    ],
    ids=["jsonl", "csv", "parquet", "days"],
)
def test_parts_of_a_run_hold_what_the_whole_holds(tmp_path: Path, whole: Path, choices: Any) -> None:
    """Read in order, loaded into a store, and looked through for a report: always the same events."""
    parts = in_parts(tmp_path, **choices)
    lines = (whole / "truth.jsonl").read_text().splitlines()
    uids = [uid for line in lines for uid in json.loads(line)["events"]]

    assert rows_of(whole) == rows_of(parts)
    assert sorted(loaded(whole)) == sorted(loaded(parts))
    assert telling_events(find_source(whole), uids) == telling_events(find_source(parts), uids)


def test_days_in_folders_come_in_order_of_time(tmp_path: Path, whole: Path) -> None:
    """A folder for each day, made in one go, is read day after day."""
    generate(3, out=tmp_path, format="parquet", partition=True, **SIZES)

    assert len(files_of(find_source(tmp_path))) > 1
    assert rows_of(whole) == rows_of(tmp_path)


@pytest.mark.parametrize(
    ("choices", "lost", "told"),
    [
        ({"format": "csv"}, "events-002-of-003.csv", "part 2 of 3"),
        ({"format": "parquet", "partition": True}, "events/day=*/part-001.parquet", "part 2"),
    ],
    ids=["parts", "days"],
)
def test_a_missing_part_is_told(tmp_path: Path, choices: Any, lost: str, told: str) -> None:
    """Events that are not there would look like attacks that no rule saw."""
    parts = in_parts(tmp_path, **choices)
    for file in parts.glob(lost):
        file.unlink()

    with pytest.raises(InputRefused, match=told):
        read_folder(parts)


def test_parts_of_two_runs_are_told_apart(tmp_path: Path) -> None:
    """Parts of another run beside them would be read as well."""
    parts = in_parts(tmp_path)
    (parts / "events-001-of-002.jsonl").write_text("")

    with pytest.raises(InputRefused, match="more than one run"):
        find_source(parts)
