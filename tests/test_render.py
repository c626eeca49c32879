"""What people see in their mail, and whether everybody can read it.

``UPDATE_GOLDEN=1 pytest tests/test_render.py`` writes the golden files anew: read the difference.
"""

import os
import re
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from render_samples import (
    FOLDER,
    LETTERS,
    LINKS,
    LOOK,
    READER,
    SECTIONS,
    TITLES,
    Seen,
    edition,
    item,
    pages,
    squashed,
)

from digest import colours
from digest.model import MailKind, MailLinks, Term
from digest.render import Renderer, filters, grouped

GOLDEN = Path(__file__).parent / "data" / "golden"


@pytest.fixture(scope="module")
def renderer():
    return Renderer(LOOK, FOLDER)


def mail(renderer, count: int):
    issue = edition(count)
    return renderer.digest(issue, issue.items, SECTIONS, LINKS, READER)


def letter(renderer, kind):
    return renderer.letter(kind, LINKS, READER, edition=edition(6))


def every_mail(renderer):
    return [mail(renderer, 4), *(letter(renderer, kind) for kind in LETTERS)]


# ── Golden files ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", MailKind)
def test_a_mail_is_what_it_was(renderer, kind):
    made = mail(renderer, 4) if kind == "digest" else letter(renderer, kind)
    text = f"Subject: {made.subject}\n\n{made.text}"
    for suffix, content in (("html", made.html), ("txt", text)):
        path = GOLDEN / f"{kind.value}.{suffix}"
        if os.environ.get("UPDATE_GOLDEN") == "1":
            path.write_text(content, "utf-8")
        assert content == path.read_text("utf-8"), f"{path.name}: UPDATE_GOLDEN=1 accepts this"


# ── The digest ───────────────────────────────────────────────────────────────────────────────────


def test_the_subject_carries_the_date_and_the_top_paper(renderer):
    assert mail(renderer, 4).subject == f"Thu 15 Jan: {TITLES[0]}"


@pytest.mark.parametrize("count", [1, 2, 12, 40])
def test_the_preheader_stands_before_the_heading_and_is_of_the_right_length(renderer, count):
    html = mail(renderer, count).html
    found = re.search(r'<div class="pre"[^>]*display:none[^>]*>([^<]*)</div>', html)
    assert found is not None
    assert found.start() < html.index("<h1")
    assert 30 <= len(squashed(found[1])) <= len(found[1]) <= 250


def test_papers_are_numbered_through_the_sections_and_empty_sections_do_not_show(renderer):
    groups = grouped(edition(6).items, SECTIONS)
    assert [section.name for section, _ in groups] == ["trending", "fresh"]
    assert [number for _, cards in groups for number, _ in cards] == [1, 2, 3, 4, 5, 6]
    assert "Nobody is in here" not in mail(renderer, 6).html


def test_a_paper_of_a_section_that_is_gone_is_not_lost(renderer):
    lost = item(1, section="yesterday")
    made = renderer.digest(edition(2), [item(0), lost], SECTIONS, LINKS, READER)
    assert "2 papers: 1 trending, 1 yesterday" in made.text
    assert "Yesterday" in Seen(made.html).texts


def test_an_empty_digest_is_refused(renderer):
    with pytest.raises(ValueError, match="without papers"):
        renderer.digest(edition(0), [], SECTIONS, LINKS, READER)


@pytest.mark.parametrize(("count", "most"), [(12, 35_000), (40, 90_000)])
def test_the_html_stays_well_below_the_size_at_which_gmail_clips(renderer, count, most):
    assert len(mail(renderer, count).html.encode()) < most


def test_the_text_part_says_all_that_the_html_says(renderer):
    for made in (mail(renderer, 12), *every_mail(renderer)):
        seen, text = Seen(made.html), squashed(made.text)
        assert [href for href in seen.all("href") if href not in made.text] == []
        assert [title for _, title in seen.headings if squashed(title) not in text] == []
        for said in (LOOK.postal_address, LOOK.sender_name, "Unsubscribe", "You get this"):
            assert squashed(said) in text
            assert squashed(said) in squashed("".join(seen.texts))


