"""Every level in its short form: no invariant breaks, and enough runs end in a close."""

import pytest

from faults.suite import LEVELS, Level

SEED = 1


@pytest.mark.timeout(600)
@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.name)
def test_whatever_fails_nothing_is_lost_and_no_attack_is_closed(level: Level) -> None:
    """I1 to I11, I13, I15 and I17 hold in every run; a violation names a schedule that can be run again."""
    tally = level.run(level.name, level.schedules(SEED, level.short))

    assert [] == tally.violations, "\n".join(
        f"{words}\n    {schedule}" for words, schedule in tally.violations
    )
    assert tally.runs > 0
    assert tally.closes > 0 or not level.closes, "no run closed, so nothing was proven"
