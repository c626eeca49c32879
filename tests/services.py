"""Looks at services over a transport of the test's own: what came of it, and what was asked."""

import asyncio
import json

import httpx2
from make import NOON, candidate

from digest.model import Visit
from digest.sources import look

AGENT = "digest-test (+https://digest.example.org)"


class Service:
    """Answers requests by the longest known part of their address, and remembers them."""

    def __init__(self, **answers):
        self.answers = answers
        self.asked = []

    def __call__(self, request):
        self.asked.append(request)
        found = [part for part in self.answers if part in str(request.url)]
        return reply(self.answers[max(found, key=len)] if found else 404)

    @property
    def paths(self):
        return [request.url.path for request in self.asked]


def serving(answers):
    """As ``Service``, for parts of addresses that are no names."""
    service = Service()
    service.answers = answers
    return service


def reply(answer):
    """A response: bytes, a status, a response, or a value for JSON."""
    if isinstance(answer, httpx2.Response):
        return httpx2.Response(answer.status_code, content=answer.content, headers=answer.headers)
    if isinstance(answer, int):
        return httpx2.Response(answer)
    content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return httpx2.Response(200, content=content, headers={"ETag": '"1"'})


def looked(module, options, service, *, known=(), visits=(), now=NOON, **network):
    """One look of that module's source; ``known`` are candidates, ``visits`` what is remembered."""
    transport = service if hasattr(service, "aclose") else httpx2.MockTransport(service)
    source = module.Source(
        options, **{"agent": AGENT, "wait": 0, "transport": transport, **network}
    )
    remembered = {visit.url: visit for visit in visits}
    return asyncio.run(look(source, now, remembered, {one.paper.id: one for one in known}))


def values(harvest):
    """What was observed: paper, name and value."""
    return {(signal.paper_id, signal.name, signal.value) for signal in harvest.signals}


def noticed(number=1, **over):
    """A candidate that has votes."""
    return candidate(number, votes=5.0, **over)


def asked_before(url, at):
    """What is remembered of an address that was asked at that instant."""
    return Visit(url=url, built=at.isoformat())
