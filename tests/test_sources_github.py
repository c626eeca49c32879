"""GitHub: stars in turn, conditionally, and never a word of the token."""

import logging

import httpx2
import pytest
from make import DAY, HOUR, NOON, candidate, paper, signal
from services import AGENT, asked_before, looked, serving, values

from digest.model import FetchState, Visit
from digest.settings.sources import GithubPart
from digest.sources import github

API = "https://api.github.com/repos"
TOKEN = "ghp_not-a-real-token"


def with_code(number=1, code=None, *, stars=(), **over):
    """A candidate with a repository; ``stars`` are what was seen of it: (value, when)."""
    link = code or f"https://github.com/ada/repo{number}"
    name = f"2601.{number:05d}"
    seen = [
        signal(value, name="stars", source="github", paper_id=name, at=at) for value, at in stars
    ]
    return candidate(number, paper=paper(number, links={"code": link}), signals=tuple(seen), **over)


def told(*known, answers=None, part=None, **over):
    service = serving(answers or {"/repos/": {"stargazers_count": 120, "forks": 3}})
    return looked(github, part or GithubPart(), service, known=known, **over), service


def test_a_repository_gives_its_paper_stars():
    harvest, service = told(with_code())
    assert values(harvest) == {("2601.00001", "stars", 120.0)}
    assert (harvest.state, harvest.listed, harvest.papers) == (FetchState.FRESH, 1, ())
    assert service.paths == ["/repos/ada/repo1"]
    assert harvest.visits == (
        Visit(url=f"{API}/ada/repo1", etag='"1"', built="2026-01-15T12:00:00+00:00"),
    )


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://github.com/Ada/Repo.js", "ada/repo.js"),
        ("http://www.github.com/ada/repo/", "ada/repo"),
        ("https://github.com/ada/repo.git", "ada/repo"),
        ("https://github.com/ada/repo/tree/main/src?x=1#y", "ada/repo"),
        ("https://github.com/ada", None),  # a person
        ("https://github.com/ada/..", None),
        ("https://github.com/../x", None),
        ("https://github.com/ada%2F../repo", None),
        ("https://gitlab.com/ada/repo", None),
        ("https://github.com.evil.example/ada/repo", None),
        ("https://github.com/ada/re po", None),
        (None, None),
    ],
)
def test_a_repository_is_told_from_other_addresses(address, name):
    assert github.repository(address) == name


@pytest.mark.parametrize(
    ("stars", "growth"),
    [
        ([(100.0, NOON - DAY)], 20.0),
        ([(80.0, NOON - 2 * DAY)], 20.0),  # a day
        ([(100.0, NOON - DAY), (118.0, NOON - HOUR)], 20.0),  # since a day ago, not since an hour
        ([(200.0, NOON - DAY)], None),  # they went down: nothing was gained, and 0 is no news
        ([(100.0, NOON - HOUR)], None),  # too early to tell
    ],
)
def test_the_growth_is_counted_against_what_was_seen_a_day_ago(stars, growth):
    found = {name: value for _, name, value in values(told(with_code(stars=stars))[0])}
    assert found.get("stars_growth") == growth


def test_papers_that_share_a_repository_share_one_request():
    link = "https://github.com/ada/all"
    harvest, service = told(
        with_code(1, link), with_code(2, link + "/"), with_code(3, link + ".git")
    )
    assert len(service.asked) == 1
    assert len(harvest.signals) == 3


def test_unchanged_means_the_stars_of_the_last_time():
    last = Visit(url=f"{API}/ada/repo1", etag='"7"', built=(NOON - DAY).isoformat())
    seen = [(100.0, NOON - 2 * DAY), (120.0, NOON - DAY)]
    harvest, service = told(
        with_code(stars=seen), answers={"/repos/": httpx2.Response(304)}, visits=[last]
    )
    assert service.asked[0].headers["If-None-Match"] == '"7"'
    assert values(harvest) == {("2601.00001", "stars", 120.0)}
    assert harvest.visits[0].etag == '"7"'


