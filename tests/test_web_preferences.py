"""The preferences page: what can be chosen, and moving, downloading and deleting."""

from datetime import date

import pytest
from smtp_server import SmtpServer, running
from website import website

from digest import links
from digest.model import Preferences

EMAIL = "ada@example.org"
WEEK = [str(day) for day in range(7)]
FORM = {"hour": "7", "zone": "UTC", "papers": "12", "days": WEEK, "paused_until": ""}


@pytest.fixture
def site(tmp_path):
    with website(tmp_path) as site:
        yield site


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    """A site for requests of which none may change anything: the tests that use it check that."""
    with website(tmp_path_factory.mktemp("calm")) as site:
        site.page = site.preferences_of(site.reader(EMAIL, papers=12))
        yield site


@pytest.fixture
def reader(site):
    return site.reader(EMAIL, papers=12)


@pytest.fixture
def page(site, reader):
    return site.preferences_of(reader)


# ── Choosing ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ({"hour": "0"}, {"hour": 0}),
        ({"hour": "23"}, {"hour": 23}),
        ({"hour": " 07 "}, {"hour": 7}),
        ({"zone": "Pacific/Chatham"}, {"zone": "Pacific/Chatham"}),
        ({"papers": "1"}, {"papers": 1}),
        ({"papers": "40"}, {"papers": 40}),
        ({"days": "6"}, {"days": frozenset({6})}),
        ({"days": ["0", "0", "4"]}, {"days": frozenset({0, 4})}),
        ({"categories": "cs.LG"}, {"categories": ("cs.LG",)}),
        ({"categories": ["cs.LG", "cs.AI", "cs.LG"]}, {"categories": ("cs.AI", "cs.LG")}),
        ({"categories": []}, {"categories": ()}),  # no box ticked: all of them
        ({"paused_until": "2026-01-20"}, {"paused_until": date(2026, 1, 20)}),
        ({"paused_until": "2026-01-15"}, {"paused_until": None}),  # today: no pause
        ({"paused_until": "1999-01-01"}, {"paused_until": None}),
        ({"paused_until": "2027-01-16"}, {"paused_until": date(2027, 1, 16)}),  # 366 days
        ({"unknown": "x"}, {}),
    ],
)
def test_what_is_chosen_is_stored_and_shown(site, page, sent, stored):
    answer = site.client.post(page, data=FORM | sent)
    assert answer.status_code == 200
    assert "Saved." in answer.text
    assert site.find(EMAIL).preferences == Preferences(**{"papers": 12, **stored})
    assert site.client.get(page).status_code == 200


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("hour", "24"),
        ("hour", "-1"),
        ("hour", ""),
        ("hour", "7.5"),
        ("hour", "７"),
        ("hour", "9" * 5000),
        ("hour", ["7", "8"]),
        pytest.param("hour", "0000009999", id="an hour behind zeros"),
        pytest.param("hour", "0" * 5000, id="nothing but zeros"),
        ("zone", ""),
        ("zone", "Mars/Olympus"),
        ("zone", "/etc/localtime"),
        ("zone", "utc\n"),
        ("papers", "0"),
        ("papers", "41"),
        ("papers", "1e1"),
        pytest.param("papers", "00000112345", id="a number behind zeros"),
        ("days", []),
        ("days", "7"),
        ("days", ["0", "x"]),
        pytest.param("days", "00000612", id="a day behind zeros"),
        ("categories", "cs.XX"),
        ("categories", "math.AG"),  # real, but not collected here
        ("categories", ["cs.AI", "<script>"]),
        ("paused_until", "tomorrow"),
        ("paused_until", "2026-02-30"),
        ("paused_until", "2027-01-17"),  # 367 days
        ("paused_until", "9999-12-31"),
        ("paused_until", ["2026-01-20", "2026-01-21"]),
    ],
)
def test_what_cannot_be_chosen_is_said_beside_its_field_and_nothing_is_stored(calm, field, bad):
    before = calm.dump()
    answer = calm.client.post(calm.page, data=FORM | {"hour": "9", field: bad})
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert f'href="#{field}"' in answer.text
    assert "Saved." not in answer.text
    assert calm.dump() == before


def test_what_was_typed_beside_a_mistake_is_still_there(site, page):
    typed = {"hour": "9", "papers": "33", "days": "2", "categories": "cs.CV", "zone": "No/Where"}
    answer = site.client.post(page, data=FORM | typed | {"paused_until": "2026-01-20"})
    assert answer.status_code == 422
    for kept in (
        '<option value="9" selected>09:00</option>',
        "<option selected>33</option>",
        '<input type="checkbox" name="days" value="2" checked>',
        '<input type="checkbox" name="categories" value="cs.CV" checked>',
        'value="2026-01-20"',
    ):
        assert kept in answer.text
    assert '<input type="checkbox" name="days" value="3" checked>' not in answer.text
    assert ", paused until" not in answer.text  # typed is not stored


