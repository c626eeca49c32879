"""One paper has one id, whoever tells of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.sources.identity import doi, paper_id, web_id


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ("2601.01234", "2601.01234"),
        ("https://arxiv.org/abs/2601.01234v2", "2601.01234"),
        ("https://arxiv.org/html/2601.01234v2", "2601.01234"),
        ("https://arxiv.org/pdf/hep-ex/0307015v1.pdf", "hep-ex/0307015"),
        ("https://huggingface.co/papers/2601.01234", "2601.01234"),
        ("oai:arXiv.org:2601.01234v1", "2601.01234"),
        ("https://doi.org/10.48550/arXiv.2601.01234", "2601.01234"),  # arXiv's own DOI
        ("10.48550/ARXIV.2601.01234", "2601.01234"),
        ("10.48550/arXiv.nonsense", None),
        ("doi:10.1038/S41586-026-00001-X", "10.1038/s41586-026-00001-x"),
        ("http://dx.doi.org/10.1038/s41586-026-00001-x", "10.1038/s41586-026-00001-x"),
        (
            "https://www.biorxiv.org/content/10.64898/2026.04.03.716344v1?rss=1",
            "10.64898/2026.04.03.716344",
        ),
        (
            "https://www.medrxiv.org/content/10.1101/2026.01.02.25012345v12.full.pdf",
            "10.1101/2026.01.02.25012345",
        ),
        (
            "http://biorxiv.org/content/early/2026/01/02/10.1101/123456.abstract",
            "10.1101/123456",
        ),
        ("https://www.biorxiv.org/collection/neuroscience", None),
        ("https://evil.example/content/10.1101/2026.01.02.123456v1", None),
        ("https://example.org/10.1038/s41586-026-00001-x", None),
        ("10.1038/<script>", None),
        ("10.1038/a b", None),
        ("10.1038/../../etc", None),
        ("10.1038/" + "a" * 101, None),
        (None, None),
        (17, None),
        (["2601.01234"], None),
    ],
)
def test_names_and_addresses_lead_to_one_id(told, name):
    assert paper_id(told) == name


def test_of_several_names_arxiv_s_is_the_id():
    assert paper_id("10.1145/1", None, "https://arxiv.org/abs/2601.01234") == "2601.01234"
    assert paper_id("10.1145/1", "10.1145/2") == "10.1145/1"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://example.org/a", "http://www.example.org/a/", True),
        ("https://example.org/a?utm_source=rss&id=7", "https://example.org/a?id=7#top", True),
        ("https://example.org/a?b=1&a=2", "https://example.org/a?a=2&b=1", True),
        ("https://example.org/a?id=7", "https://example.org/a?id=8", False),
        ("https://example.org/a", "https://example.org/b", False),
        ("https://example.org/a", "https://example.net/a", False),
    ],
)
def test_an_address_is_the_same_without_its_tracking(one, other, same):
    assert (web_id(one) == web_id(other)) == same


@given(st.text(alphabet="aZ0./<>'\n\r\t :;()ä\u2028", max_size=12).map("10.1234/".__add__))
def test_a_doi_is_one_plain_word_whatever_follows_its_slash(value):
    found = doi(value)
    assert found is None or (
        found == value.strip().lower() and not set(found) & set("<>' \n\u2028")
    )
