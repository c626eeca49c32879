"""Recorded days for tests of the backtest: small and invented, in the columns of the real ones."""

import csv
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

START = datetime(2026, 1, 5, 7, 45, tzinfo=UTC)
SHARED = Path(__file__).parents[2] / "shared" / "data" / "ranking"
COLUMNS = [
    "day",
    "digest_at",
    "paper_id",
    "is_batch_of_the_day",
    "first_seen",
    "posted_at",
    "age_hours_at_T",
    "age_hours_when_seen",
    "upvotes_at_T",
    "upvotes_seen_at",
    "prev_upvotes",
    "prev_seen_at",
    "comments_at_T",
    "github_stars_at_T",
    "final_upvotes",
]


def votes(days=12, a_day=18, seed=1):
    """Rows of so many days: each paper is a candidate on four, and grows towards its final votes.

    Who has many followers ends with more votes than the first hours tell.
    """
    dice = random.Random(seed)  # noqa: S311 - the same every time
    found = []
    for number in range(days * a_day):
        first = number // a_day
        listed = START + timedelta(days=first, hours=-dice.uniform(1, 20))
        followers = dice.choice([1, 1000])
        final = int(dice.lognormvariate(2.5, 1) * (2 if followers > 1 else 1))
        for day in range(first, min(first + 4, days)):
            at = START + timedelta(days=day)
            age = (at - listed) / timedelta(hours=1)
            found.append(
                {
                    "day": f"{at:%Y-%m-%d}",
                    "digest_at": at.isoformat(),
                    "paper_id": f"2601.{number:05d}",
                    "is_batch_of_the_day": int(day == first),
                    "first_seen": (START + timedelta(days=first)).isoformat(),
                    "age_hours_at_T": f"{age:.3f}",
                    "age_hours_when_seen": f"{age:.3f}",
                    "upvotes_at_T": int(final * age / (age + 12) * dice.uniform(0.7, 1)),
                    "upvotes_seen_at": at.isoformat(),
                    "comments_at_T": dice.choice(["", 1, 3]),
                    "final_upvotes": final,
                }
            )
    return sorted(found, key=lambda row: (row["digest_at"], row["paper_id"]))


def papers(rows):
    """The texts of the papers of those rows."""
    return [
        {
            "paper_id": name,
            "title": f"Paper {name}",
            "authors": "Ada Example|Ben Example",
            "abstract": "We count.",
            "submitter": f"reader{number % 5}",
            "submitter_followers": 1 + number % 7,
            "org": "lab" if number % 3 else "",
            "has_repo": str(number % 2 == 0),
        }
        for number, name in enumerate(sorted({row["paper_id"] for row in rows}))
    ]


def write(path, rows, columns=None):
    """Writes the rows as CSV, and gives the path back."""
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, columns or list(rows[0]), restval="", extrasaction="ignore")
        table.writeheader()
        table.writerows(rows)
    return path


def files(folder, **over):
    """Both files in a folder."""
    rows = votes(**over)
    written = write(folder / "votes.csv", rows, COLUMNS)
    return written, write(folder / "papers.csv", papers(rows))
