"""Both services in small, on loopback: invented papers as arXiv and Hugging Face write them."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

RSS = """<?xml version='1.0' encoding='UTF-8'?>
<rss xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns:dc="http://purl.org/dc/elements/1.1/"
 version="2.0"><channel><title>cs.CL updates on arXiv.org</title>
<lastBuildDate>Thu, 15 Jan 2026 05:00:02 +0000</lastBuildDate>
<pubDate>Thu, 15 Jan 2026 00:00:00 -0500</pubDate>{items}</channel></rss>"""
ITEM = """<item><title>Invented paper {n}</title><link>https://arxiv.org/abs/2601.{n:05}</link>
<description>arXiv:2601.{n:05}v1 Announce Type: new
Abstract: What number {n} is about.</description>
<guid isPermaLink="false">oai:arXiv.org:2601.{n:05}v1</guid><category>cs.CL</category>
<pubDate>Thu, 15 Jan 2026 00:00:00 -0500</pubDate><arxiv:announce_type>new</arxiv:announce_type>
<dc:creator>Ada Example, Ben Example</dc:creator></item>"""


def rss(count: int) -> bytes:
    """ArXiv's feed of a Thursday with so many new papers."""
    return RSS.format(items="".join(ITEM.format(n=n) for n in range(1, count + 1))).encode()


def daily_papers(count: int) -> bytes:
    """Hugging Face's list with votes for every second of them."""
    return json.dumps(
        [
            {
                "paper": {
                    "id": f"2601.{n:05}",
                    "title": f"Invented paper {n}",
                    "summary": f"What number {n} is about.",
                    "publishedAt": "2026-01-14T18:00:00.000Z",
                    "submittedOnDailyAt": "2026-01-15T06:30:00.000Z",
                    "upvotes": 2 * n,
                    "authors": [{"name": "Ada Example"}],
                },
                "numComments": 1,
            }
            for n in range(2, count + 1, 2)
        ]
    ).encode()


class Feeds:
    """The server's address, and what to call with the path of each request once it is answered."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answered: Callable[[str], None] = lambda _: None


@contextlib.contextmanager
def feeds(count: int = 12) -> Iterator[Feeds]:
    """Serves ``count`` papers while the block lasts."""
    bodies = {"/rss": rss(count), "/api": daily_papers(count)}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = bodies.get("/" + self.path.split("/")[1])
            self.send_response(200 if body else 404)
            body = body or b"there is no such thing"
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()
            served.answered(self.path)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served = Feeds(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join(10)
