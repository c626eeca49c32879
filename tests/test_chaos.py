"""The short form of tests/chaos.py: a few hundred readers, six kills, on each engine."""

import chaos
import postgres
import pytest
from conftest import absent


@pytest.mark.parametrize("bdat", [0, 4])
def test_nothing_is_lost_and_nothing_doubled_whatever_is_killed(engine, bdat):
    if not chaos.LAB.exists():
        pytest.skip("no smtplab: ../shared/tools/smtplab is not beside this checkout")
    if engine == "postgresql" and postgres.binaries() is None:
        absent("no PostgreSQL of our own to kill: initdb is missing")
    options = chaos.Options(
        engine=engine,
        readers=400,
        kills=3 if bdat else 6,
        seed=7,
        window=5,
        connections=4,
        bdat=bdat,
    )
    result = chaos.chaos(options)
    assert result.faults() == [], result.table()
    assert sum(len(some) for some in result.doubts.values()) == options.kills


@pytest.mark.parametrize(
    ("over", "fault"),
    [
        ({"states": {"sent": 3}}, ""),
        ({"states": {"sent": 2, "unknown": 1}, "doubts": {chaos.SERVER: [1]}}, ""),
        ({"states": {"sent": 2, "deferred": 1}}, "1 neither sent nor in doubt"),
        ({"states": {"sent": 3}, "lost": ["ann"]}, "lost: ['ann']"),
        ({"states": {"sent": 3}, "doubled": ["ann"]}, "doubled: ['ann']"),
        ({"states": {"sent": 3}, "lab": 1}, "smtplab's report ended with 1"),
        (
            {"states": {"sent": 3}, "doubts": {chaos.SENDER: [0, 101]}},
            "101 in doubt after one kill",
        ),
        ({"states": {"sent": 3}, "missing": ["ann"]}, "missing after resending"),
        ({"states": {"sent": 3}, "wrongly_twice": ["ann"]}, "twice without having been in doubt"),
    ],
)
def test_what_must_not_be_is_said(over, fault):
    faults = chaos.Result(chaos.Options(engine="sqlite", readers=3), **over).faults()
    assert [one.startswith(fault) for one in faults] == ([True] if fault else [])