def test_all_mistakes_of_a_form_are_said_at_once(site, page):
    answer = site.client.post(page, data={"hour": "x", "papers": "x", "paused_until": "x"})
    for field in ("hour", "papers", "paused_until", "days"):
        assert f'id="{field}-error"' in answer.text
    assert " checked>" not in answer.text  # no day was ticked, so none is


def test_a_pause_that_has_ended_does_not_stand_in_the_way_of_the_form(site, reader):
    page = site.preferences_of(reader)
    site.client.post(page, data=FORM | {"paused_until": "2026-01-20"})
    assert "paused until 20 January 2026" in site.client.get(page).text
    site.clock.forward(days=10)
    later = site.client.get(page).text
    assert "paused until" not in later.lower().replace("pause until", "")
    assert 'min="2026-01-25" value=""' in later  # a browser refuses a value before its min


def test_today_is_the_readers_own_date(site):
    far = site.reader("far@example.org", zone="Pacific/Kiritimati")  # UTC+14: tomorrow already
    assert 'min="2026-01-16"' in site.client.get(site.preferences_of(far)).text


def test_a_choice_leaves_a_consent_and_touches_nobody_else(site, page):
    other = site.reader("ben@example.org", hour=3)
    site.client.post(page, data=FORM | {"hour": "9"})
    assert site.find("ben@example.org") == other
    actions = [one["action"] for one in site.client.get(f"{page}/data.json").json()["consents"]]
    assert actions == ["added", "preferences"]


# ── Another address ──────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def posted(tmp_path):
    """A site with a relay."""
    with running(SmtpServer()) as server:
        relay = {"host": "127.0.0.1", "port": server.port, "tls": "none"}
        with website(tmp_path, smtp=relay) as site:
            site.relay = server
            yield site


def move_link(site, reader, email):
    """The address in the letter to a new address."""
    return f"/move/{site.token(links.CHANGE, reader, email, days=7)}"


def test_a_new_address_gets_a_letter_and_the_old_one_the_mail_until_it_answers(posted):
    reader = posted.reader(EMAIL)
    page = posted.preferences_of(reader)
    answer = posted.client.post(f"{page}/email", data={"email": "New@example.net"})
    assert answer.status_code == 200
    assert "Until then nothing changes" in answer.text
    (letter,) = posted.relay.accepted
    assert letter.recipient == "New@example.net"
    assert EMAIL.encode() not in letter.data  # it may be a stranger's, by a slip of the fingers
    assert posted.find(EMAIL).pending_email == "New@example.net"
    link = move_link(posted, reader, "new@example.net")
    assert link.encode() in letter.data.replace(b"=\r\n", b"")
    assert posted.client.get(link).status_code == 200
    assert posted.find(EMAIL) is not None
    first = posted.client.post(link)
    assert first.status_code == 200
    moved = posted.find("new@example.net")
    assert (moved.key, moved.state, moved.pending_email) == (reader.key, "active", None)
    assert posted.find(EMAIL) is None
    after = posted.dump()
    again = posted.client.post(link)
    assert (again.status_code, again.text) == (200, first.text)
    assert posted.dump() == after


@pytest.mark.parametrize("state", ["active", "pending", "left", "suppressed"])
def test_somebody_elses_address_gets_the_same_page_and_no_letter(posted, state):
    reader = posted.reader(EMAIL)
    page = f"{posted.preferences_of(reader)}/email"
    posted.reader("taken@example.net", state)
    letters = posted.letters()
    taken = posted.client.post(page, data={"email": "taken@example.net"})
    assert posted.letters() == letters
    assert posted.find(EMAIL).pending_email is None
    free = posted.client.post(page, data={"email": "free@example.net"})
    notice = "If the new address can be used"
    assert notice in taken.text
    assert notice in free.text
    assert taken.status_code == free.status_code == 200


def test_a_new_address_that_became_somebody_elses_meanwhile_is_not_taken_away(posted):
    reader = posted.reader(EMAIL)
    posted.client.post(f"{posted.preferences_of(reader)}/email", data={"email": "n@example.net"})
    other = posted.reader("n@example.net")
    before = posted.dump()
    answer = posted.client.post(move_link(posted, reader, "n@example.net"))
    assert answer.status_code == 404
    assert posted.dump() == before
    assert posted.find("n@example.net") == other


