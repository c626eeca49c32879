"""What holds for every page: GET changes nothing, headers, sizes, broken bodies, logs, outages."""

import logging
import re
from email import message_from_bytes

import pytest
from hostile import BREAKS
from make import edition
from smtp_server import SmtpServer, running
from starlette.testclient import TestClient
from website import BASE, KEY, SCOPES, Clock, fresh_app, mail, received, website

from digest import links
from digest.web import create, health, joining, mailbox, opinions, preferences, reading
from digest.web.guard import MOST_BYTES

EMAIL = "ada@example.org"
FORM = "application/x-www-form-urlencoded"
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@pytest.fixture
def site(tmp_path):
    with website(tmp_path, inbox=received(mail())) as site:
        yield site


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    """A site for requests of which none may change anything: the tests that use it check that."""
    with website(tmp_path_factory.mktemp("calm")) as site:
        site.page = site.preferences_of(site.reader(EMAIL))
        yield site


def routes(method):
    """The addresses that take this method, with their parts in braces."""
    parts = (reading, joining, preferences, opinions, health, mailbox)
    found = [route for part in parts for route in part.routes.routes if method in route.methods]
    return sorted({route.path for route in found})


def addresses(site, method):
    """Every address that takes this method, with every kind of token of every kind of reader."""
    states = ("pending", "active", "left", "suppressed")
    readers = [site.find(f"{one}@e.org") or site.reader(f"{one}@e.org", one) for one in states]
    site.app.store.editions.publish(edition())
    values = {"name": ("2026-01-15", "2026-01-14", "x"), "number": ("1", "2", "x")}
    made = [site.token(scope, one) for scope in SCOPES for one in readers]
    values["token"] = (*made, "made-up")
    tickets = [links.ticket(site.app.signer, number, one.key) for number, one in enumerate(readers)]
    values["rank"] = [f"{rank}/{one}" for rank in ("1", "x") for one in (*tickets, "made-up")]
    yield from ("/nowhere", "/static/style.css", "/static/zone.js", "/static/nothing", "//", "/a/b")
    for route in routes(method):
        path = route.replace("/{ticket}", "")  # goes with the rank
        part = re.search(r"\{(\w+)\}", path)
        for value in values[part[1]] if part else [""]:
            yield path.replace(part[0], value) if part else path
    for token in values["token"]:
        yield f"/editions/2026-01-15?mail={token}"


# ── GET changes nothing ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_looking_at_any_page_with_any_token_changes_nothing(site, method):
    every = [*addresses(site, "GET")]
    assert len(every) > 140
    before = site.dump()
    for address in every:
        assert site.client.request(method, address).status_code in {200, 404, 405}, address
    assert site.dump() == before


def test_head_says_what_get_says_without_the_body(site):
    for address in addresses(site, "HEAD"):
        head, get = (site.client.request(how, address) for how in ("HEAD", "GET"))
        assert (head.status_code, head.content) == (get.status_code, b"")
        assert head.headers == get.headers


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "X"])
def test_no_other_method_does_anything(site, method):
    every, before = [*addresses(site, "GET")], None
    before = site.dump()
    for address in every:
        assert site.client.request(method, address).status_code in {404, 405}, address
    assert site.dump() == before


# ── Headers ──────────────────────────────────────────────────────────────────────────────────────


def check_headers(answer):
    headers = answer.headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src ")
    assert "script-src" not in policy or "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy or "sandbox" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert not {"set-cookie", "server", "x-powered-by", "access-control-allow-origin"} & {*headers}


def test_every_answer_carries_the_guards_headers(site):
    for address in addresses(site, "GET"):
        answer = site.client.get(address)
        check_headers(answer)
        public = address.startswith(("/editions", "/static")) and "?" not in address
        assert ("cache-control" in answer.headers) == (not public), address
    for method in ("POST", "PUT", "OPTIONS"):
        for address in addresses(site, "POST"):
            check_headers(site.client.request(method, address))
    check_headers(site.client.post("/subscribe", content=b"a" * (MOST_BYTES + 1)))


def test_the_pages_own_policy_allows_nothing_but_ourselves(site):
    assert site.client.get("/").headers["content-security-policy"] == POLICY


def test_nothing_redirects_so_no_token_follows_a_host_that_somebody_named(site):
    reader = site.reader(EMAIL)
    for path in ("/editions/", "/subscribe/", f"/unsubscribe/{site.token('unsubscribe', reader)}/"):
        for method in ("GET", "POST"):
            answer = site.client.request(method, path, headers={"host": "evil.example"})
            assert answer.status_code == 404
            assert "location" not in answer.headers
            assert "evil.example" not in answer.text


# ── Bodies ───────────────────────────────────────────────────────────────────────────────────────

