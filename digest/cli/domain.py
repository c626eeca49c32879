"""What ``digest doctor`` says of the sending domain: the records to publish, and what to watch.

SPF, DKIM and DMARC are TXT records, which the standard library cannot look up: they are explained,
with the exact lines to publish. Addresses can be looked up, so the relay's name is.
"""

import socket
from collections.abc import Callable, Iterator
from ipaddress import ip_address

from digest.app import App
from digest.errors import ConfigError

Row = tuple[str, str, str]  # what, its mark, what to do

# By what it is about: the numbers of the bulk senders' rules that are the operator's (the list is
# kept by tests/test_mail_statements.py), and what to do. The relay's name is looked up instead.
ADVICE = {
    "SPF": (
        (29, 30),
        (
            'publish {domain} TXT "v=spf1 a:{relay} -all", or the include of your provider, so that'
            " the relay may send for the domain"
        ),
    ),
    "DKIM": (
        (29, 30),
        (
            'publish SELECTOR._domainkey.{domain} TXT "v=DKIM1; k=rsa; p=KEY" with the public key'
            " (2048 bits) that signs; it has to cover List-Unsubscribe and List-Unsubscribe-Post,"
            " and d= has to be this domain"
        ),
    ),
    "DMARC": (
        (29,),
        (
            'publish _dmarc.{domain} TXT "v=DMARC1; p=none; rua=mailto:postmaster@{domain}", and'
            " p=quarantine once the reports show nothing strange"
        ),
    ),
    "reverse DNS": ((31,), ""),
    "complaints": (
        (32,),
        (
            "register {domain} with Google Postmaster Tools and Yahoo's feedback loop; look into it"
            " at 0.1 %, never reach 0.3 %"
        ),
    ),
    "mailboxes": (
        (52,),
        ("postmaster@{domain} and abuse@{domain} have to reach a person (RFC 2142)"),
    ),
}


def advice(app: App, lookup: Callable[[str], str] | None = None) -> Iterator[Row]:
    """One row each; nothing here is wrong, but all of it is the operator's to have done.

    Args:
        app: whose settings.
        lookup: says of the relay's name what is to be done; by default it is looked up.
    """
    domain, relay = app.settings.sender.address.rpartition("@")[2], app.settings.smtp.host
    if not domain:
        return
    for name, (_, words) in ADVICE.items():
        said = words.format(domain=domain, relay=relay or "RELAY")
        yield name, "→", said or _safe(lookup or _reverse, relay)


def _safe(check: Callable[[str], str], relay: str) -> str:
    """The check's words, or why there are none: a name that cannot be looked up is no failure."""
    if not relay:
        return "no relay is set (DIGEST_SMTP__HOST)"
    try:
        return check(relay)
    except OSError as error:
        return f"{relay} cannot be looked up here: {error.strerror or error}"


def _reverse(relay: str) -> str:
    """Whether the relay's addresses have names that lead back to them (RFC 1912 section 2.1)."""
    found = {str(entry[4][0]) for entry in socket.getaddrinfo(relay, None)}
    outside = sorted(one for one in found if not ip_address(one.partition("%")[0]).is_loopback)
    bare = [one for one in outside if not _leads_back(one)]
    if bare:
        return f"ask who runs {relay} for a PTR record of {', '.join(bare)} that leads back to it"
    return f"{relay}: every address has a name that leads back to it, or is this machine's own"


def _leads_back(address: str) -> bool:
    try:
        name = socket.gethostbyaddr(address)[0]
        return address in {str(entry[4][0]) for entry in socket.getaddrinfo(name, None)}
    except OSError:
        return False


def require_domain(app: App) -> str:
    """The domain that mails come from.

    Raises:
        ConfigError: receivers refuse mail from a domain that is not the sender's own.
    """
    domain = app.settings.sender.address.rpartition("@")[2].lower()
    if domain in {"gmail.com", "googlemail.com", "yahoo.com", "outlook.com", "hotmail.com"}:
        raise ConfigError(
            f"sender.address is at {domain}, whose DMARC record has others' mail refused: use a"
            " domain of your own (DIGEST_SENDER__ADDRESS)"
        )
    return domain
