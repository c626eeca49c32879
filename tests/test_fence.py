"""The fence: a database that was restored or moved sends nothing without the operator's word."""

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import postgres
import pytest
from fakes import FakeSource
from installation import installed, papers
from make import DAY, HOUR, NOON, signal, together

from digest.errors import Fenced, StoreError
from digest.model import DeliveryState
from digest.store import Store

READERS = ("ann", "ben", "cat")


class Sqlite:
    """A file and its backup."""

    def __init__(self, folder, template):
        self.folder = folder
        self.file = folder / "digest.db"
        shutil.copy(template, self.file)
        self.url = f"sqlite:///{self.file}"

    def back_up(self):
        shutil.copy(self.file, self.folder / "backup")

    def restore(self):
        for name in ("-wal", "-shm"):
            (self.folder / f"digest.db{name}").unlink(missing_ok=True)
        shutil.copy(self.folder / "backup", self.file)


class Postgres:
    """A database and a copy of it, which takes its place as a dump that is restored does."""

    def __init__(self, server, template):
        self.server = server
        self.context = postgres.database(server, template)
        self.url = self.context.__enter__()
        self.copy = None

    def back_up(self):
        self.copy = postgres.database(self.server, self.url)
        self.kept = self.copy.__enter__()

    def restore(self):
        postgres.replace(self.server, self.url, self.kept)

    def close(self):
        for context in filter(None, (self.copy, self.context)):
            context.__exit__(None, None, None)


@pytest.fixture
def place(engine, request, tmp_path):
    """A database that can be backed up and restored, on both engines."""
    if engine == "sqlite":
        yield Sqlite(tmp_path, request.getfixturevalue("sqlite_template"))
        return
    made = Postgres(*map(request.getfixturevalue, ("postgres_url", "postgres_template")))
    yield made
    made.close()


@pytest.fixture
def opened(place, tmp_path):
    """Opens the installation: as this machine, or as another one."""

    def opening(machine="here", **over):
        source = FakeSource(papers(*range(1, 31), signals=[signal(5.0)]))
        state = tmp_path / machine
        return installed(place.url, source, state_dir=state, **over)

    return opening


def begin(house):
    """Three readers, of whom one is due at noon and has had their mail."""
    house.join("ann")
    house.join("ben", "cat", hour=13)
    assert house.day().delivered.outcomes == {DeliveryState.SENT: 1}


def restored(place, opened):
    """A database that was backed up after ann's mail, and restored after everybody's."""
    with opened() as house:
        begin(house)
    place.back_up()
    with opened() as house:
        house.now += HOUR
        assert house.day().delivered.outcomes == {DeliveryState.SENT: 2}
    place.restore()


def test_a_database_that_goes_on_is_not_fenced(opened):
    with opened() as house:
        begin(house)
    for hours in (1, 2, 25):
        with opened() as house:
            house.now += hours * HOUR
            house.day()
            house.store.fence.check()


def test_nothing_is_queued_or_sent_from_a_restored_database(place, opened):
    restored(place, opened)
    with opened() as house:
        house.now += HOUR
        house.app.subscriptions.add(
            [("dan@example.net", house.app.defaults)], NOON, confirmed=False
        )
        for attempt in (house.day, house.queue, house.deliver):
            with pytest.raises(Fenced, match=r"release --skip-open.* or .*release --send"):
                attempt()
        with pytest.raises(Fenced):
            house.store.ledger.resend(None, house.now)
        assert house.mails() == []
        assert house.states()["dan"] == "queued"  # the letter waits, too


def test_what_is_open_and_was_due_is_given_up_on_the_operators_word(place, opened):
    restored(place, opened)
    with opened(schedule={"quiet_days": "send"}) as house:
        house.now += 2 * HOUR
        with pytest.raises(Fenced):
            house.day()
        house.store.fence.release(house.now, skip=True)
        assert house.day().delivered.outcomes == {}
        assert house.mails() == []
        house.now = NOON + DAY + 2 * HOUR  # the next day goes its way
        assert house.day().delivered.outcomes == {DeliveryState.SENT: 3}


def test_what_is_open_is_sent_on_the_operators_word(place, opened):
    restored(place, opened)
    with opened() as house:
        house.now += HOUR
        with pytest.raises(Fenced):
            house.day()
        assert house.store.fence.release(house.now, skip=False) == 0
        assert house.day().delivered.outcomes == {DeliveryState.SENT: 2}
        assert sorted(house.mails()) == ["ben", "cat"]  # for the second time: so it was said


def test_what_was_queued_when_the_backup_was_made_is_given_up_too(place, opened):
    with opened() as house:
        house.join(*READERS)
        house.collect()
        house.queue()
    place.back_up()
    with opened() as house:
        assert house.deliver().outcomes == {DeliveryState.SENT: 3}
    place.restore()
    with opened() as house:
        with pytest.raises(Fenced):
            house.deliver()
        assert house.store.fence.release(house.now, skip=True) == 3
        assert house.deliver().outcomes == {}
        assert set(house.states().values()) == {"skipped"}


