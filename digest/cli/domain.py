"""What ``digest doctor`` says of the domains that mails come from and go back to.

Each row is a record that receivers look at. Where DNS can be asked it is looked up, and what is
wrong says what to publish; where it cannot be asked, or nobody can know from outside, the row
explains what has to be there.

    ✓ as it should be    ✗ receivers will mind    → yours to see to
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from digest.app import App
from digest.cli.records import Ask, backwards
from digest.errors import ConfigError
from digest.intake import dkim_signer

Row = tuple[str, str, str]  # what, its mark, what to do
Finding = tuple[str, str]  # a mark, and words
GOOD, BAD, YOURS = "✓", "✗", "→"
PUBLIC = {"gmail.com", "googlemail.com", "yahoo.com", "outlook.com", "hotmail.com"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Domains:
    """What the rows are about: the sender's domain, where bounces go, the relay, keys of ours."""

    sender: str
    bounces: str
    relay: str
    keys: tuple[tuple[str, str], ...]  # names and texts of the DKIM records to publish

    @property
    def envelope(self) -> str:
        """The domain that SPF is asked of."""
        return self.bounces or self.sender


def _spf(about: Domains, ask: Ask | None) -> Finding:
    wanted = (
        f'publish {about.envelope} TXT "v=spf1 {_mechanism(about.relay)} -all", or the include of'
        " your provider, so that the relay may send for the domain"
    )
    if not ask:
        return YOURS, wanted
    found = [text for text in ask(about.envelope, "TXT") if text.lower().startswith("v=spf1")]
    if len(found) > 1:
        return BAD, f"{about.envelope} has {len(found)} SPF records, so none counts: keep one"
    if not found or "+all" in found[0].lower():
        there = f", which now says {found[0]!r} and lets everybody" if found else ""
        return BAD, wanted + there
    return GOOD, f"{about.envelope} says {found[0]!r}; what sends has to be among those"


def _mechanism(relay: str) -> str:
    """How SPF names the relay; one on this machine sends from an address that only DNS knows."""
    if not _is_address(relay):
        return f"a:{relay or 'RELAY'}"
    address = ip_address(relay)
    return f"ip{address.version}:{'ADDRESS' if address.is_loopback else address}"


def _dkim(about: Domains, ask: Ask | None) -> Finding:
    if not about.keys:
        return YOURS, (
            f'publish SELECTOR._domainkey.{about.sender} TXT "v=DKIM1; k=rsa; p=KEY" with the'
            " public key (2048 bits) that signs; it has to cover List-Unsubscribe and"
            " List-Unsubscribe-Post, and d= has to be this domain"
        )
    names = ", ".join(name for name, _ in about.keys)
    if not ask:
        return YOURS, f"publish {names} as `digest dkim` prints them"
    missing = [name for name, text in about.keys if _key(text) not in map(_key, ask(name, "TXT"))]
    if missing:
        return (
            BAD,
            f"publish {', '.join(missing)} as `digest dkim` prints it: receivers find another",
        )
    return GOOD, f"{names}: the key that signs here"


def _key(record: str) -> str:
    """The public key of a DKIM record, whatever else it says."""
    tags = (tag.partition("=") for tag in record.split(";"))
    return next(("".join(value.split()) for name, _, value in tags if name.strip() == "p"), "")


def _dmarc(about: Domains, ask: Ask | None) -> Finding:
    wanted = (
        f'publish _dmarc.{about.sender} TXT "v=DMARC1; p=none;'
        f' rua=mailto:postmaster@{about.sender}", and p=quarantine once the reports show nothing'
        " strange"
    )
    if not ask:
        return YOURS, wanted
    # Of a name without one the organisation's counts (RFC 7489 section 6.6.3): looked for upwards.
    parts = about.sender.split(".")
    for start in range(len(parts) - 1):
        name = f"_dmarc.{'.'.join(parts[start:])}"
        if found := [text for text in ask(name, "TXT") if text.lower().startswith("v=dmarc1")]:
            return GOOD, f"{name} says {found[0]!r}"
    return BAD, wanted


def _reverse(about: Domains, ask: Ask | None) -> Finding:
    """Whether the relay's addresses have names that lead back to them (RFC 1912 section 2.1)."""
    relay = about.relay
    if not relay:
        return YOURS, "no relay is set (DIGEST_SMTP__HOST)"
    if _is_address(relay):
        found = [relay]
    elif ask:
        found = [*ask(relay, "A"), *ask(relay, "AAAA")]
    else:
        return YOURS, f"every address of {relay} needs a PTR record whose name leads back to it"
    outside = [one for one in found if not ip_address(one).is_loopback]
    if not (outside and ask):
        return YOURS, f"{relay}: every address of it is this machine's own" if found else (
            f"{relay} is not in DNS"
        )
    bare = [one for one in outside if not _leads_back(one, ask)]
    if bare:
        return YOURS, (
            f"ask who runs {relay} for a PTR record of {', '.join(bare)} that leads back to it,"
            " unless it sends from other addresses"
        )
    return GOOD, f"{relay}: every address has a name that leads back to it"


