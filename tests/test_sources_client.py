"""The client: polite to the other side, bounded on ours, every fault named in one line."""

import asyncio
import gzip
import tracemalloc

import httpx2
import pytest

from digest.errors import SourceError
from digest.model import Visit
from digest.sources.client import Client

URL = "https://feed.example/rss/cs.CL"


def get(handler, *, url=URL, visit=None, **options):
    """One look through a client whose network is ``handler(request)``."""
    manners = {"agent": "digest-test", "timeout": 5.0, "max_megabytes": 1.0, "wait": 0.0}
    transport = httpx2.MockTransport(handler) if handler else None

    async def look():
        async with Client("feed", **manners | options, transport=transport) as client:
            return await client.get(url, visit)

    return asyncio.run(look())


def fault(handler, **options):
    with pytest.raises(SourceError) as caught:
        get(handler, **options)
    assert caught.value.source == "feed"
    return caught.value.args[0]


def answers(*responses):
    """A handler that gives these in turn and remembers what it was asked."""
    left, asked = list(responses), []

    def handler(request):
        asked.append(request)
        return left.pop(0)

    handler.asked = asked
    return handler


async def pieces(*parts):
    for part in parts:
        yield part


def test_an_answer_comes_with_what_to_remember_of_it():
    handler = answers(
        httpx2.Response(
            200,
            content=b"body",
            headers={"ETag": "abc", "Last-Modified": "Thu", "Set-Cookie": "a=b"},
        )
    )
    answer = get(handler)
    assert (answer.status, answer.body) == (200, b"body")
    assert answer.visit == Visit(url=URL, etag="abc", last_modified="Thu")


def test_a_request_says_who_asks_and_carries_neither_cookie_nor_credentials():
    handler = answers(
        httpx2.Response(302, headers={"Location": "/b", "Set-Cookie": "a=b; Path=/"}),
        httpx2.Response(200, content=b"x"),
    )
    get(handler, url="https://me:secret@feed.example/a")
    for request in handler.asked:
        assert request.headers["User-Agent"] == "digest-test"
        assert not {"cookie", "authorization"} & set(request.headers)


def test_what_was_remembered_makes_the_request_conditional_and_304_keeps_it():
    visit = Visit(url=URL, etag="abc", last_modified="Thu", built="then", batch="b")
    handler = answers(httpx2.Response(304))
    answer = get(handler, visit=visit)
    assert handler.asked[0].headers["If-None-Match"] == "abc"
    assert handler.asked[0].headers["If-Modified-Since"] == "Thu"
    assert (answer.status, answer.visit) == (304, visit)


@pytest.mark.parametrize("tag", ["x" * 300, "é"])
def test_a_validator_that_could_not_be_sent_back_is_forgotten(tag):
    headers = [(b"ETag", tag.encode())]
    assert get(answers(httpx2.Response(200, headers=headers))).visit.etag is None


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_status_that_may_pass_is_tried_three_times(status):
    handler = answers(*[httpx2.Response(status)] * 3)
    assert fault(handler) == f"{status} after 3 tries"
    assert len(handler.asked) == 3


def test_a_later_try_that_works_is_the_answer():
    handler = answers(
        httpx2.Response(503), httpx2.Response(429), httpx2.Response(200, content=b"x")
    )
    assert get(handler).body == b"x"


def test_a_status_that_will_not_pass_is_an_answer_at_once():
    handler = answers(httpx2.Response(404, content=b"gone"))
    assert (get(handler).status, len(handler.asked)) == (404, 1)


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"Retry-After": "3600"}, "503, and asks to wait 1:00:00: too long"),
        (  # a date, read against the server's own clock
            {
                "Retry-After": "Thu, 15 Jan 2026 02:00:00 GMT",
                "Date": "Thu, 15 Jan 2026 00:00:00 GMT",
            },
            "503, and asks to wait 2:00:00: too long",
        ),
    ],
)
def test_a_wait_that_would_hold_the_day_is_refused_with_a_note(headers, reason):
    handler = answers(httpx2.Response(503, headers=headers))
    assert fault(handler) == reason
    assert len(handler.asked) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"Retry-After": "0"},
        {"Retry-After": "-5"},  # no such number
        {"Retry-After": "9" * 5_000},
        {"Retry-After": "soon"},
        {"Retry-After": "Thu, 15 Jan 2026 02:00:00 GMT"},  # with no Date to read it against
        {"Retry-After": "Thu, 15 Jan 2026 00:00:00 GMT", "Date": "Thu, 15 Jan 2026 01:00:00 GMT"},
    ],
)
def test_a_wait_that_is_over_or_no_wait_leaves_our_own(headers):
    handler = answers(httpx2.Response(503, headers=headers), httpx2.Response(200, content=b"x"))
    assert get(handler).body == b"x"