def test_a_release_holds_until_the_same_backup_is_restored_again(place, opened):
    restored(place, opened)
    with opened() as house, pytest.raises(Fenced):
        house.day()
    with opened() as house:
        house.store.fence.release(house.now + HOUR, skip=False)
        house.day()
    with opened() as house:
        house.store.fence.check()
    place.restore()
    with opened() as house, pytest.raises(Fenced):
        house.day()


@pytest.mark.parametrize("engine", ["postgresql"])
def test_all_machines_hold_back_what_one_of_them_noticed(place, opened, engine):  # noqa: ARG001
    with opened() as house:
        begin(house)
    with opened("there") as other:
        other.store.fence.check()
    with opened() as house:
        with house.store._database.begin() as connection:  # as restored in place: same database
            connection.exec_driver_sql("UPDATE fence SET beat = beat - 1")
        with pytest.raises(Fenced, match="is older than what this machine saw"):
            house.day()
    with opened("elsewhere") as new, pytest.raises(Fenced, match="is older than"):
        new.day()
    with opened("there") as other:
        with pytest.raises(Fenced):
            other.day()
        other.store.fence.release(NOON, skip=False)
    with opened() as house:
        house.store.fence.check()  # the word was said once, for all


@pytest.mark.parametrize("engine", ["postgresql"])
def test_a_copy_on_another_server_is_held_back_where_nobody_saw_the_first(
    place,
    opened,
    engine,  # noqa: ARG001 - see above
):
    with opened() as house:
        begin(house)
    place.back_up()
    place.restore()
    with opened("another machine") as house, pytest.raises(Fenced, match="is a copy"):
        house.day()


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_file_that_came_from_another_machine_is_held_back(opened, place, engine):  # noqa: ARG001
    with opened() as house:
        begin(house)
    place.file.with_name("digest.db.fence").unlink()
    with opened() as house, pytest.raises(Fenced, match="is new to this machine"):
        house.day()


def test_a_database_without_history_may_be_copied(place, opened):
    place.back_up()
    place.restore()
    with opened() as house:
        begin(house)


def test_processes_at_once_count_on_without_a_false_alarm(opened):
    with opened() as house, opened() as other:
        begin(house)

        def count(store):
            for _ in range(20):
                store.fence.beat()
                store.fence.check()

        together(*(lambda one=one: count(one.store) for one in (house, other, house, other)))
    with opened() as house:
        house.store.fence.check()


def test_who_counts_first_while_another_looks_raises_no_alarm(opened):
    with opened() as house, opened() as other:
        seen = house.store.fence._seen

        def looked():
            """Before any file is there; by the time the database is read, somebody has counted."""
            house.store.fence._seen = seen
            found = seen()
            other.store.fence.beat()
            return found

        house.store.fence._seen = looked
        house.store.fence.check()
        begin(house)


@pytest.mark.parametrize("engine", ["sqlite"])
def test_who_looks_while_the_operator_releases_raises_no_new_alarm(opened, place, engine):  # noqa: ARG001
    with opened() as house:
        begin(house)
    place.file.with_name("digest.db.fence").unlink()
    with opened() as house, opened() as other, ThreadPoolExecutor(1) as thread:
        keep, alone = other.store.fence._keep, house.store.fence._alone
        asked, checks = threading.Event(), []

        def asking():
            asked.set()
            return alone()

        def keeping(mark):
            """Between the commit and the file."""
            checks.append(thread.submit(house.store.fence.check))
            asked.wait(5)
            keep(mark)

        house.store.fence._alone, other.store.fence._keep = asking, keeping
        other.store.fence.release(NOON, skip=False)
        assert checks[0].result(10) is None


def test_killed_between_the_commit_and_the_file_there_is_no_alarm(opened):
    with opened() as house:
        begin(house)
        house.store.fence._remember = lambda _: None
        house.store.fence.beat()
    with opened() as house:
        house.store.fence.check()


def test_a_pass_that_sends_nothing_counts_nothing(opened):
    with opened() as house:
        begin(house)
        before = house.store.fence._seen()
        house.deliver()
        assert house.store.fence._seen() == before


def test_a_file_that_cannot_be_read_is_said(opened):
    with opened() as house:
        begin(house)
        path = house.store.fence._path
        path.write_text("rubbish")
        with pytest.raises(StoreError, match=f"{path.name} cannot be read"):
            house.day()


def test_a_folder_that_cannot_be_written_is_said(place, tmp_path, engine):
    (tmp_path / "file").touch()
    store = Store(place.url, state_dir=tmp_path / "file")
    if engine == "postgresql":  # the file of the other engine is beside the database
        with pytest.raises(StoreError, match=r"file/\w+\.fence"):
            store.fence.check()
    store.close()
