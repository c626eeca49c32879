"""The press: a spliced mail is, byte for byte, what rendering it whole would give."""

from dataclasses import replace
from email import message_from_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from render_samples import FOLDER, LINKS, LOOK, READER, SECTIONS, edition, hostile_reader, item

from digest import mime
from digest.model import Form
from digest.press import Press
from digest.quoted import encode_part, encode_piece, encode_plain
from digest.render import Renderer
from digest.stock import LINKS as NAMES
from digest.stock import encoded, split_link

RENDERER = Renderer(LOOK, FOLDER)
OTHER = replace(READER, email="somebody.else@example.net", confirmed_at=None)
ANY = st.characters(codec="utf-8")
# What HTML, quoted-printable and the marks of a cut mean something by, more often than by chance.
WORDS = st.lists(
    st.text(ANY, max_size=90)
    | st.sampled_from(
        ["\x10", "\x10card\x10", "<!--\x10end\x10-->", "=", " ", "\n", "&amp;", "<b>"]
    ),
    max_size=4,
).map("".join)
READERS = st.builds(lambda email: replace(READER, email=email), WORDS) | WORDS.map(hostile_reader)
TOKENS = st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,150}", fullmatch=True)  # as in links


@st.composite
def pools(draw):
    """An edition, some of whose papers say anything, and of a section that is gone."""
    items = []
    for number in range(draw(st.integers(1, 8))):
        one = item(number)
        if draw(st.booleans()):
            said = draw(WORDS)
            paper = replace(one.paper, title=said, abstract=said, authors=(said,))
            where = draw(st.sampled_from(["trending", "gone", "other_gone"]))
            one = replace(one, paper=paper, why=draw(WORDS), section=where)
        items.append(one)
    return replace(edition(1), items=tuple(items))


def parts(data):
    """What a mail program makes of a part."""
    raw = b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + data
    return message_from_bytes(raw).get_payload(decode=True).decode().replace("\r\n", "\n")


@settings(deadline=None, max_examples=60)
@given(issue=pools(), reader=READERS, token=TOKENS, data=st.data())
def test_a_spliced_mail_is_what_rendering_it_whole_gives(issue, reader, token, data):
    links = replace(
        LINKS,
        **{
            name: f"{LINKS.home}/{name}/{token}"
            for name in ("preferences", "unsubscribe", "edition")
        },
        ticket=token[:40],
    )
    press = Press(RENDERER, issue, SECTIONS, links, OTHER, head=lambda s: [s.encode()])
    tokens = {name: split_link(getattr(links, name))[1].encode() for name in NAMES}
    tokens["ticket"] = links.ticket.encode()
    selections = st.lists(
        st.sampled_from(issue.items), min_size=1, unique_by=lambda one: one.paper.id
    )
    several = data.draw(st.lists(st.tuples(selections, st.sampled_from(Form)), min_size=1))
    for chosen, form in [*several, several[0]]:  # the later ones from what the press remembers
        about = (issue, chosen, SECTIONS, links, reader)
        whole = RENDERER.fitted(RENDERER.pieces(*about, form=form))
        plain = RENDERER.digest(*about, form=form)
        ids = [one.paper.id for one in chosen]
        sheet = press.sheet(ids, form, reader.preferences.categories)
        before, between, after = mime.frame(mime.boundary(issue.id))
        parts_ = (before, encoded(whole.text), between, encoded(whole.html), after)
        assert sheet.fill(press.own(reader, tokens)) == plain.subject.encode() + b"".join(parts_)
        assert parts(encoded(whole.text)) == plain.text
        assert parts(encoded(whole.html)) == plain.html


@given(st.lists(st.text(ANY)))
def test_pieces_may_be_joined_and_their_lines_stay_short(texts):
    texts = [text.replace("\r", "") for text in texts]
    joined = b"".join(map(encode_piece, texts))
    assert parts(joined) == "".join(texts)
    assert max(map(len, joined.split(b"\r\n"))) <= 76


@given(st.from_regex(r"[A-Za-z0-9_+-][A-Za-z0-9_.@+-]{0,320}", fullmatch=True))
def test_what_is_plain_is_encoded_as_anything_else_would_be(text):
    assert encode_plain(text.encode()) == encode_part(text + "=").removesuffix(b"=3D") + b"=\r\n"


@pytest.mark.parametrize("length", range(70, 80))
def test_a_piece_as_long_as_a_line_keeps_room_for_its_soft_line_break(length):
    encoded_piece = encode_piece("a" * length)
    assert encoded_piece.endswith(b"=\r\n")
    assert max(map(len, encoded_piece.split(b"\r\n"))) <= 76


def test_a_digest_without_papers_is_refused():
    press = Press(RENDERER, edition(1), SECTIONS, LINKS, READER)
    with pytest.raises(ValueError, match="without papers"):
        press.sheet([])