def test_lines_of_the_text_part_are_short_and_addresses_are_whole(renderer):
    for made in every_mail(renderer):
        for line in made.text.splitlines():
            assert len(line) <= 78 or re.search(r"https://\S+$", line)
            assert line == line.rstrip()
        assert "\n\n\n\n" not in made.text


def test_a_mail_is_sound_html_for_clients_that_are_not(renderer):
    for made in every_mail(renderer):
        seen = Seen(made.html)
        assert made.html.startswith("<!DOCTYPE html>")
        assert made.html.index('charset="utf-8"') < 1024
        assert (seen.wrong, seen.open) == ([], [])
        assert dict(seen.elements)["html"]["lang"] == "en"
        assert {table["role"] for table in seen.tags("table")} == {"presentation"}
        assert not seen.tags("script", "img", "form", "input", "link", "iframe", "svg", "object")
        levels = [level for level, _ in seen.headings]
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))
        assert all(href.startswith("https://") for href in seen.all("href"))
        assert "@" not in "".join(seen.all("href"))


def test_the_one_style_of_a_mail_is_what_cannot_be_inlined(renderer):
    html = mail(renderer, 4).html
    style = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    assert len(style) == 1
    assert style[0].lstrip().startswith("@media")
    assert "prefers-color-scheme: dark" in style[0]
    assert all(f'name="{name}"' in html for name in ("color-scheme", "supported-color-schemes"))
    classed = [attrs for _, attrs in Seen(html).elements if "class" in attrs]
    assert all("style" in attrs or "bgcolor" in attrs for attrs in classed)


@pytest.mark.parametrize("kind", [MailKind.CONFIRM, MailKind.KNOWN, MailKind.CHANGE])
def test_a_letter_says_who_asked_and_what_to_do_if_it_was_not_you(renderer, kind):
    made = renderer.letter(kind, LINKS, READER)
    said = " ".join(made.text.split())
    asked = READER.pending_email if kind is MailKind.CHANGE else READER.email
    assert asked in said
    assert "If this was not you" in said
    assert (LINKS.preferences if kind is MailKind.KNOWN else LINKS.confirm) in made.text
    assert kind is MailKind.KNOWN or "for a few days" in said
    assert LOOK.tagline not in said  # nothing that advertises
    assert kind is not MailKind.CHANGE or READER.email not in made.html + made.text


def test_a_letter_without_other_links_carries_only_its_own(renderer):
    links = MailLinks(home=LINKS.home, confirm=LINKS.confirm)
    made = renderer.letter(MailKind.CONFIRM, links, READER)
    assert set(Seen(made.html).all("href")) == {LINKS.home, LINKS.confirm}


# ── Web pages ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", sorted(pages("", "")))
def test_a_page_needs_no_inline_style_or_script_and_nobody_else(renderer, name):
    seen = Seen(renderer.page(name, **pages("a", "/a")[name]))
    assert not seen.tags("style") + seen.all("style")
    loaded = [link["href"] for link in seen.tags("link")] + seen.all("src")
    assert all(address.startswith("/") for address in loaded)
    shipped = [address for address in loaded if address.startswith("/static/")]
    assert all((FOLDER / "web" / address[1:]).is_file() for address in shipped)


@pytest.mark.parametrize("name", sorted(pages("", "")))
def test_a_page_can_be_heard_and_used_without_a_mouse(renderer, name):
    seen = Seen(renderer.page(name, **pages("a", "/a")[name]))
    ids, levels = seen.all("id"), [level for level, _ in seen.headings]
    assert [one for one, times in Counter(ids).items() if times > 1] == []
    labelled = set(seen.all("for"))
    controls = [one for one in seen.tags("input", "select") if one.get("type") != "hidden"]
    assert all(one.get("type") == "checkbox" or one["id"] in labelled for one in controls)
    named = [one for attr in ("aria-describedby", "aria-labelledby") for one in seen.all(attr)]
    assert {part for one in named for part in one.split()} <= set(ids)
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 or name == "home" for before, after in pairwise(levels))
    assert all(title.strip() for _, title in seen.headings)


