"""Recording what became of deliveries, within the ledger's transaction."""

from collections import defaultdict
from collections.abc import Mapping
from functools import cached_property, partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, update

from digest.model import DeliveryState, Verdict
from digest.store import batches
from digest.store.database import Database
from digest.store.prepared import Prepared, given, given_ids, given_pairs, ids
from digest.store.tables import DELIVERY

_FEW = 3  # answers that are written one by one; more of them together

_mail = DELIVERY.c
_DONE = (("worker", None),)
_HELD = (*_DONE, ("attempts", _mail.attempts - 1))  # a limit of our own is no try
_MINE = _mail.worker == bindparam("by")


class Verdicts:
    """The statements that record outcomes, for one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._dialect = database.engine.dialect

    def record(self, connection: Connection, worker: str, verdicts: Mapping[int, Verdict]) -> int:
        """Writes the verdicts; returns how many found their row still ``worker``'s."""
        sent, tried, held = dict[int, str](), list[dict[str, Any]](), list[dict[str, Any]]()
        for name, v in verdicts.items():
            if v.state is DeliveryState.SENT:  # nearly all
                sent[name] = v.reason
                continue
            row = {"id": name, "state": v.state, "again_at": v.again_at, "reason": v.reason}
            (tried if v.counted else held).append(row)
        found = self._sent(connection, worker, sent) if sent else 0
        if others := tried + held:
            write = partial(
                self._database.update_each, connection, DELIVERY, where=_MINE, by=worker
            )
            found += write(tried, _DONE) + write(held, _HELD)
            names = [row["id"] for row in others]
            batches.reopen(self._database, connection, self._database.among(_mail.id, names))
        return found

    def _sent(self, connection: Connection, worker: str, said: Mapping[int, str]) -> int:
        """Records what was sent, with what the server said."""
        groups = defaultdict[str, list[int]](list)
        for name, text in said.items():
            groups[text].append(name)
        if len(groups) > _FEW:
            return self._each.count(connection, pairs=self._database.json(said), by=worker)
        return sum(
            self._same.count(connection, ids=ids(names, self._dialect), said=text, by=worker)
            for text, names in groups.items()
        )

    @cached_property
    def _same(self) -> Prepared:
        done = update(DELIVERY).where(given_ids(_mail.id, self._dialect), self._mine)
        return Prepared(done.values(_sent(given("said", _mail.reason.type))), self._dialect)

    @cached_property
    def _each(self) -> Prepared:
        each, key = given_pairs(self._dialect)
        done = update(DELIVERY).where(_mail.id == key, self._mine)
        return Prepared(done.values(_sent(each.c.value)), self._dialect)

    @property
    def _mine(self) -> ColumnElement[bool]:
        return _mail.worker == given("by", _mail.worker.type)


def _sent(said: ColumnElement[Any]) -> dict[str, Any]:
    return {"state": DeliveryState.SENT.value, "worker": None, "again_at": None, "reason": said}
