"""Hostile input for tests of the web door: addresses that are none, tokens that are not ours."""

from collections.abc import Iterator

BREAKS = ("\r\n", "\r", "\n", "\0", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029")
INJECTED = "X-Injected: yes"

ADDRESSES = (
    # no address at all
    *("", " ", "@", "reader", "reader@", "@example.org", "a@b@example.org", "reader.example.org"),
    *("reader@example", "reader@.org", "reader@example..org", "reader@-example.org", "None", "[]"),
    *("reader@example.org.", "reader@exa mple.org", "re ader@example.org", "reader@[192.0.2.1]"),
    *("reader@127.0.0.1", "reader@localhost", ".reader@example.org", "reader.@example.org"),
    *("re..ader@example.org", "<reader@example.org>", "Ada <reader@example.org>"),
    # more than one, and the ways to say so
    *("a@example.org,b@example.org", "a@example.org;b@example.org", "a@example.org b@example.org"),
    *("a@example.org%0ab@example.org", "mailto:a@example.org", "a@example.org?cc=b@example.org"),
    *("a,b@example.org", "a@example.org>", "a@example.org> SIZE=1", "a%b@example.org@example.net"),
    # other languages: SQL, HTML, templates, shells, paths
    *("'; DROP TABLE subscriber; --@example.org", "a@example.org' OR '1'='1", "a@exa'mple.org"),
    *("<script>alert(1)</script>@example.org", "a@<b>.org", '"<img src=x>"@example.org'),
    *("{{ 7 * 7 }}@example.org", "a@{{ look.site_name }}.org", "a@{% raw %}.org", "${jndi:x}@a.b"),
    *("$(reboot)@example.org", "$(id) @example.org", "a@example.org|id", "../../etc/passwd@a.org"),
    *("a@example.org/../../", "a@example.org#fragment", "a@example.org\\", "a@exam\\ple.org"),
    # letters that mail does not carry, or that are not what they seem
    *("jürgen@example.org", "читатель@example.org", "a@exam\u202eple.org", "\ufeffa@example.org"),
    *("a@example\u3002org\u3002", "a\u200b@example.org", "a@\u200bexample.org", "a＠example.org"),
    *(
        "a@xn--.org",
        "a@xn--zzzzzzzz--.org",
        "a@\U0001f4a9\u200d.la",
        "a@\ud800.org",
        "a@\udfffb.org",
    ),
    # too long, as a whole or in its parts
    *("a" * 65 + "@example.org", "a@" + "b" * 64 + ".org", "a@" + "b." * 130 + "org"),
    *("a" * 60_000, "a@" + "b" * 10_000 + ".org", "@" * 5_000, "a@" * 5_000),
    # a header of their own
    *(f"reader{line}@example.org" for line in BREAKS),
    *(f"reader@example{line}.org" for line in BREAKS),
    *(f"reader@example.org{line}{INJECTED}" for line in BREAKS),
)


def tokens(good: str, others: tuple[str, ...]) -> Iterator[str]:
    """A hundred tokens, as percent-encoded parts of an address, none of which is ``good``.

    Args:
        good: one of ours.
        others: good ones of other scopes and those of other keys.
    """
    yield from others
    for at in range(0, len(good), max(1, len(good) // 40)):
        other = "A" if good[at] != "A" else "B"
        yield good[:at] + other + good[at + 1 :]
    yield from (good[:at] for at in range(1, len(good), max(1, len(good) // 25)))
    yield from (good + more for more in ("=", "==", "A", ".", "%00", "%0A", "%0D%0A", "%20", "%2F"))
    yield from (good.swapcase(), good[::-1], good * 2, good * 200, "A" * 10_000, "%FF" * 3_000)
    yield from ("%00", "%0D%0AX-Injected:%20yes", "%E2%80%A8", "%C3%BC", "%FF", "%F0%9F%92%A9")
    # (A client resolves a bare ".." by itself.)
    yield from ("..%2F", "%2E%2E%2F", "..%2F..%2Feditions", "%5C..%5C", "%2F%2Fevil.example")
    yield from (
        "None",
        "null",
        "0",
        "-1",
        "[]",
        "*",
        "'%20OR%201=1--",
        "%3Cscript%3E",
        "%7B%7B7%7D%7D",
    )
