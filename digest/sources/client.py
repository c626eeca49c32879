"""Sources: the one way to the network, polite to the other side and bounded on ours.

    get ──▶ up to 3 tries (429, 5xx, lost connections), Retry-After honoured
             └─▶ one try: pause ─▶ [ deadline: redirects ─▶ status ─▶ body up to the limit ]

Every foreign error leaves here as ``SourceError`` with one line that names the fault.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Self

import httpx2
import stamina

from digest.errors import SourceError
from digest.model import Visit
from digest.sources.fields import instant, one_line

TRIES = 3
PATIENCE = 60.0  # seconds that one look may spend on waits between tries
REDIRECTS = 5
MEGABYTE = 1_000_000
TAG_LENGTH = 256
FAULT_LENGTH = 160

_NO_COOKIES = DefaultCookiePolicy(allowed_domains=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back: 304 has no body, and ``visit`` is what to remember of it."""

    status: int
    body: bytes
    visit: Visit


class _Passing(Exception):  # noqa: N818 - it may pass, that is all it says
    """A fault that may be gone at the next try, ``wait`` seconds later if the server said so."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class Client:
    """An HTTP client for one source: enter it, ``get``, leave it; it may be entered again.

    One connection, no cookies, no credentials, redirects only to http(s) and never from https
    to http (which keeps a redirect away from the plain services of a private network).
    """

    def __init__(
        self,
        source: str,
        *,
        agent: str,
        timeout: float,
        max_megabytes: float,
        pause: float = 0.0,
        wait: float = 1.0,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        """Keeps the manners of one source.

        Args:
            source: its name, for errors.
            agent: the User-Agent.
            timeout: seconds for one try as a whole, from the connection to the last byte.
            max_megabytes: the largest body taken, decompressed, in 10⁶ bytes.
            pause: least seconds between the starts of two requests.
            wait: seconds before the second try, doubled for the third, plus as much jitter.
            transport: what carries the requests instead of the network, in tests.
        """
        self.source = source
        self._headers = {"User-Agent": agent, "Accept-Encoding": "gzip"}
        self._timeout = timeout
        self._megabytes = max_megabytes
        self._pause = pause
        self._wait = wait
        self._transport = transport
        self._last = float("-inf")
        self._patience = PATIENCE

    async def __aenter__(self) -> Self:
        self._patience = PATIENCE
        self._http = httpx2.AsyncClient(
            auth=httpx2.Auth(),  # none, not even what an address may carry
            cookies=CookieJar(_NO_COOKIES),
            headers=self._headers,
            limits=httpx2.Limits(max_connections=1),
            timeout=None,  # the deadline of a try holds for all of it
            transport=self._transport,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def get(self, url: str, visit: Visit | None = None) -> Answer:
        """GET, on the condition that something changed since ``visit``.

        Any status comes back as an answer but those that were worth another try to the last.

        Raises:
            SourceError: the message says what happened, e.g. ``503 after 3 tries``.
        """
        trying = stamina.AsyncRetryingCaller(
            attempts=TRIES, timeout=None, wait_initial=self._wait, wait_jitter=self._wait
        )
        try:
            return await trying(self._again, self._once, url, visit)
        except _Passing as error:
            raise SourceError(self.source, f"{error} after {TRIES} tries") from error

    def _again(self, error: Exception) -> bool | float:
        """Whether to try again; a number is the wait that the server asked for, in seconds."""
        if not isinstance(error, _Passing):
            return False
        if error.wait is None:
            return True
        self._patience -= error.wait
        return max(error.wait, self._wait)

    async def _once(self, url: str, visit: Visit | None) -> Answer:
        await self._pace()
        body = bytearray()
        try:
            async with (
                asyncio.timeout(self._timeout),
                self._followed(url, _conditions(visit)) as response,
            ):
                if response.status_code == HTTPStatus.NOT_MODIFIED and visit is not None:
                    return Answer(status=response.status_code, body=b"", visit=visit)
                self._judge(response)
                await self._read(response, body)
                return Answer(
                    status=response.status_code, body=bytes(body), visit=_visit(url, response)
                )
        except TimeoutError as error:
            size = f"only {len(body):,} bytes" if body else "no answer"
            raise SourceError(self.source, f"{size} in {self._timeout:g} s") from error
        except httpx2.DecodingError as error:
            raise SourceError(self.source, "its compression is broken") from error
        except httpx2.TransportError as error:
            raise _Passing(_transport_fault(error)) from error
        except httpx2.InvalidURL as error:
            raise SourceError(self.source, f"no address: {_detail(error)}") from error

    async def _pace(self) -> None:
        early = self._last + self._pause - time.perf_counter()
        if early > 0:
            await asyncio.sleep(early)
        self._last = time.perf_counter()

    @asynccontextmanager
    async def _followed(
        self, url: str, conditions: dict[str, str]
    ) -> AsyncIterator[httpx2.Response]:
        """The first answer that is no redirect, its body not read yet."""
        request = self._http.build_request("GET", url, headers=conditions)
        for _ in range(REDIRECTS + 1):
            response = await self._http.send(request, stream=True)
            try:
                if response.next_request is None:
                    yield response
                    return
            finally:
                await response.aclose()
            request = self._checked(request.url, response.next_request)
            await self._pace()
        raise SourceError(self.source, f"more than {REDIRECTS} redirects")

    def _checked(self, here: httpx2.URL, there: httpx2.Request) -> httpx2.Request:
        if there.url == here:
            raise SourceError(self.source, "redirects to itself")
        if there.url.scheme not in {"http", "https"}:
            raise SourceError(self.source, f"redirects to {there.url.scheme}:, not to http(s)")
        if (here.scheme, there.url.scheme) == ("https", "http"):
            raise SourceError(self.source, "redirects from https to http")
        return there

    def _judge(self, response: httpx2.Response) -> None:
        """Raises for statuses that may pass, and for what was not asked for."""
        status, encoding = response.status_code, response.headers.get("Content-Encoding", "")
        if status == HTTPStatus.TOO_MANY_REQUESTS or response.is_server_error:
            wait = _retry_after(response)
            if wait is not None and wait > self._patience:
                raise SourceError(
                    self.source, f"{status}, and asks to wait {timedelta(seconds=wait)}: too long"
                )
            raise _Passing(str(status), wait)
        if not (response.is_success or response.is_client_error):
            raise SourceError(self.source, f"{status} was not asked for")
        # Encodings can be stacked, each a thousandfold: only the one that was offered is taken.
        if encoding.strip().lower() not in {"", "identity", "gzip"}:
            raise SourceError(
                self.source, f"encoded as {_detail(encoding)}, which nobody asked for"
            )

    async def _read(self, response: httpx2.Response, body: bytearray) -> None:
        async for chunk in response.aiter_bytes():  # decompressed in pieces of at most 1 MiB
            body += chunk
            if len(body) > self._megabytes * MEGABYTE:
                raise SourceError(self.source, f"larger than {self._megabytes:g} MB")


def _conditions(visit: Visit | None) -> dict[str, str]:
    named = {
        "If-None-Match": visit.etag if visit else None,
        "If-Modified-Since": visit.last_modified if visit else None,
    }
    return {name: value for name, value in named.items() if value}


def _visit(url: str, response: httpx2.Response) -> Visit:
    """The validators, unless they are of a kind that could not be sent back."""
    tag, date = (
        value if value and len(value) <= TAG_LENGTH and value.isascii() else None
        for value in (response.headers.get("ETag"), response.headers.get("Last-Modified"))
    )
    return Visit(url=url, etag=tag, last_modified=date)


def _retry_after(response: httpx2.Response) -> float | None:
    """Seconds to wait (RFC 9110, 10.2.3); a date is read against the server's own clock."""
    value = response.headers.get("Retry-After", "")
    if re.fullmatch(r"\d{1,9}", value):
        return float(value)
    then, now = instant(value), instant(response.headers.get("Date"))
    return max(0.0, (then - now).total_seconds()) if then and now else None


def _transport_fault(error: httpx2.TransportError) -> str:
    if isinstance(error, httpx2.ConnectError):
        return f"no connection ({_detail(error)})"
    if isinstance(error, httpx2.RemoteProtocolError) and "complete message body" in str(error):
        return "answer cut off"
    if isinstance(error, httpx2.NetworkError):
        return f"connection lost ({_detail(error) or type(error).__name__})"
    return f"not HTTP ({_detail(error)})"


def _detail(value: object) -> str:
    return one_line(str(value), limit=FAULT_LENGTH)