def test_so_many_are_asked_a_look_those_that_waited_longest_first():
    known = [with_code(n) for n in range(1, 6)]
    waited = {1: 7, 2: 30, 3: 5, 5: 8}  # hours; the fourth was never asked
    visits = [
        asked_before(f"{API}/ada/repo{n}", NOON - hours * HOUR) for n, hours in waited.items()
    ]
    _, service = told(*known, visits=visits, part=GithubPart(papers=3, rest_hours=6))
    assert service.paths == [f"/repos/ada/repo{n}" for n in (4, 2, 5)]
    _, service = told(*known, visits=visits, part=GithubPart(papers=9, rest_hours=6))
    assert len(service.asked) == 4  # and one had been asked five hours ago


def test_a_repository_that_is_gone_is_no_fault():
    harvest, service = told(
        with_code(1), with_code(2), answers={"repo2": {"stargazers_count": 5}, "repo1": 404}
    )
    assert (harvest.note, len(service.asked)) == ("", 2)
    assert values(harvest) == {("2601.00002", "stars", 5.0)}


@pytest.mark.parametrize(
    ("answer", "note"),
    [
        (403, "403: not allowed, or too often (question 1 of 2)"),  # how GitHub says it, too
        (401, "401: not allowed, or too often (question 1 of 2)"),
        (
            httpx2.Response(429, headers={"Retry-After": "3600"}),
            "429, and asks to wait 1:00:00: too long (question 1 of 2)",
        ),
        (503, "503 after 3 tries (question 1 of 2)"),
        (b"<html>", "not JSON: HTML or XML (200) (question 1 of 2)"),
    ],
)
def test_who_does_not_welcome_us_is_not_asked_again_in_this_look(answer, note):
    harvest, service = told(with_code(1), with_code(2), answers={"/repos/": answer})
    assert (harvest.state, harvest.note) == (FetchState.FAILED, note)
    assert set(service.paths) == {"/repos/ada/repo1"}
    assert [visit.built for visit in harvest.visits] == [NOON.isoformat()]  # others are next


def test_what_came_before_a_failure_is_kept():
    answers = {"repo1": {"stargazers_count": 5}, "repo2": 500}
    harvest, _ = told(with_code(1), with_code(2), answers=answers)
    assert harvest.state is FetchState.FAILED
    assert values(harvest) == {("2601.00001", "stars", 5.0)}


@pytest.mark.parametrize("stars", [None, True, -1, 10**10, "120", [120], 1.5])
def test_unbelievable_stars_are_left_out(stars):
    harvest, _ = told(with_code(), answers={"/repos/": {"stargazers_count": stars}})
    assert harvest.signals == ()


def test_github_learns_who_asks_and_the_token_and_nobody_else_does(caplog):
    caplog.set_level(logging.DEBUG)
    part = GithubPart(token=TOKEN)
    moved = httpx2.Response(301, headers={"Location": "https://evil.example/repos/ada/repo1"})
    harvest, service = told(with_code(), answers={"/repos/": moved}, part=part)
    (asked,) = service.asked
    assert asked.headers["Authorization"] == f"Bearer {TOKEN}"
    assert asked.headers["User-Agent"] == AGENT
    assert asked.headers["X-GitHub-Api-Version"] == "2022-11-28"
    assert harvest.note.startswith("redirects to another host, which gets no credentials")
    assert TOKEN not in caplog.text + repr(part) + repr(harvest)


def test_a_repository_that_moved_within_github_is_followed():
    moved = httpx2.Response(301, headers={"Location": "https://api.github.com/repositories/7"})
    answers = {"/repos/": moved, "/repositories/7": {"stargazers_count": 9}}
    harvest, _ = told(with_code(), answers=answers, part=GithubPart(token=TOKEN))
    assert values(harvest) == {("2601.00001", "stars", 9.0)}


def test_without_a_token_none_is_sent():
    assert "Authorization" not in told(with_code())[1].asked[0].headers


def test_with_no_repository_there_is_nothing_to_ask():
    harvest, service = told(candidate(1))
    assert (harvest.state, service.asked) == (FetchState.QUIET, [])
