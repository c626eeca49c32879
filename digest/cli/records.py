"""What DNS says, for ``digest doctor``: asked of this machine's resolver, of another, or nobody."""

from collections.abc import Callable, Sequence
from ipaddress import ip_address

import dns.exception
import dns.resolver
import dns.reversename

from digest.errors import InputError

PATIENCE = 4.0  # seconds for one question

Ask = Callable[[str, str], Sequence[str]]  # a name and a type of record: what is there


def asker(which: str) -> Ask | None:
    """Who answers: the machine's resolver for '', that of an address, nobody for ``none``.

    What it returns raises OSError where there is no answer; a name that is not there has none.

    Raises:
        InputError: it is no address.
    """
    if which == "none":
        return None
    host, _, port = which.partition("@")
    try:
        found = dns.resolver.Resolver(configure=not which)
        if which:
            found.nameservers, found.port = [str(ip_address(host))], int(port or 53)
    except dns.resolver.NoResolverConfiguration:
        return None
    except ValueError as error:
        raise InputError("dns", f"--dns {which!r} is not like 9.9.9.9 or 127.0.0.1@5353") from error
    found.lifetime = PATIENCE

    def ask(name: str, kind: str) -> Sequence[str]:
        try:
            return sorted(map(_text, found.resolve(name, kind, search=False)))
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer, dns.exception.SyntaxError):
            return ()
        except (dns.exception.DNSException, OSError) as error:
            raise OSError(f"DNS does not answer about {name}: {type(error).__name__}") from error

    return ask


def backwards(address: str) -> str:
    """The name under which the names of an IP address are."""
    return dns.reversename.from_address(address).to_text(omit_final_dot=True)


def _text(record: object) -> str:
    """A record as people write it: texts joined, names without their last dot."""
    strings = getattr(record, "strings", None)
    if strings is not None:
        return b"".join(strings).decode("utf-8", "replace")
    return str(record).rstrip(".")
