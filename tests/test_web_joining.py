"""Joining and leaving over HTTP: what happens, what is told, and what hostile input cannot do."""

import json

import pytest
from hostile import ADDRESSES, tokens
from smtp_server import SmtpServer, running
from website import SCOPES, website

from digest import links
from digest.links import Signer
from digest.web.joining import CHECK

STATES = ("pending", "active", "left", "suppressed")
FORM = {"hour": "9", "zone": "Europe/Berlin", "website": ""}
BASE = "https://digest.example.org"
ONE_CLICK = "List-Unsubscribe=One-Click"
ROUTES = ("confirm", "move", "undo", "unsubscribe", "preferences")


@pytest.fixture
def site(tmp_path):
    with website(tmp_path) as site:
        yield site


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    """A site for requests of which none may change anything: the tests that use it check that."""
    with website(tmp_path_factory.mktemp("calm")) as site:
        for state in STATES:
            site.reader(f"{state}@example.org", state)
        yield site


def sign_up(site, email, how="form", **more):
    """The answer to a sign-up by form or by JSON."""
    sent = {how if how == "json" else "data": {"email": email, **FORM, **more}}
    return site.client.post("/subscribe", **sent)


# ── Signing up ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("how", ["form", "json"])
def test_a_sign_up_is_a_pending_reader_with_a_letter_and_a_consent(site, how):
    answer = sign_up(site, "  Ada@Example.ORG ", how)
    assert answer.status_code == (202 if how == "json" else 200)
    assert CHECK[1].encode() in answer.content
    reader = site.find("ada@example.org")
    assert (reader.email, reader.state) == ("Ada@example.org", "pending")
    assert (reader.preferences.hour, reader.preferences.zone) == (9, "Europe/Berlin")
    assert site.letters() == [("confirm", "Ada@example.org")]
    agreed = site.app.store.roster.data(reader.key)["consents"]
    assert [one["action"] for one in agreed] == ["asked"]
    assert agreed[0]["text"] == site.app.renderer.consent()
    assert agreed[0]["network"] == "192.0.2.0/24"  # not the address that they came from


def test_the_consent_that_is_kept_is_the_one_that_was_shown(site):
    assert site.app.renderer.consent() in site.client.get("/").text


def test_what_a_form_does_not_say_is_the_operators_choice(site):
    site.client.post("/subscribe", data={"email": "ada@example.org"})
    assert site.find("ada@example.org").preferences == site.app.defaults


@pytest.mark.parametrize("how", ["form", "json"])
@pytest.mark.parametrize("state", STATES)
def test_the_answer_does_not_tell_whether_an_address_is_known(site, state, how):
    site.reader("known@example.org", state)
    known, unknown = (sign_up(site, f"{name}@example.org", how) for name in ("known", "unknown"))
    assert known.status_code == unknown.status_code
    assert known.content == unknown.content
    assert known.headers == unknown.headers


@pytest.mark.parametrize(
    ("state", "letter", "after"),
    [
        ("pending", "confirm", "pending"),
        ("active", "known", "active"),  # and the reader's own choices stay
        ("left", "confirm", "pending"),  # comes back only by confirming
    ],
)
def test_a_known_address_gets_the_letter_that_helps(site, state, letter, after):
    site.reader("ada@example.org", state, hour=5)
    sign_up(site, "ADA@example.org")
    assert site.letters() == [(letter, "ada@example.org")]
    reader = site.find("ada@example.org")
    assert reader.state == after
    assert reader.preferences.hour == (5 if state == "active" else 9)


@pytest.mark.parametrize("how", ["form", "json"])
def test_a_filled_honeypot_is_thanked_and_forgotten(site, how):
    before, thanked = site.dump(), sign_up(site, "ada@example.org", how, website="x")
    assert site.dump() == before
    honest = sign_up(site, "ada@example.org", how)
    assert (thanked.status_code, thanked.content) == (honest.status_code, honest.content)


