"""A small DNS server on loopback: answers what it was told, NXDOMAIN to the rest.

with answering({("example.org", "TXT"): ['"v=spf1 -all"']}) as server:
    server.address, server.asked       "127.0.0.1@PORT", every (name, type) in order
"""

import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


class Server:
    """What it knows, and what it was asked."""

    def __init__(self, records: Mapping[tuple[str, str], Sequence[str]]) -> None:
        self._records = records
        self.asked: list[tuple[str, str]] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1@{self._socket.getsockname()[1]}"

    def serve(self) -> None:
        while True:
            data, client = self._socket.recvfrom(4096)
            if not data:
                return
            self._socket.sendto(self._answer(data), client)

    def stop(self) -> None:
        self._socket.sendto(b"", self._socket.getsockname())

    def close(self) -> None:
        self._socket.close()

    def _answer(self, data: bytes) -> bytes:
        question = dns.message.from_wire(data)
        asked = question.question[0]
        name, kind = asked.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(asked.rdtype)
        self.asked.append((name, kind))
        answer = dns.message.make_response(question)
        answer.flags |= dns.flags.RA
        if found := self._records.get((name, kind)):
            answer.answer.append(dns.rrset.from_text(asked.name, 60, "IN", kind, *found))
        elif not any(known == name for known, _ in self._records):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer.to_wire()


@contextmanager
def answering(records: Mapping[tuple[str, str], Sequence[str]]) -> Iterator[Server]:
    """The server in a thread, while the block runs."""
    server = Server(records)
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join(5)
        server.close()