MULTIPART = "multipart/form-data; boundary=b7"
PART = b'--b7\r\nContent-Disposition: form-data; name="email"%s\r\n\r\n%s\r\n--b7--\r\n'


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b""),
        ("application/json", b"{"),
        ("application/json", b"null"),
        ("application/json", b"[]"),
        ("application/json", b'"text"'),
        ("application/json", b"\xff\xfe{}"),
        ("application/json", b"[" * 60_000),  # deep
        ("application/json", b'{"a":' * 12_000),
        ("application/json", b'{"email": {"email": {}}}'),
        ("application/json", b'{"email": true}'),
        ("application/json", b'{"email": 1.5}'),
        ("application/json", b'{"email": NaN}'),
        ("application/json", b'{"email": ' + b"9" * 5000 + b"}"),
        ("application/json", b'{"email": ' + b"9" * 4000 + b"}"),
        ("application/json", b'{"\\ud800": 1.5}'),  # half a surrogate pair, as a name
        ("application/json", b'{"email": "\\udfff@example.org"}'),
        ("application/json", b'{"' + b"a" * 60_000 + b'": []}'),
        ("application/json", b"{" + b",".join(b'"a%d":1' % n for n in range(400)) + b"}"),
        ("application/json", b'{"email": [' + b'"a",' * 5000 + b'"b"]}'),
        (FORM, b"&".join(b"a%d=1" % n for n in range(400))),
        (FORM, b"email=%FF%FE%00&hour=%"),
        (FORM, b"=" * 30_000 + b"&" * 30_000),
        (FORM + "; charset=nonsense", b"email=a"),
        (MULTIPART, b""),
        (MULTIPART, b"--b7"),
        (MULTIPART, (PART % (b"", b"x"))[:-9]),
        (MULTIPART, PART.replace(b"form-data", b"x") % (b"", b"x")),
        (MULTIPART, PART % (b'; filename="a.txt"\r\nContent-Type: text/plain', b"a@example.org")),
        (MULTIPART, b"--b7\r\n\r\nx\r\n--b7--\r\n"),
        (MULTIPART, b"--b7\r\n" + b"X: y\r\n" * 9000 + b"\r\nx\r\n--b7--\r\n"),
        (MULTIPART + "; charset=undefined", PART % (b"", b"\xff")),
        (MULTIPART + "; charset=idna", PART % (b"", b"\xff@xn--a")),
        ("multipart/form-data", PART % (b"", b"a@example.org")),
        ("multipart/form-data; boundary=", PART % (b"", b"a@example.org")),
        ("multipart/mixed; boundary=b7", PART % (b"", b"a@example.org")),
        ("text/plain", b"email=a@example.org"),
        ("text/xml", b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>"),
        ("application/xml", b""),
        ("\xff/\xfe", b""),
        ("application/json, " + FORM, b"{}"),
    ],
)
def test_a_body_that_is_no_form_is_refused_in_words_and_changes_nothing(calm, kind, body):
    before = calm.dump()
    for path in ("/subscribe", calm.page, f"{calm.page}/email", f"{calm.page}/delete"):
        headers = {"content-type": kind.encode("latin-1")}
        answer = calm.client.post(path, content=body, headers=headers)
        assert answer.status_code == 422, path
        assert answer.text
    assert calm.dump() == before


def chunks():
    for _ in range(80):
        yield b"a" * 1024


@pytest.mark.parametrize("kind", [FORM, MULTIPART, "application/json", "text/xml"])
@pytest.mark.parametrize("path", ["/subscribe", "preferences"])
def test_a_body_that_is_too_large_is_refused_declared_or_not(calm, kind, path):
    path = calm.page if path == "preferences" else path
    before, headers = calm.dump(), {"content-type": kind}
    declared = calm.client.post(path, content=b"a" * (MOST_BYTES + 1), headers=headers)
    assert declared.status_code == 413
    assert "too large" in declared.text
    chunked = calm.client.post(path, content=chunks(), headers=headers)
    assert chunked.status_code == 422
    assert calm.dump() == before


@pytest.mark.parametrize("length", ["-1", "1e9", "٣", "", "x", "9" * 5000])
def test_a_length_that_is_none_is_refused(calm, length):
    answer = calm.client.post("/subscribe", headers={"content-length": length.encode()})
    assert answer.status_code == 413


def test_one_click_works_whatever_comes_in_its_body(site):
    link = f"/unsubscribe/{site.token(links.UNSUBSCRIBE, site.reader(EMAIL))}"
    assert site.client.post(link, content=chunks()).status_code == 200
    assert site.find(EMAIL).state == "left"


# ── Lines of their own ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("line", ["\r\n", "\n", "".join(BREAKS)], ids=ascii)
def test_no_line_break_in_any_field_reaches_a_header_of_a_mail_or_of_an_answer(tmp_path, line):
    with running(SmtpServer()) as server:
        relay = {"host": "127.0.0.1", "port": server.port, "tls": "none"}
        with website(tmp_path, smtp=relay) as site:
            page = site.preferences_of(site.reader(EMAIL))
            evil = f"{line}X-Injected: yes{line}Bcc: bcc@evil.example{line}{line}body"
            good = {"email": "new@example.net", "hour": "7", "zone": "UTC", "papers": "5"}
            good |= {"days": "1", "categories": "cs.CL", "paused_until": "", "sure": "no"}
            for path in ("/subscribe", page, f"{page}/email", f"{page}/delete"):
                for field in ("none", "website", *good):
                    sent = good | {field: good.get(field, "") + evil}
                    check_headers(answer := site.client.post(path, data=sent))
                    assert "x-injected" not in answer.headers
            token = "".join(f"%{byte:02X}" for byte in evil.encode())
            for route in ("confirm", "move", "undo", "unsubscribe", "preferences", "editions"):
                assert "x-injected" not in site.client.get(f"/{route}/{token}").headers
        assert server.accepted  # what was good in between did lead to letters
        for taken in server.accepted:
            message = message_from_bytes(taken.data)
            assert message["x-injected"] is message["bcc"] is None
            assert taken.recipient in {"new@example.net", EMAIL}
            assert b"evil.example" not in taken.data


