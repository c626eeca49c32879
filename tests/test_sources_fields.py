"""What is believed of a field from outside."""

from datetime import UTC, datetime

import pytest

from digest.sources.fields import address, arxiv_id, code_address, instant, one_line, text


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("2601.01234", "2601.01234"),
        ("oai:arXiv.org:2601.01234v2", "2601.01234"),
        ("http://arxiv.org/abs/0704.0001v12", "0704.0001"),  # four digits until 2014
        (" https://arxiv.org/pdf/2601.01234 ", "2601.01234"),
        ("hep-ex/0307015v1", "hep-ex/0307015"),
        ("oai:arXiv.org:math.GT/0309136", "math/0309136"),  # the class is no part of the name
        ("2613.01234", None),  # no thirteenth month
        ("2601.01234v", None),
        ("2601.01234\nX: y", None),
        ("https://evil.example/abs/2601.01234", None),
        ("https://arxiv.org/abs/../2601.01234", None),
        ("٢٦٠١.٠١٢٣٤", None),  # digits, but not arXiv's
        (26.01, None),
        (None, None),
    ],
)
def test_an_arxiv_id_is_canonical_or_none(written, canonical):
    assert arxiv_id(written) == canonical


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "//example.org/x",
        "https://",
        "https://exa mple.org",
        'https://example.org/"onclick=',
        "https://example.org/\r\nX: y",
        "https://user:secret@example.org/",  # shows one host and goes to another
        "https://[::1",
        "https://example.org:0/",
        "https://example.org/" + "a" * 2_000,
        7,
        None,
    ],
)
def test_an_address_that_is_not_plain_http_is_dropped(link):
    assert address(link) is None


def test_a_plain_address_is_kept_as_it_is():
    link = "https://example.org:8443/a/b?c=d&e=%20f#g"
    assert address(link) == link


@pytest.mark.parametrize(
    ("prose", "link"),
    [
        ("Code: https://github.com/some/thing.", "https://github.com/some/thing"),
        (r"\url{https://github.com/some/thing}", "https://github.com/some/thing"),
        (r"(https://gitlab.com/a/b\_c)", "https://gitlab.com/a/b_c"),  # LaTeX underscore
        ("see https://huggingface.co/datasets/a/b, and", "https://huggingface.co/datasets/a/b"),
        ("https://github.com/a/b/tree/main/", "https://github.com/a/b/tree/main"),
        ("https://github.com/some", None),  # an organisation is no code
        ("https://github.com/some/thing-\nelse", None),  # broken over two lines
        ("https://huggingface.co/papers/2601.01234", None),  # a discussion is no code
        ("https://github.com.evil.example/a/b", None),
        ("github.com/some/thing", None),  # no scheme, no link
        ("", None),
    ],
)
def test_a_repository_named_in_prose_is_found(prose, link):
    assert code_address(prose) == link


def test_texts_lose_what_breaks_headers_and_databases():
    assert text("a\x00b\ud800c\r\nd\x85e", limit=100) == "a b c \nd e"
    assert one_line(" Title\r\nBcc: all@example.org\t ", limit=100) == "Title Bcc: all@example.org"


def test_texts_are_cut_and_what_is_no_text_is_empty():
    assert text("x" * 50, limit=10) == "x" * 10
    assert one_line("word " * 50, limit=10) == "word word"
    assert text(None, limit=10) == one_line({"a": 1}, limit=10) == ""


@pytest.mark.parametrize(
    ("written", "hour"),
    [
        ("2026-01-15T05:00:02.345Z", 5),
        ("2026-01-15T00:00:00-05:00", 5),
        ("Thu, 15 Jan 2026 00:00:00 -0500", 5),
        ("2026-01-15T05:00:00", 5),  # without a zone: taken for UTC
        ("0001-01-01T00:00:00+14:00", None),  # before the calendar begins
        ("yesterday", None),
        ("1" * 500, None),
        (20260115, None),
        (None, None),
    ],
)
def test_dates_become_aware_utc_or_none(written, hour):
    moment = instant(written)
    assert (moment and moment.replace(minute=0, second=0, microsecond=0)) == (
        None if hour is None else datetime(2026, 1, 15, hour, tzinfo=UTC)
    )
