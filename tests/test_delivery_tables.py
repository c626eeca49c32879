"""The tables of docs/delivery.md are true: each row is tried with the real mailer and ledger."""

import re
import subprocess
import sys

import pytest
from lab_table import DOCUMENT, LAB, rows, tried

ROWS = list(rows(DOCUMENT.read_text("utf-8")))


@pytest.fixture(scope="module", autouse=True)
def _smtplab():
    if not LAB.exists():
        pytest.skip("no smtplab: ../shared/tools/smtplab is not beside this checkout")


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_a_row_of_the_table_is_what_happens(row, tmp_path):
    seen = tried(row, tmp_path)
    assert (seen.first[: len(row.first)], seen.last[: len(row.last)]) == (row.first, row.last)
    assert seen.copies == (0 if row.has.startswith("nothing") else 1)
    assert ("a try later" in row.has) == (seen.last.startswith("sent") and seen.tries > 1)
    assert ("nobody can tell" in row.has) == seen.last.startswith("unknown")
    assert seen.neighbours or not row.is_pattern


def test_no_pattern_and_no_fault_of_smtplab_is_left_out():
    program = "import lab; print(*(f'{n}-' for n in lab.BEHAVIOURS if n != 'accept'), *lab.FAULTS)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=LAB.parent, capture_output=True, text=True, check=True
    )
    said = {word for row in ROWS for word in re.split(r"[ =]", row.name)}
    assert set(done.stdout.split()) - said == set()
