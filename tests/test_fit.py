"""What of a digest fits below the size at which mail programs cut it off."""

from dataclasses import replace
from email import message_from_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from render_samples import FOLDER, LINKS, LOOK, READER, SECTIONS, Seen, edition, item

from digest import mime
from digest.fit import LIMIT, Fit, Size, fit
from digest.press import Press
from digest.render import Renderer
from digest.stock import LINKS as NAMES
from digest.stock import split_link

RENDERER = Renderer(LOOK, FOLDER)
TEN = [Size(card=100, quote=50)] * 10


@pytest.mark.parametrize(
    ("limit", "kept"),
    [
        (1510, Fit(10, 10)),  # 10 of frame, and all of it, to the byte
        (1509, Fit(10, 9)),  # the last quotation goes first
        (1010, Fit(10, 0)),  # then the others, from the end
        (1009, Fit(9, 0)),  # and only then the last paper
        (110, Fit(1, 0)),
        (0, Fit(1, 0)),  # a mail has a paper, whatever its size
    ],
)
def test_quotations_go_before_papers_and_the_last_before_the_first(limit, kept):
    assert fit(10, TEN, limit) == kept


@given(
    st.integers(0, 5000),
    st.lists(st.builds(Size, st.integers(0, 5000), st.integers(0, 900)), min_size=1),
    st.integers(0, 100_000),
)
def test_what_is_kept_fits_and_one_more_would_not(frame, sizes, limit):
    papers, quotes = fit(frame, sizes, limit)
    assert 1 <= papers <= len(sizes)
    assert 0 <= quotes <= papers

    def total(papers, quotes):
        cards = sum(size.card for size in sizes[:papers])
        return frame + cards + sum(size.quote for size in sizes[:quotes])

    assert total(papers, quotes) <= limit or (papers, quotes) == (1, 0)
    if quotes < len(sizes) == papers:
        assert total(papers, quotes + 1) > limit
    if papers < len(sizes):
        assert total(papers + 1, 0) > limit


# Addresses as long as a link may be, and characters that HTML writes as five.
LONG = st.integers(0, 1900).map(lambda length: "https://example.org/" + "&" * length)
WIDE = st.sampled_from(["&" * 400, "<b>" * 200, "𝒪" * 300, "We show that it is so. " * 30, "x"])


@st.composite
def heavy_pools(draw):
    items = []
    for number in range(draw(st.integers(1, 40))):
        one, address = item(number), draw(LONG)
        links = dict.fromkeys(("paper", "pdf", "code", "project", "discussion"), address)
        said = draw(WIDE)
        paper = replace(one.paper, title=said, abstract=said, lab=said, links=links)
        items.append(replace(one, paper=paper, why=said))
    return replace(edition(1), items=tuple(items))


def spliced(issue, chosen):
    """What a mail program makes of the parts that the press prints for a reader."""
    press = Press(RENDERER, issue, SECTIONS, LINKS, READER)
    tokens = {name: split_link(getattr(LINKS, name))[1].encode() for name in NAMES}
    tokens["ticket"] = LINKS.ticket.encode()
    mail = press.sheet([one.paper.id for one in chosen]).fill(press.own(READER, tokens))
    boundary = mime.boundary(issue.id)
    head = f'Content-Type: multipart/alternative; boundary="{boundary}"\r\n\r\n'.encode()
    message = message_from_bytes(head + mail[mail.index(b"--" + boundary.encode()) :])
    return [part.get_payload(decode=True).decode() for part in message.get_payload()]


@settings(deadline=None, max_examples=25)
@given(heavy_pools())
def test_no_edition_makes_a_mail_that_is_cut_off_or_cannot_be_left(issue):
    made = RENDERER.digest(issue, issue.items, SECTIONS, LINKS, READER)
    assert len(made.html.encode()) <= LIMIT
    seen = Seen(made.html)
    assert LINKS.unsubscribe in seen.all("href")
    assert LINKS.unsubscribe in made.text
    shown = [title for level, title in seen.headings if level == 3]
    left_out = len(issue.items) - len(shown)
    assert (seen.wrong, seen.open) == ([], [])
    assert ("more paper" in made.text) is (left_out > 0)
    assert left_out == 0 or f"{left_out} more paper" in "".join(seen.texts)


def test_the_papers_that_have_no_room_are_the_last_in_both_parts_and_in_the_press():
    heavy = "https://example.org/" + "a" * 1900
    many = []
    for number in range(40):
        one = item(number, section="trending")
        links = dict.fromkeys(("paper", "pdf", "code", "project", "discussion"), heavy)
        paper = replace(one.paper, title=f"Paper number {number}", links=links)
        many.append(replace(one, paper=paper))
    issue = replace(edition(1), items=tuple(many))
    made = RENDERER.digest(issue, issue.items, SECTIONS, LINKS, READER)
    shown = [title for level, title in Seen(made.html).headings if level == 3]
    assert shown == [f"Paper number {number}" for number in range(len(shown))]
    assert 5 <= len(shown) < 40
    assert "“" not in made.html  # no quotation has a place where a paper has none
    assert f"Paper number {len(shown) - 1}\n" in made.text
    assert f"Paper number {len(shown)}\n" not in made.text
    text, html = spliced(issue, many)
    assert [title for level, title in Seen(html).headings if level == 3] == shown
    assert f"{40 - len(shown)} more papers of this mail" in text