def test_the_honeypot_is_out_of_sight_and_out_of_reach(renderer):
    seen = Seen(renderer.page("home", **pages("a", "/a")["home"]))
    trap = next(one for one in seen.tags("input") if one["name"] == "website")
    assert (trap["tabindex"], trap["autocomplete"]) == ("-1", "off")
    assert {"class": "hidden", "aria-hidden": "true"} in seen.tags("div")


def test_the_score_is_drawn_and_told(renderer):
    terms = (Term(name="votes", value=3.0), Term(name="age", value=-1.0, text="a day old"))
    context = pages("a", "/a")["edition"] | {"items": [item(0, terms=terms)]}
    html = renderer.page("edition", **context)
    bars = [bar for bar in Seen(html).tags("rect") if bar["class"] in {"more", "less"}]
    # One scale of 4 from −1 to 3: zero lies at a quarter.
    assert [(bar["class"], bar["x"], bar["width"]) for bar in bars] == [
        ("more", "25.0", "75.0"),
        ("less", "0.0", "25.0"),
    ]
    assert all(said in html for said in ("+3.00", "× 20.1", "−1.00", "× 0.368", "a day old"))


def test_the_consent_is_one_text_of_who_what_and_how_to_leave(renderer):
    said = renderer.consent()
    assert "\n" not in said
    assert all(word in said for word in (LOOK.sender_name, LOOK.site_name, "leave", "address"))


# ── Colours ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("palette", [colours.LIGHT, colours.DARK])
def test_text_can_be_read_on_its_ground(palette):
    assert list(colours.unreadable(palette)) == []


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ("#000000", "#ffffff", 21.0),  # the most there is
        ("#123456", "#123456", 1.0),
        ("#777777", "#ffffff", 4.48),  # the grey that just fails, known from WCAG's own pages
        ("#ffffff", "#767676", 4.54),  # and the one that just passes
    ],
)
def test_contrast_is_that_of_wcag(one, other, ratio):
    assert colours.contrast(one, other) == pytest.approx(ratio, abs=0.005)


OTHER = replace(
    LOOK,
    site_name="Example Lab",
    logo="LAB|papers",
    light=colours.LIGHT | {"accent": "#7a1fa2", "page": "#fff8f0"},
    dark=colours.DARK | {"accent": "#e0b0ff"},
    text_font="Verdana,sans-serif",
    title_font="Palatino,serif",
)


def test_another_brand_shows_everywhere_and_nothing_of_the_first_is_left():
    other = Renderer(OTHER, FOLDER)
    for made in every_mail(other):
        assert all(said in made.html for said in ("LAB|papers", "#7a1fa2", "#e0b0ff", "Verdana"))
        assert "LAB|papers" in made.text
        for first in (colours.LIGHT["accent"], colours.DARK["accent"], "Georgia", "Segoe"):
            assert first not in made.html
        assert LOOK.site_name not in made.html + made.text
    css = other.brand()
    assert all(said in css for said in ("--accent: #7a1fa2;", "--accent: #e0b0ff;", "Palatino"))


def test_mail_and_web_have_the_same_colours_and_fonts(renderer):
    light, dark = renderer.brand().split("@media (prefers-color-scheme: dark)")
    for part, palette in ((light, colours.LIGHT), (dark, colours.DARK)):
        assert dict(re.findall(r"--(\w+): (#\w+);", part)) == palette
    assert dict(re.findall(r"--(text|title): ([^;]+);", light)) == {
        "text": LOOK.text_font,
        "title": LOOK.title_font,
    }
    css = (FOLDER / "web/static/style.css").read_text("utf-8")
    assert set(re.findall(r"var\(--(\w+)\)", css)) <= {*colours.LIGHT, "text", "title"}


def test_of_many_parts_of_a_score_the_largest_are_shown_wherever_they_stand():
    small = [Term(name=f"small {n}", value=0.001 * n, text="") for n in range(1, 10)]
    terms = [Term(name="votes", value=5.0, text=""), *small, Term(name="late", value=-0.7, text="")]
    shown = filters.parts(terms)
    assert [one.name for one in shown if one.percent] == ["votes", "late"]
    assert [one.name for one in shown] == ["votes", *(f"small {n}" for n in range(4, 10)), "late"]