def test_a_named_wait_is_kept_and_all_waits_together_are_bounded():
    waits = []

    async def look():
        transport = httpx2.MockTransport(
            answers(*[httpx2.Response(503, headers={"Retry-After": "40"})] * 3)
        )
        client = Client("feed", agent="a", timeout=5, max_megabytes=1, wait=0, transport=transport)
        decide = client._again

        def without_waiting(error):
            waits.append(decide(error))
            return 0.0 if waits[-1] is not False else False

        client._again = without_waiting
        async with client:
            await client.get(URL)

    with pytest.raises(SourceError, match="503, and asks to wait 0:00:40: too long"):
        asyncio.run(look())
    assert waits == [40.0, False]  # 40 of 60 seconds are spent: a second 40 is too long


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (httpx2.ConnectError("refused"), "no connection (refused) after 3 tries"),
        (httpx2.ReadError(""), "connection lost (ReadError) after 3 tries"),
        (httpx2.RemoteProtocolError("bad\r\nline"), "not HTTP (bad line) after 3 tries"),
    ],
)
def test_lost_connections_are_tried_again_and_named(error, reason):
    asked = []

    def handler(request):
        asked.append(request)
        raise error

    assert fault(handler) == reason
    assert len(asked) == 3


def test_a_server_that_never_answers_holds_nobody_longer_than_the_deadline():
    asked = []

    async def handler(request):
        asked.append(request)
        await asyncio.Event().wait()

    assert fault(handler, timeout=0.05) == "no answer in 0.05 s"
    assert len(asked) == 1  # a second try would double the wait


def test_an_answer_that_drips_is_cut_at_the_deadline():
    async def drip():
        yield b"drop"
        await asyncio.Event().wait()

    reason = fault(lambda _: httpx2.Response(200, content=drip()), timeout=0.05)
    assert reason == "only 4 bytes in 0.05 s"


def test_a_body_over_the_limit_is_left_where_it_is():
    taken = []

    async def endless():
        while True:
            taken.append(1)
            yield b" " * 100_000

    assert fault(lambda _: httpx2.Response(200, content=endless())) == "larger than 1 MB"
    assert len(taken) <= 11


def test_a_gzip_bomb_does_not_inflate():
    bomb = gzip.compress(b" " * 50_000_000)

    def handler(_request):
        return httpx2.Response(200, headers={"Content-Encoding": "gzip"}, content=pieces(bomb))

    tracemalloc.start()
    assert fault(handler) == "larger than 1 MB"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8_000_000


@pytest.mark.parametrize(
    ("headers", "body", "reason"),
    [
        ({"Content-Encoding": "gzip, gzip"}, b"x", "encoded as gzip, gzip, which nobody asked for"),
        ({"Content-Encoding": "br"}, b"x", "encoded as br, which nobody asked for"),
        ({"Content-Encoding": "gzip"}, b"plain", "its compression is broken"),
    ],
)
def test_only_the_encoding_that_was_offered_is_taken(headers, body, reason):
    def handler(_request):
        return httpx2.Response(200, headers=headers, content=pieces(body))

    assert fault(handler) == reason


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        (URL, "redirects to itself"),
        ("file:///etc/passwd", "redirects to file:, not to http(s)"),
        ("http://127.0.0.1/admin", "redirects from https to http"),
        ("https://x:y/", "302 was not asked for"),  # no address to follow
    ],
)
def test_a_redirect_to_the_wrong_place_is_not_followed(location, reason):
    handler = answers(*[httpx2.Response(302, headers={"Location": location})] * 3)
    assert fault(handler) == reason
    assert {str(request.url) for request in handler.asked} == {URL}


def test_redirects_are_followed_five_times_and_no_more():
    def step(request):
        number = int(request.url.path[1:])
        return httpx2.Response(301, headers={"Location": f"/{number + 1}"})

    assert fault(step, url="https://feed.example/0") == "more than 5 redirects"
    five = [httpx2.Response(302, headers={"Location": f"/{n}"}) for n in range(5)]
    assert get(answers(*five, httpx2.Response(200, content=b"x"))).body == b"x"