def _is_address(relay: str) -> bool:
    try:
        ip_address(relay)
    except ValueError:
        return False
    return True


def _leads_back(address: str, ask: Ask) -> bool:
    kind = "AAAA" if ":" in address else "A"
    same = ip_address(address)
    names = ask(backwards(address), "PTR")
    return any(ip_address(one) == same for name in names for one in ask(name, kind))


def _bounces(about: Domains, ask: Ask | None) -> Finding:
    if not about.bounces:
        return YOURS, "refusals that come by mail are not taken (DIGEST_BOUNCES__DOMAIN)"
    if not ask:
        return YOURS, f"{about.bounces} needs an MX record that leads to your mail server"
    hosts = _exchangers(about.bounces, ask)
    if not hosts:
        return BAD, f"publish {about.bounces} MX 10 MAILSERVER: nobody can report to it"
    return GOOD, f"{about.bounces} leads to {', '.join(hosts)}"


def _mailboxes(about: Domains, ask: Ask | None) -> Finding:
    to = f"postmaster@{about.sender} and abuse@{about.sender} have to reach a person (RFC 2142)"
    if ask and not _exchangers(about.sender, ask):
        return BAD, f"publish {about.sender} MX 10 MAILSERVER: replies reach nobody; {to}"
    return YOURS, to


def _exchangers(name: str, ask: Ask) -> list[str]:
    """The hosts that take mail for a name; '.' says that none does (RFC 7505)."""
    hosts = [record.partition(" ")[2] for record in ask(name, "MX")]
    return [host for host in hosts if host not in {"", "."}]


def _complaints(about: Domains, _: Ask | None) -> Finding:
    return YOURS, (
        f"register {about.sender} with Google Postmaster Tools and Yahoo's feedback loop; look into"
        " it at 0.1 %, never reach 0.3 %. A complaint that comes back here ends the mail to its"
        " reader; mail to a whole domain waits where they are more than suppression.complaint_rate"
        " of its mails within a day"
    )


def _policy(_: Domains, __: Ask | None) -> Finding:
    return YOURS, (
        "refusals with 4.7.x or 5.7.x are about you and count against no reader: `digest bounces"
        " list` shows them as policy, and many equal ones let the domain's mail wait"
    )


Check = Callable[[Domains, Ask | None], Finding]

# By what it is about: the numbers of the bulk senders' rules that are the operator's (the list is
# kept by tests/test_mail_statements.py), and who looks.
ADVICE: dict[str, tuple[tuple[int, ...], Check]] = {
    "SPF": ((29, 30), _spf),
    "DKIM": ((29, 30), _dkim),
    "DMARC": ((29,), _dmarc),
    "reverse DNS": ((31,), _reverse),
    "bounces": ((), _bounces),
    "complaints": ((32,), _complaints),
    "refusals": ((33,), _policy),
    "mailboxes": ((52,), _mailboxes),
}


def advice(app: App, ask: Ask | None) -> Iterator[Row]:
    """One row each. Where DNS does not answer it is not asked again, and the rows explain.

    Args:
        app: whose settings.
        ask: looks up a name; None explains alone.
    """
    about = _about(app)
    if not about.sender:
        return
    for name, (_, check) in ADVICE.items():
        try:
            mark, words = check(about, ask)
        except OSError as error:
            ask = None
            mark, words = check(about, ask)
            words = f"{words} (not looked up: {error})"
        yield name, mark, words


def _about(app: App) -> Domains:
    settings = app.settings
    try:
        signer = dkim_signer(settings.dkim) if settings.dkim.key_file else None
    except ConfigError:
        signer = None  # has its own row
    return Domains(
        sender=settings.sender.address.rpartition("@")[2],
        bounces=settings.bounces.domain,
        relay=settings.smtp.host,
        keys=tuple(signer.records()) if signer else (),
    )


def require_domain(app: App) -> str:
    """The domain that mails come from.

    Raises:
        ConfigError: receivers refuse mail from a domain that is not the sender's own.
    """
    domain = app.settings.sender.address.rpartition("@")[2].lower()
    if domain in PUBLIC:
        raise ConfigError(
            f"sender.address is at {domain}, whose DMARC record has others' mail refused: use a"
            " domain of your own (DIGEST_SENDER__ADDRESS)"
        )
    return domain