# ── Logs ─────────────────────────────────────────────────────────────────────────────────────────


def test_no_token_address_or_secret_is_logged(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    answering = SmtpServer(user="relay-user", password="relay-password")
    with running(answering) as server:
        relay = {"host": "127.0.0.1", "port": server.port, "tls": "none"}
        relay |= {"username": "relay-user", "password": "relay-password"}
        with website(tmp_path, smtp=relay) as site:
            reader = site.reader(EMAIL)
            tokens = [site.token(scope, reader) for scope in SCOPES]
            for name in ("new", "bounce-1", "data-defer-1", "drop-after-dot-1"):
                site.client.post("/subscribe", data={"email": f"{name}@example.org"})
            site.client.post("/subscribe", data={"email": "x@example.org", "website": "y"})
            for path in routes("POST"):
                for token in tokens:
                    sent = {"email": "other@example.org", "sure": "no"}
                    site.client.post(path.replace("{token}", token), data=sent)
            break_database(site)
            site.client.get(site.preferences_of(reader))
    ours = [one for one in caplog.records if not one.name.startswith(("httpx", "httpcore"))]
    logged = "\n".join(one.getMessage() + str(one.exc_text or "") for one in ours)
    assert "store: " in logged  # the outage is there
    secrets = (KEY, reader.key, "relay-password", "example.org'", *(t[:20] for t in tokens))
    assert [secret for secret in secrets if secret in logged] == []
    assert not re.search(r"(ada|new|other|bounce-1|data-defer-1|drop-after-dot-1)@", logged)


# ── Outages ──────────────────────────────────────────────────────────────────────────────────────


def break_database(site):
    """Makes the database unusable, as a full disk or a deleted volume does."""
    site.app.store.close()
    for file in site.file.parent.glob("digest.db*"):
        if file.is_file():
            file.unlink()
    site.file.write_bytes(b"this is no database, and never was one" * 200)


def test_without_its_database_every_page_says_so_and_none_falls_over(site):
    reader = site.reader(EMAIL)
    page, addressed = site.preferences_of(reader), f"/confirm/{site.token('confirm', reader)}"
    break_database(site)
    for path in ("/", "/editions", "/editions/2026-01-15", page, f"{page}/data.json"):
        answer = site.client.get(path)
        assert answer.status_code == 503, path
        assert "Nothing was lost" in answer.text
        assert str(site.file) not in answer.text
        check_headers(answer)
    leave = f"/unsubscribe/{site.token('unsubscribe', reader)}"
    for path in ("/subscribe", addressed, leave, page, f"{page}/email", f"{page}/delete"):
        answer = site.client.post(path, data={"email": "b@example.org", "sure": "yes"})
        assert answer.status_code == 503, path
    as_json = site.client.post("/subscribe", json={"email": "b@example.org"})
    assert (as_json.status_code, list(as_json.json())) == (503, ["errors"])


def test_the_buttons_of_the_links_are_there_even_without_the_database(site):
    reader = site.reader(EMAIL)
    break_database(site)
    for scope in ("confirm", "unsubscribe"):
        assert site.client.get(f"/{scope}/{site.token(scope, reader)}").status_code == 200


def test_a_server_that_never_was_there_is_an_outage_too():
    app = fresh_app("postgresql://digest:secret-password@127.0.0.1:1/digest", Clock())
    client = TestClient(create(app), base_url=BASE)
    for path in ("/", "/readyz"):
        answer = client.get(path)
        assert answer.status_code == 503
        assert "secret-password" not in answer.text
    assert client.get("/healthz").status_code == 200


def test_alive_and_ready_are_two_questions(site):
    for path in ("/healthz", "/readyz"):
        assert (site.client.get(path).status_code, site.client.get(path).text) == (200, "ok\n")
    break_database(site)
    assert site.client.get("/healthz").status_code == 200
    assert site.client.get("/readyz").status_code == 503


def test_a_mistake_of_ours_is_an_answer_in_words_that_tells_nothing(tmp_path):
    app = fresh_app(f"sqlite:///{tmp_path}/digest.db", Clock())
    pages = create(app)

    @pages.get("/mistake")
    def mistake():
        raise ZeroDivisionError(KEY)

    client = TestClient(pages, base_url=BASE, raise_server_exceptions=False)
    answer = client.get("/mistake")
    assert answer.status_code == 500
    assert "on our side" in answer.text
    assert KEY not in answer.text
    check_headers(answer)
