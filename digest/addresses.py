"""Addresses of people and networks, parsed: a rule. No DNS is asked.

Source: RFC 5321 4.5.3.1 (lengths), RFC 6531 (non-ASCII local parts need SMTPUTF8, which many
servers lack, so they are refused at the door with words that help), RFC 5891 (IDN domains).
"""

import ipaddress

from email_validator import EmailNotValidError, validate_email

from digest.errors import InputError

LONGEST = 254


def parse(text: str, field: str = "email") -> str:
    """The address in its normal form (domain in lower case and Unicode).

    Raises:
        InputError: with a sentence for the person who typed it.
    """
    text = text.strip()
    if not text:
        raise InputError(field, "Please enter your email address.")
    if len(text) > LONGEST:
        raise InputError(field, f"An email address has at most {LONGEST} characters.")
    try:
        # Reserved names such as .test are the operator's own business: nothing is looked up.
        parsed = validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise InputError(field, f"This is not an email address: {error}") from error
    if not parsed.local_part.isascii():
        raise InputError(
            field, "Letters outside a–z before the @ are not carried by all mail servers, sorry."
        )
    return parsed.normalized


def key(address: str) -> str:
    """What makes two spellings one address: letter case does not, and nothing else is guessed."""
    return address.lower()  # casefold() would make one of straße.de and strasse.de


def network(ip: str) -> str:
    """The network an address belongs to, for limits: /24 for IPv4, /56 for IPv6, or ``unknown``."""
    try:
        parsed = ipaddress.ip_address(ip)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    width = 24 if parsed.version == 4 else 56  # noqa: PLR2004 - the protocol's version
    return str(ipaddress.ip_network(f"{parsed}/{width}", strict=False))
