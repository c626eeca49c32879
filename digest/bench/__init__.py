"""The bench: measures this service as it runs, on this machine, beside yardsticks. A door.

    trials ─▶ report.race ─▶ processes.contend ─▶ contender (a process) ─▶ meter
      │                                             │ the App, the ledger, the mailer
      └─ store.scratch, invented, sink ◀────────────┘

terms.py       one thing to measure, and the installation that does it
invented.py    editions, readers and selections of the bench's own words
contender.py   what a process does: deliver, compose, enqueue …
naive.py       the yardstick of libraries alone
sink.py        a server that takes every mail
"""

from digest.bench.report import Report, Row
from digest.bench.terms import BenchError
from digest.bench.trials import Options, compose, delivery, enqueue, latency

__all__ = ["BenchError", "Options", "Report", "Row", "compose", "delivery", "enqueue", "latency"]