@pytest.mark.parametrize("bad", ADDRESSES, ids=lambda bad: ascii(bad[:24]))
def test_what_is_no_address_is_refused_in_words_and_changes_nothing(calm, bad):
    before = calm.dump()
    body = json.dumps({"email": bad})
    as_json = calm.client.post(
        "/subscribe", content=body.encode(), headers={"content-type": "application/json"}
    )
    as_form = sign_up(calm, bad.encode("utf-8", "replace").decode())
    too_large = len(body) > 64 * 1024
    assert (as_json.status_code, as_form.status_code) == (413 if too_large else 422, 422)
    assert too_large or as_json.json()["errors"]
    assert 'role="alert"' in as_form.text
    assert calm.dump() == before


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("hour", "24"),
        ("hour", "-1"),
        ("hour", ""),
        ("hour", "seven"),
        ("hour", "٧"),  # a digit, but not one of ours
        ("hour", "9" * 5000),  # more digits than Python makes a number of
        ("zone", "Mars/Olympus"),
        ("zone", "../../etc/passwd"),
        ("zone", "UTC\r\nX-Injected: yes"),
        ("zone", "z" * 20_000),
        ("zone", ["UTC", "UTC"]),  # given twice
        ("email", ["a@example.org", "b@example.org"]),
    ],
)
def test_a_refused_form_says_why_beside_the_field_and_keeps_what_was_typed(calm, field, bad):
    before = calm.dump()
    answer = calm.client.post("/subscribe", data={"email": "typed@example.org"} | {field: bad})
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert field == "email" or 'value="typed@example.org"' in answer.text
    assert calm.dump() == before


# ── Limits ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("first", "same", "other"),
    [
        ("192.0.2.1", "192.0.2.250", "192.0.3.1"),  # /24
        ("2001:db8::1", "2001:db8:0:ff::2", "2001:db8:0:100::1"),  # /56
        ("::ffff:192.0.2.1", "192.0.2.9", "198.51.100.1"),  # IPv4 in IPv6 is IPv4
    ],
)
def test_a_network_waits_after_so_many_sign_ups_and_no_other_does(tmp_path, first, same, other):
    with website(tmp_path, signup={"per_network_per_hour": 3}) as site:

        def attempt(ip, number):
            site.client._transport.client = (ip, 4711)
            return sign_up(site, f"a{number}@example.org", "json")

        assert [attempt(first, number).status_code for number in range(3)] == [202] * 3
        before = site.dump()
        refused = attempt(same, 3)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "3600")
        assert "example.org" not in refused.text
        assert site.dump() == before
        assert attempt(other, 4).status_code == 202
        site.clock.forward(hours=1, seconds=1)
        assert attempt(first, 5).status_code == 202


def test_an_address_gets_three_letters_a_day_and_the_page_stays_the_same(tmp_path):
    with running(SmtpServer()) as server:
        relay = {"host": "127.0.0.1", "port": server.port, "tls": "none"}
        with website(tmp_path, smtp=relay) as site:
            pages = {sign_up(site, "ada@example.org").content for _ in range(6)}
            assert len(pages) == 1
            assert [mail.recipient for mail in server.accepted] == ["ada@example.org"] * 3
            site.clock.forward(days=1, seconds=1)
            sign_up(site, "ada@example.org")
            assert len(server.accepted) == 4


# ── Confirming ───────────────────────────────────────────────────────────────────────────────────


def confirmation(site, email="ada@example.org", days=7.0):
    """A reader who has just signed up, and the address of their letter."""
    sign_up(site, email)
    reader = site.find(email)
    return reader, f"/confirm/{site.token(links.CONFIRM, reader, days=days)}"


def test_only_the_button_behind_the_link_confirms_and_twice_is_as_good_as_once(site):
    reader, link = confirmation(site)
    asked = site.client.get(link)
    assert asked.status_code == 200
    assert f'<form method="post" action="{link}">' in asked.text
    assert site.find(reader.email).state == "pending"
    site.clock.forward(hours=1)
    first = site.client.post(link)
    after = site.dump()
    assert first.status_code == 200
    assert site.find(reader.email).confirmed_at == site.clock()
    assert "09:00, Europe/Berlin time" in first.text
    again = site.client.post(link)
    assert (again.status_code, again.text) == (200, first.text)
    assert site.dump() == after


def test_the_way_to_the_preferences_is_shown_only_to_who_confirmed(site):
    reader, link = confirmation(site)
    page = site.preferences_of(reader)
    assert page not in site.client.get(link).text
    assert page in site.client.post(link).text
    assert site.client.get(page).status_code == 200


def test_a_confirmation_that_is_too_old_says_so_and_changes_nothing(site):
    _, link = confirmation(site)
    site.clock.forward(days=7, seconds=1)
    before = site.dump()
    late = site.client.post(link)
    assert late.status_code == 404
    assert "too old" in late.text
    assert site.dump() == before


def test_a_confirmation_from_before_somebody_left_does_not_bring_them_back(site):
    reader, link = confirmation(site)
    site.client.post(link)
    site.client.post(f"/unsubscribe/{site.token(links.UNSUBSCRIBE, reader)}")
    before = site.dump()
    assert site.client.post(link).status_code == 404
    assert site.find(reader.email).state == "left"
    assert site.dump() == before