@pytest.mark.parametrize("status", [304, 300])
def test_a_status_that_was_not_asked_for_is_a_fault(status):
    assert fault(answers(httpx2.Response(status))) == f"{status} was not asked for"


def test_two_requests_start_at_least_the_pause_apart():
    started = []

    async def look():
        loop = asyncio.get_running_loop()

        def handler(_request):
            started.append(loop.time())
            return httpx2.Response(200, content=b"x")

        client = Client(
            "feed",
            agent="a",
            timeout=5,
            max_megabytes=1,
            pause=0.1,
            transport=httpx2.MockTransport(handler),
        )
        for _ in range(2):  # the pause holds between two looks as well
            async with client:
                await client.get(URL)

    asyncio.run(look())
    assert started[1] - started[0] >= 0.09


def test_a_body_shorter_than_promised_is_cut_off():
    asked = []

    async def serve(reader, writer):
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        writer.close()

    async def look():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, Client("feed", agent="a", timeout=5, max_megabytes=1, wait=0) as client:
            await client.get(f"http://127.0.0.1:{port}/")

    with pytest.raises(SourceError, match="answer cut off after 3 tries"):
        asyncio.run(look())
    assert len(asked) == 3


# ── Questions with a body, secrets, and the time of a look as a whole ────────────────────────────


def looked(handler, ask, **options):
    """One look that asks as ``ask(client)`` says."""
    manners = {"agent": "digest-test", "timeout": 5.0, "max_megabytes": 1.0, "wait": 0.0}
    transport = httpx2.MockTransport(handler)

    async def look():
        async with Client("feed", **manners | options, transport=transport) as client:
            return await ask(client)

    return asyncio.run(look())


def test_a_question_may_have_a_body_and_is_asked_again_whole():
    handler = answers(httpx2.Response(503), httpx2.Response(200, content=b"[1]"))
    answer = looked(handler, lambda client: client.post(URL, {"ids": ["a", "b"]}))
    assert answer.body == b"[1]"
    assert {(one.method, one.content) for one in handler.asked} == {("POST", b'{"ids":["a","b"]}')}
    assert handler.asked[1].headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("there", "followed"),
    [
        ("https://feed.example/moved", True),
        ("/moved", True),
        ("https://feed.example:444/moved", False),  # another port is another service
        ("https://www.feed.example/moved", False),
        ("https://evil.example/moved", False),
    ],
)
def test_credentials_never_leave_the_host_they_are_for(there, followed):
    moved = httpx2.Response(302, headers={"Location": there})
    handler = answers(moved, httpx2.Response(200, content=b"here"))
    secret = {"x-api-key": "not-a-real-key"}
    if followed:
        answer = looked(handler, lambda client: client.get(URL), credentials=secret)
        assert answer.body == b"here"
        assert handler.asked[1].headers["x-api-key"] == "not-a-real-key"
    else:
        with pytest.raises(SourceError, match="gets no credentials") as caught:
            looked(handler, lambda client: client.get(URL), credentials=secret)
        assert len(handler.asked) == 1
        assert "not-a-real-key" not in str(caught.value)


def test_the_box_holds_for_all_requests_of_a_look():
    async def twice(client):
        await client.get(URL)
        await client.get(URL)

    asked = []

    async def once(request):
        asked.append(request)
        if len(asked) > 1:
            await asyncio.Event().wait()
        return httpx2.Response(200, content=b"x")

    with pytest.raises(SourceError, match=r"no answer in 0\.\d+ s"):
        looked(once, twice, box=0.2)
    assert len(asked) == 2


def test_after_its_box_a_look_asks_nothing_more():
    asked = []

    async def often(client):
        while True:
            await client.get(URL)

    def handler(request):
        asked.append(request)
        return httpx2.Response(200, content=b"x")

    with pytest.raises(SourceError, match=r"its 0\.05 s are over|no answer in 0 s"):
        looked(handler, often, box=0.05)
    assert asked


def test_a_wait_that_does_not_fit_the_box_is_not_waited():
    handler = answers(httpx2.Response(429, headers={"Retry-After": "30"}))
    with pytest.raises(SourceError, match="429, and asks to wait 0:00:30: too long"):
        looked(handler, lambda client: client.get(URL), box=10)
