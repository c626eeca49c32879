"""Everything from a feed or a form is hostile: none of it gets through any template."""

import re

import pytest
from jinja2 import DictLoader, UndefinedError
from render_samples import (
    FOLDER,
    LETTERS,
    LINKS,
    LOOK,
    READER,
    Seen,
    edition,
    hostile_item,
    hostile_reader,
    pages,
)

from digest.model import MailLinks
from digest.render import Renderer

TEMPLATES = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.j2"))

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</title></style></textarea><svg onload=alert(1)>",
    "javascript:alert(1)",
    "{{ 7 * 191 }}{% raw %}",
    "\u202egnp.exe\u2066\u200f",  # bidi controls: reads as exe.png
    "nul\x00bell\x07esc\x1b[31m\ud800\uffff",
    "x" * 10_000,
    "",
)
ADDRESSES = (
    "javascript:alert(1)",
    "JaVaScRiPt://x/%0aalert(1)",
    " javascript:alert(1)",
    "java\tscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "//elsewhere.example.org/x",
    "/\\elsewhere.example.org",
    "https://good.example.org\\@evil.example.org/",
    'https://a.example.org/"onmouseover="alert(1)',
    "https://a.example.org/\u202egpj.exe",
    "https://a.example.org/" + "x" * 10_000,
    "http://[",
    "https://",
    "",
)


@pytest.fixture(scope="module")
def renderer():
    return Renderer(LOOK, FOLDER)


def check_harmless(html: str) -> None:
    """Raises AssertionError where a browser would run, follow or misread what a feed wrote."""
    seen = Seen(html)
    html.encode("utf-8")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u200f\u202a-\u202e\u2066-\u2069\uffff]", html)
    assert (seen.wrong, seen.open) == ([], [])
    assert not seen.tags("img", "object", "base")
    assert seen.tags("script") in ([], [{"src": "/static/zone.js", "defer": ""}])
    assert [name for _, attrs in seen.elements for name in attrs if name.startswith("on")] == []
    for name in ("href", "src", "action"):
        for address in seen.all(name):
            assert re.fullmatch(r"(https?://[\w.]+[^\s\\]*|/|/[^/\\].*|#.*|)", address), address
            assert "evil" not in address


@pytest.mark.parametrize("name", sorted(pages("", "")))
@pytest.mark.parametrize("bad", HOSTILE, ids=lambda bad: ascii(bad[:16]))
def test_no_page_lets_hostile_text_through(renderer, name, bad):
    html = renderer.page(name, **pages(bad, "https://a.example.org/")[name])
    check_harmless(html)
    assert "1337" not in html or "{{" not in bad


@pytest.mark.parametrize("bad", HOSTILE, ids=lambda bad: ascii(bad[:16]))
def test_the_list_of_previews_lets_no_hostile_subject_through(renderer, bad):
    """Its links are to files beside it, so it is no page like the others."""
    seen = Seen(renderer.page("previews", mails=[("daily", bad, 7)]))
    assert seen.all("href") == ["daily.html", "daily.txt"]
    assert (seen.wrong, seen.open) == ([], [])
    assert not seen.tags("script", "img", "iframe", "b")


@pytest.mark.parametrize("address", ADDRESSES, ids=lambda address: ascii(address[:24]))
def test_no_page_or_mail_links_to_a_hostile_address(renderer, address):
    for name, context in pages("a", address).items():
        check_harmless(renderer.page(name, **context))
    links = MailLinks(**dict.fromkeys(MailLinks.__slots__, address))
    made = renderer.digest(edition(1), [hostile_item("a", address)], (), links, READER)
    assert set(Seen(made.html).all("href")) <= {""}
    assert "script:" not in made.text


@pytest.mark.parametrize("bad", HOSTILE, ids=lambda bad: ascii(bad[:16]))
def test_no_mail_lets_hostile_text_through(renderer, bad):
    bad_item, reader = hostile_item(bad, "https://a.example.org/"), hostile_reader(bad)
    issue = pages(bad, "https://a.example.org/")["edition"]["edition"]
    made = [renderer.digest(issue, [bad_item], (), LINKS, reader)]
    made += [renderer.letter(kind, LINKS, reader) for kind in LETTERS]
    for one in made:
        check_harmless(one.html)
        assert not re.search("[\x00-\x08\x0b-\x1f\u202e\u2066\ud800]", one.text + one.subject)
        assert "\n" not in one.subject
        assert "1337" not in one.text or "{{" not in bad
    assert len(made[0].subject) <= 90
    assert len(made[0].html) < 12_000 + len(bad)  # the reader's own address is not shortened


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_template_escapes_but_those_named_as_plain_text(renderer, name):
    # The same environment, with a template of this name that prints something hostile.
    probe = renderer._environment.overlay(loader=DictLoader({name: "{{ bad }}"}))
    shown = probe.get_template(name).render(bad="<b>\u202e&\x00")
    assert shown == ("<b>&" if name.endswith(".txt.j2") else "&lt;b&gt;&amp;")
    source = (FOLDER / name).read_text("utf-8")
    assert not re.search(r"\|\s*safe\b|autoescape|Markup", source)


def test_a_page_without_its_context_is_our_mistake_and_raises(renderer):
    with pytest.raises(UndefinedError):
        renderer.page("message", title="x")