def test_the_letters_link_can_also_leave_before_it_was_ever_confirmed(site):
    reader, link = confirmation(site)
    site.client.post(f"/unsubscribe/{site.token(links.UNSUBSCRIBE, reader)}")
    assert site.client.post(link).status_code == 404


# ── Leaving ──────────────────────────────────────────────────────────────────────────────────────


MULTIPART = (
    '--b7\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b7--\r\n'
)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (ONE_CLICK, "application/x-www-form-urlencoded"),
        (MULTIPART, "multipart/form-data; boundary=b7"),
        ("", "application/x-www-form-urlencoded"),  # some clients forget the body
        (None, None),
        ("", "multipart/form-data"),  # and some the boundary
        (MULTIPART[:40], "multipart/form-data; boundary=b7"),
        ("<xml/>", "text/xml"),  # whatever they send: they want to leave
        (ONE_CLICK, "application/x-www-form-urlencoded; charset=undefined"),
    ],
)
def test_one_click_leaves_at_once_without_cookie_origin_page_or_redirect(site, body, kind):
    reader = site.reader("ada@example.org")
    link = f"/unsubscribe/{site.token(links.UNSUBSCRIBE, reader)}"
    headers = {"content-type": kind} if kind else {}
    request = site.client.build_request("POST", link, content=body, headers=headers)
    for name in ("cookie", "origin", "referer", "user-agent", "accept"):
        request.headers.pop(name, None)
    answer = site.client.send(request)
    assert answer.status_code == 200
    assert not {"location", "set-cookie", "www-authenticate"} & set(answer.headers)
    assert site.find(reader.email).state == "left"


def test_leaving_again_or_with_a_link_that_is_not_ours_shows_the_very_same_page(site):
    reader = site.reader("ada@example.org")
    link = f"/unsubscribe/{site.token(links.UNSUBSCRIBE, reader)}"
    first, after = site.client.post(link), site.dump()
    for other in (link, "/unsubscribe/made-up", f"{link}A", "/unsubscribe/" + "A" * 5000):
        answer = site.client.post(other)
        assert (answer.status_code, answer.content) == (200, first.content)
        assert answer.headers == first.headers
    assert site.dump() == after
    data = site.app.store.roster.data(reader.key)
    assert [one["action"] for one in data["consents"]] == ["added", "left"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_scanner_that_opens_the_unsubscribe_link_ends_nothing(site, method):
    link = f"/unsubscribe/{site.token(links.UNSUBSCRIBE, site.reader('ada@example.org'))}"
    before = site.dump()
    assert site.client.request(method, link).status_code == 200
    assert site.dump() == before


# ── Hostile tokens ───────────────────────────────────────────────────────────────────────────────


def hostile_tokens(site, scope):
    """Tokens of which none is good for ``scope``."""
    reader = site.find("active@example.org")
    other_scopes = [site.token(one, reader) for one in SCOPES if one != scope]
    stranger, old = Signer("another key"), site.clock().replace(year=2020)
    others = (
        *other_scopes,
        *(stranger.token(one, reader.key) for one in SCOPES),
        site.app.signer.token(scope, reader.key, "x", expires=old),
        site.app.signer.token(scope, *("nobody", "more")[: 2 if scope == links.CHANGE else 1]),
    )
    return list(tokens(site.token(scope, reader), others))


@pytest.mark.parametrize("route", ROUTES)
def test_a_hundred_hostile_tokens_open_nothing_and_change_nothing(calm, route):
    scope = links.CHANGE if route == "move" else route
    found, before = hostile_tokens(calm, scope), calm.dump()
    assert len(set(found)) >= 100
    for token in found:
        get, post = (calm.client.request(how, f"/{route}/{token}") for how in ("GET", "POST"))
        good = 200 if route != "preferences" else 404
        assert get.status_code in {good, 404, 405}, token[:80]
        assert post.status_code in {200 if route == "unsubscribe" else 404, 404, 405}, token[:80]
        assert "active@example.org" not in get.text + post.text
        assert "x-injected" not in {*get.headers, *post.headers}
        assert "<script>" not in get.text + post.text
    assert calm.dump() == before


@pytest.mark.parametrize("part", ["/email", "/delete", "/data.json"])
def test_hostile_tokens_reach_nobodys_data(calm, part):
    before = calm.dump()
    for token in hostile_tokens(calm, links.PREFERENCES):
        method = "GET" if part == "/data.json" else "POST"
        sent = {"email": "new@example.org", "sure": "yes"}
        data = {} if method == "GET" else {"data": sent}
        answer = calm.client.request(method, f"/preferences/{token}{part}", **data)
        assert answer.status_code in {404, 405}, token[:80]
        assert "active@example.org" not in answer.text
    assert calm.dump() == before
