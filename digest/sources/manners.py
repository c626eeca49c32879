"""Sources: the client of a service with the manners of its table of settings."""

from collections.abc import Mapping
from typing import Protocol, Required, TypedDict

import httpx2

from digest.sources.client import Client


class Network(TypedDict, total=False):
    """How a source reaches the outside: who asks, and in tests what carries it, and how fast.

    ``pause`` and ``wait`` are the seconds between two requests and before a second try.
    """

    agent: Required[str]
    transport: httpx2.AsyncBaseTransport | None
    pause: float
    wait: float


class Manners(Protocol):
    """What the table of a service says of its manners: seconds and 10⁶ bytes."""

    @property
    def timeout(self) -> float:
        """For one try."""

    @property
    def seconds(self) -> float:
        """For a look as a whole."""

    @property
    def max_megabytes(self) -> float:
        """The largest answer taken."""


def client(
    source: str,
    options: Manners,
    network: Network,
    *,
    pause: float,
    headers: Mapping[str, str] | None = None,
) -> Client:
    """A client of ``source`` that leaves ``pause`` seconds between the starts of two requests.

    Over a transport of one's own it makes no pause (nobody is troubled) unless ``network`` says so.
    """
    transport = network.get("transport")
    return Client(
        source,
        agent=network["agent"],
        timeout=options.timeout,
        max_megabytes=options.max_megabytes,
        pause=network.get("pause", 0.0 if transport else pause),
        wait=network.get("wait", 1.0),
        box=options.seconds,
        credentials=headers,
        transport=transport,
    )
