"""The command line: every command is a door of its own, and all talk alike.

main.py         the commands and what they share
run.py          the day: run, preview
serving.py      serve, web, scheduler, worker
pages.py        the web server of the first two
readers.py      subscribers add, list, import, export, remove
ledger.py       deliveries, resend, release
backtest.py     backtest, learn
care.py         doctor, db upgrade
bench.py        bench compose, delivery, enqueue, latency
show.py         tables and bars: how things look in a terminal
"""

from digest.cli.main import main

__all__ = ["main"]