@pytest.mark.parametrize(
    "happens",
    ["another address was asked for", "the link is too old", "the reader left", "it was erased"],
)
def test_a_link_to_move_that_means_nothing_any_more_changes_nothing(posted, happens):
    reader = posted.reader(EMAIL)
    page = posted.preferences_of(reader)
    posted.client.post(f"{page}/email", data={"email": "one@example.net"})
    link = move_link(posted, reader, "one@example.net")
    match happens:
        case "another address was asked for":
            posted.client.post(f"{page}/email", data={"email": "two@example.net"})
        case "the link is too old":
            posted.clock.forward(days=7, seconds=1)
        case "the reader left":
            posted.client.post(f"/unsubscribe/{posted.token(links.UNSUBSCRIBE, reader)}")
        case "it was erased":
            posted.client.post(f"{page}/delete", data={"sure": "yes"})
    before = posted.dump()
    assert posted.client.post(link).status_code == 404
    assert posted.dump() == before


def test_letters_to_a_new_address_are_limited_as_sign_ups_are(posted):
    page = f"{posted.preferences_of(posted.reader(EMAIL))}/email"
    for _ in range(5):
        assert posted.client.post(page, data={"email": "new@example.net"}).status_code == 200
    assert [mail.recipient for mail in posted.relay.accepted] == ["new@example.net"] * 3


@pytest.mark.parametrize("bad", ["", "nobody", "a@b@example.org", "a@example.org\r\nBcc: b@c.org"])
def test_what_is_no_address_is_said_so_and_kept_for_correction(site, page, bad):
    before = site.dump()
    answer = site.client.post(f"{page}/email", data={"email": bad})
    assert answer.status_code == 422
    assert 'id="email-error"' in answer.text
    assert f'value="{bad}"' in answer.text or "\r" in bad
    assert site.dump() == before


# ── Data and deletion ────────────────────────────────────────────────────────────────────────────


def test_the_download_is_everything_about_the_reader_and_about_nobody_else(site, page):
    site.reader("ben@example.org")
    answer = site.client.get(f"{page}/data.json")
    assert answer.headers["content-type"] == "application/json"
    assert "attachment" in answer.headers["content-disposition"]
    data = answer.json()
    assert set(data) == {"subscriber", "consents", "mails", "ratings"}
    assert data["subscriber"]["email"] == EMAIL
    assert "ben@example.org" not in answer.text
    assert site.app.subscriptions.fingerprint(EMAIL) not in answer.text


@pytest.mark.parametrize("sent", [{}, {"sure": "no"}, {"sure": ["yes", "yes"]}, {"sure": ""}])
def test_nothing_is_deleted_without_the_tick(site, page, sent):
    before = site.dump()
    answer = site.client.post(f"{page}/delete", data=sent)
    assert answer.status_code == 422
    assert 'id="sure-error"' in answer.text
    assert site.dump() == before


@pytest.mark.parametrize("state", ["active", "left"])
def test_deleting_leaves_nothing_but_the_suppression(site, state):
    empty = site.dump()
    reader = site.reader(EMAIL, state)
    site.app.store.roster.suppress("a keyed hash", "complaint", site.clock())
    page = site.preferences_of(reader)
    answer = site.client.post(f"{page}/delete", data={"sure": "yes"})
    assert answer.status_code == 200
    left = set(site.dump().splitlines()) - set(empty.splitlines())
    assert [
        line for line in left if "sqlite_sequence" not in line and "keyed hash" not in line
    ] == []
    for path in (page, f"{page}/data.json"):
        assert site.client.get(path).status_code == 404


def test_who_left_finds_their_data_there_and_nothing_to_choose(site):
    reader = site.reader(EMAIL, "left")
    page = site.preferences_of(reader)
    shown = site.client.get(page)
    assert shown.status_code == 200
    assert f"{page}/data.json" in shown.text
    assert f"{page}/delete" in shown.text
    assert f"{page}/email" not in shown.text
    assert 'name="hour"' not in shown.text
    assert site.client.get(f"{page}/data.json").json()["subscriber"]["state"] == "left"
    before = site.dump()
    assert site.client.post(page, data=FORM).status_code == 404
    assert site.client.post(f"{page}/email", data={"email": "n@example.net"}).status_code == 404
    assert site.dump() == before


def test_who_has_not_confirmed_has_no_preferences_yet(site):
    page = site.preferences_of(site.reader(EMAIL, "pending"))
    assert site.client.get(page).status_code == 404
    assert site.client.get(f"{page}/data.json").status_code == 404


@pytest.mark.parametrize("scope", [links.CONFIRM, links.UNSUBSCRIBE, links.CHANGE])
def test_a_link_for_something_else_does_not_open_the_preferences(site, reader, scope):
    answer = site.client.get(f"/preferences/{site.token(scope, reader)}")
    assert answer.status_code == 404
    assert EMAIL not in answer.text


def test_the_page_leads_to_the_readers_own_unsubscribe_page(site, reader, page):
    link = f"/unsubscribe/{site.token(links.UNSUBSCRIBE, reader)}"
    assert link in site.client.get(page).text
