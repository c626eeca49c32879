"""Sources: the one way to the network, polite to the other side and bounded on ours.

    get, post ──▶ up to 3 tries (429, 5xx, lost connections), Retry-After honoured
                   └─▶ one try: pause ─▶ [ deadline: redirects ─▶ status ─▶ body up to the limit ]

Every foreign error leaves here as ``SourceError`` with one line that names the fault.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Mapping
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

    One connection, no cookies, redirects only to http(s) and never from https to http (which keeps
    a redirect away from the plain services of a private network). Credentials only where
    ``credentials`` says so, and then no redirect leaves the host they are for.
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
        box: float = float("inf"),
        credentials: Mapping[str, str] | None = None,
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
            box: seconds for one look as a whole, from entering to the last byte.
            credentials: headers that hold secrets, or that the service asks for.
            transport: what carries the requests instead of the network, in tests.
        """
        self.source = source
        self._headers = {"User-Agent": agent, "Accept-Encoding": "gzip"}
        self._timeout = timeout
        self._megabytes = max_megabytes
        self._pause = pause
        self._wait = wait
        self._box = box
        self._credentials = dict(credentials or {})
        self._transport = transport
        self._last = float("-inf")
        self._patience = PATIENCE
        self._end = float("inf")

    async def __aenter__(self) -> Self:
        self._patience = PATIENCE
        self._end = time.perf_counter() + self._box
        self._http = httpx2.AsyncClient(
            auth=httpx2.Auth(),  # none, not even what an address may carry
            cookies=CookieJar(_NO_COOKIES),
            headers=self._headers | self._credentials,
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

    def follow(self) -> None:
        """Makes the pause before the first request, too: somebody else has just asked there."""
        self._last = time.perf_counter()

    async def get(self, url: str, visit: Visit | None = None) -> Answer:
        """GET, on the condition that something changed since ``visit``.

        Any status comes back as an answer but those that were worth another try to the last.

        Raises:
            SourceError: the message says what happened, e.g. ``503 after 3 tries``.
        """
        return await self._ask("GET", url, visit, None)

    async def post(self, url: str, json: object) -> Answer:
        """POST of a question that changes nothing over there, so that it may be asked again.

        Raises:
            SourceError: as ``get``.
        """
        return await self._ask("POST", url, None, json)

    async def _ask(self, method: str, url: str, visit: Visit | None, json: object) -> Answer:
        trying = stamina.AsyncRetryingCaller(
            attempts=TRIES, timeout=None, wait_initial=self._wait, wait_jitter=self._wait
        )
        try:
            return await trying(self._again, self._once, method, url, visit, json)
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

    async def _once(self, method: str, url: str, visit: Visit | None, json: object) -> Answer:
        await self._pace()
        seconds, body = min(self._timeout, self._left()), bytearray()
        if seconds <= 0:
            raise SourceError(self.source, f"its {self._box:g} s are over")
        try:
            request = self._http.build_request(method, url, headers=_conditions(visit), json=json)
            async with asyncio.timeout(seconds), self._followed(request) as response:
                status = response.status_code
                if status == HTTPStatus.NOT_MODIFIED and visit is not None:
                    return Answer(status=status, body=b"", visit=visit)
                self._judge(response)
                await self._read(response, body)
                return Answer(status=status, body=bytes(body), visit=_visit(url, response))
        except TimeoutError as error:
            size = f"only {len(body):,} bytes" if body else "no answer"
            raise SourceError(self.source, f"{size} in {round(seconds, 2):g} s") from error
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

    def _left(self) -> float:
        """Seconds until the look has to end."""
        return self._end - time.perf_counter()

    @asynccontextmanager
    async def _followed(self, request: httpx2.Request) -> AsyncIterator[httpx2.Response]:
        """The first answer that is no redirect, its body not read yet."""
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
        if self._credentials and there.url.origin != here.origin:
            raise SourceError(self.source, "redirects to another host, which gets no credentials")
        return there

    def _judge(self, response: httpx2.Response) -> None:
        """Raises for statuses that may pass, and for what was not asked for."""
        status, encoding = response.status_code, response.headers.get("Content-Encoding", "")
        if status == HTTPStatus.TOO_MANY_REQUESTS or response.is_server_error:
            wait = _retry_after(response)
            if wait is not None and wait > min(self._patience, self._left()):
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
