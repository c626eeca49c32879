"""Settings: the file, the environment, secrets; and every way to get them wrong."""

import os
import re
import traceback
from pathlib import Path

import pytest

from digest import colours
from digest.app import App
from digest.errors import ConfigError
from digest.settings import Settings, load

SECRET = "hunter-7"


def settings(tmp_path: Path, toml: str = "", **environ: str) -> Settings:
    """The settings of that file and that environment, and of nothing else."""
    file = tmp_path / "digest.toml"
    file.write_text(toml, "utf-8")
    return load(file, environ)


def complaint(tmp_path: Path, toml: str = "", **environ: str) -> str:
    """What is said of them; the secret must be neither in it nor in the traceback."""
    with pytest.raises(ConfigError) as caught:
        settings(tmp_path, toml, **environ)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    return str(caught.value)


# ── What is right ────────────────────────────────────────────────────────────────────────────────


def test_the_bundled_file_loads_and_all_its_weights_are_of_signals_that_come():
    bundled = load(environ={})
    names = [section.name for section in bundled.mail_sections()]
    assert names == ["trending", "fresh", "slow_burners", "beyond"]
    assert {source.name for source in App(bundled).sources} == {"arxiv", "huggingface"}


def test_an_empty_file_gives_the_defaults(tmp_path):
    empty = settings(tmp_path)
    assert empty.schedule.cut_hours == 1
    assert empty.readers.days == frozenset(range(7))


def test_later_wins_defaults_file_environment_arguments(tmp_path):
    file = '[site]\nname = "file"\n[smtp]\nport = 25\nhost = "file"\n'
    read = settings(tmp_path, file, DIGEST_SMTP__HOST="environment")
    assert (read.site.name, read.smtp.port, read.smtp.host) == ("file", 25, "environment")
    over = load(
        tmp_path / "digest.toml",
        {"DIGEST_BASE_URL": "http://a.example"},
        base_url="http://b.example",
    )
    assert over.base_url == "http://b.example"


def test_the_environment_overrides_one_key_of_a_table_and_leaves_the_others(tmp_path):
    toml = '[sources.arxiv]\ncategories = ["math.GT"]\n'
    read = settings(tmp_path, toml, DIGEST_SOURCES__ARXIV__BASE_URL="http://127.0.0.1:9")
    assert read.sources.arxiv.categories == ("math.GT",)
    assert read.sources.arxiv.base_url == "http://127.0.0.1:9"


def test_a_brand_names_the_colours_it_changes_and_keeps_the_others(tmp_path):
    brand = settings(tmp_path, '[brand.light]\naccent = "#7a1fa2"\n').brand
    assert brand.light == {**colours.LIGHT, "accent": "#7a1fa2"}
    assert brand.dark == colours.DARK
    assert settings(tmp_path, "").brand.light == colours.LIGHT


@pytest.mark.parametrize(
    ("toml", "reason"),
    [
        ('[brand.light]\nsoft = "#cccccc"', "soft on page has a contrast of 1.4, less than 4.5"),
        ('[brand.dark]\nink = "#000000"', "ink on page has a contrast of"),
        ('[brand.light]\nblink = "#000000"', "'blink' is no colour of ours"),
        ('[brand.light]\nink = "red; } body { display: none"', "brand.light.ink"),  # no CSS gets in
        ('[brand]\ntext_font = "Arial\'; x"', "brand.text_font"),
        ('[brand]\nimage = "logo.png"', "brand.image: there is no such setting"),
    ],
)
def test_a_brand_that_cannot_be_read_is_refused_by_name(tmp_path, toml, reason):
    with pytest.raises(ConfigError, match=re.escape(reason)):
        settings(tmp_path, toml)


def test_lists_and_tables_of_the_environment_are_json(tmp_path):
    read = settings(
        tmp_path,
        DIGEST_READERS__DAYS='["mon", "fri"]',
        DIGEST_RANKING__WEIGHTS='{"stars": 0.5}',
        DIGEST_SOURCES__ARXIV__CATEGORIES='["cs.CL"]',
    )
    assert read.readers.days == {0, 4}
    assert read.ranking.weights == {"stars": 0.5}
    assert read.sources.arxiv.categories == ("cs.CL",)


def test_a_weight_can_be_given_by_its_own_variable(tmp_path):
    assert settings(tmp_path, DIGEST_RANKING__WEIGHTS__STARS="0.3").ranking.weights["stars"] == 0.3


def test_the_file_is_named_by_the_environment_or_by_hand(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('[site]\nname = "Mine"\n')
    assert load(environ={"DIGEST_CONFIG": str(file)}).site.name == "Mine"
    assert load(file, {"DIGEST_CONFIG": "/nowhere"}).site.name == "Mine"


def test_without_an_environment_it_is_the_process_s_own(tmp_path, monkeypatch):
    monkeypatch.setenv("DIGEST_SITE__NAME", "From the process")
    file = tmp_path / "empty.toml"
    file.touch()
    assert load(file).site.name == "From the process"


def test_variables_of_others_and_of_the_tests_are_not_ours(tmp_path):
    environ = {"DIGESTIVE": "x", "digest_smtp__host": "x", "DIGEST_CHROMIUM": "x", "PATH": "x"}
    assert settings(tmp_path, **environ).smtp.host == ""


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("https://papers.example.org", "https://papers.example.org"),
        ("https://papers.example.org/", "https://papers.example.org"),
        ("https://example.org/papers//", "https://example.org/papers"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("https://EXAMPLE.org:443", "https://example.org"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),  # goes into headers: ASCII
        ("https://example.org/\r\nBcc: x", "https://example.org/Bcc:%20x"),  # no second header
    ],
)
def test_base_url_has_one_form(tmp_path, given, normal):
    assert settings(tmp_path, DIGEST_BASE_URL=given).base_url == normal


def test_settings_cannot_be_changed_afterwards(tmp_path):
    with pytest.raises(ValueError, match="frozen"):
        settings(tmp_path).smtp.port = 26


# ── Secrets ──────────────────────────────────────────────────────────────────────────────────────


def test_a_secret_may_stand_in_a_file(tmp_path):
    file = tmp_path / "password"
    file.write_text(f"{SECRET}\n")
    read = settings(tmp_path, DIGEST_SMTP__PASSWORD_FILE=str(file))
    assert read.smtp.password.get_secret_value() == SECRET


def test_any_setting_may_stand_in_a_file_and_ca_file_is_a_setting_itself(tmp_path):
    file = tmp_path / "host"
    file.write_text("mail.example.org")
    read = settings(tmp_path, DIGEST_SMTP__HOST_FILE=str(file), DIGEST_SMTP__CA_FILE="/ca.pem")
    assert (read.smtp.host, read.smtp.ca_file) == ("mail.example.org", "/ca.pem")


@pytest.mark.parametrize("key", ["SOURCES__GITHUB__TOKEN", "SOURCES__SEMANTICSCHOLAR__API_KEY"])
def test_the_keys_of_services_may_stand_in_files_and_are_never_shown(tmp_path, key):
    file = tmp_path / "key"
    file.write_text(f"{SECRET}\n")
    read = settings(tmp_path, **{f"DIGEST_{key}_FILE": str(file)})
    _, table, name = key.lower().split("__")
    assert getattr(getattr(read.sources, table), name).get_secret_value() == SECRET
    assert SECRET not in repr(read)


def test_a_feed_is_named_by_its_table_and_may_have_a_query(tmp_path):
    read = settings(tmp_path, '[sources.feeds.lab]\nurl = "https://lab.example/feed?key=1"\n')
    assert read.sources.feeds["lab"].url == "https://lab.example/feed?key=1"
    by_environment = settings(
        tmp_path, DIGEST_SOURCES__FEEDS='{"lab": {"url": "https://lab.example"}}'
    )
    assert by_environment.sources.feeds["lab"].enabled


@pytest.mark.parametrize("wrong", [f"token = ['{SECRET}']", f"token = {{ a = '{SECRET}' }}"])
def test_a_token_of_a_wrong_type_is_not_shown(tmp_path, wrong):
    assert "sources.github.token: " in complaint(tmp_path, f"[sources.github]\n{wrong}")


def test_both_forms_at_once_are_an_error_that_names_both(tmp_path):
    said = complaint(tmp_path, DIGEST_SECRET_KEY=SECRET, DIGEST_SECRET_KEY_FILE="/run/key")
    assert said == "DIGEST_SECRET_KEY_FILE and DIGEST_SECRET_KEY are both set: keep one"


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "No such file or directory"), (b"\xff\xfe", "the file is not text in UTF-8")],
)
def test_a_file_that_cannot_be_read_is_named_by_its_variable(tmp_path, content, reason):
    # Whoever puts the secret itself into the variable must not find it in the log.
    file = tmp_path / SECRET
    if content:
        file.write_bytes(content)
    said = complaint(tmp_path, DIGEST_SMTP__PASSWORD_FILE=str(file))
    assert said.startswith("DIGEST_SMTP__PASSWORD_FILE: ")
    assert reason in said


def test_a_folder_is_no_file(tmp_path):
    said = complaint(tmp_path, DIGEST_SECRET_KEY_FILE=str(tmp_path))
    assert "DIGEST_SECRET_KEY_FILE: cannot read the file" in said


def test_settings_do_not_show_their_secrets(tmp_path):
    read = settings(
        tmp_path,
        DIGEST_SECRET_KEY=SECRET,
        DIGEST_SMTP__PASSWORD=SECRET,
        DIGEST_DATABASE_URL=f"postgresql://digest:{SECRET}@db/digest",
    )
    shown = f"{read!r} {read} {read.model_dump()} {read.model_dump_json()} {read.smtp!r}"
    assert SECRET not in shown


@pytest.mark.parametrize(
    ("toml", "key"),
    [
        (f'[smtp]\npasswort = "{SECRET}"', "smtp.passwort"),  # misspelled: nobody knows it is one
        (f'smtp_password = "{SECRET}"', "smtp_password"),
        (f'smtp = "user:{SECRET}@relay"', "smtp"),  # a value in the place of a table
        (f'secret_key = ["{SECRET}"]', "secret_key"),
        (f'[smtp]\npassword = {{ plain = "{SECRET}" }}', "smtp.password"),
        (f'base_url = "https://u:{SECRET}@example.org"', "base_url"),
        (f'base_url = "{SECRET}"', "base_url"),
        (f'base_url = "ftp://u:{SECRET}@example.org"', "base_url"),
        (f'[sources.arxiv]\nbase_url = "https://u:{SECRET}@example.org/?a"', "sources.arxiv.base"),
        (f'secret_key = "{SECRET}"\n[smtp]\nport = 0', "smtp.port"),  # something else is wrong
        (f'secret_key = "{SECRET}"\n=', "digest.toml is not valid TOML"),
    ],
)
def test_no_error_shows_a_secret_of_the_file(tmp_path, toml, key):
    assert key in complaint(tmp_path, toml)


@pytest.mark.parametrize(
    ("environ", "key"),
    [
        ({"DIGEST_SMTP": f'{{"passwort": "{SECRET}"}}'}, "smtp.passwort"),
        ({"DIGEST_SMTP": f'{{"password": ["{SECRET}"]}}'}, "smtp.password"),
        ({"DIGEST_SMTP": f'{{"password": "{SECRET}"'}, "DIGEST_SMTP: not JSON"),
        ({"DIGEST_SMTP": SECRET}, "DIGEST_SMTP: not JSON"),
        ({"DIGEST_SECRETKEY": SECRET}, "DIGEST_SECRETKEY"),
        ({"DIGEST_SMTP__PASSWORD": SECRET, "DIGEST_SMTP__PORT": "x"}, "smtp.port"),
    ],
)
def test_no_error_shows_a_secret_of_the_environment(tmp_path, environ, key):
    assert key in complaint(tmp_path, **environ)


# ── What is wrong ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        # Keys that do not exist, wherever they stand.
        ("colour = 1", "colour: there is no such setting"),
        ("[smtp]\nhots = 'x'", "smtp.hots: there is no such setting"),
        ("[sources.medium]\nenabled = true", "sources.medium: there is no such setting"),
        ("[sources.arxiv]\ncats = []", "sources.arxiv.cats: there is no such setting"),
        # Places and times.
        ("[schedule]\nzone = 'Mars/Olympus'", "schedule.zone: 'Mars/Olympus' is not a time zone"),
        ("[schedule]\nzone = '../etc/passwd'", "schedule.zone: '../etc/passwd' is not a time zone"),
        ("[schedule]\nzone = 'localtime'", "schedule.zone: 'localtime' is not a time zone"),
        ("[schedule]\ncut_hours = 5", "schedule.cut_hours: Input should be 1, 2, 3, 4, 6, 8, 12"),
        ("[schedule]\ncatch_up_hours = 13", "schedule.catch_up_hours: "),
        ("[schedule]\nquiet_days = 'maybe'", "schedule.quiet_days: "),
        ("[schedule]\ntick_seconds = 0", "schedule.tick_seconds: "),
        ("[readers]\nhour = 24", "readers.hour: "),
        ("[readers]\ndays = ['mon', 'Tuesday']", "readers.days: 'Tuesday' is not a weekday"),
        ("[readers]\ndays = [0]", "readers.days: 0 is not a weekday"),
        ("[readers]\ndays = 'mon'", "readers.days: "),
        ("[readers]\ndays = []", "readers.days: "),  # a reader who never gets anything
        ("[sources.arxiv]\nquiet_evenings = ['fry']", "quiet_evenings: 'fry' is not a weekday"),
        ("[sources.arxiv]\nholidays = ['2026-13-01']", "sources.arxiv.holidays.0: "),
        ("[sources.arxiv_api]\nevery_hours = 1", "sources.arxiv_api.every_hours: "),
        ("[sources.biorxiv]\nservers = ['chemrxiv']", "sources.biorxiv.servers.0: "),
        ("[sources.github]\npapers = 0", "sources.github.papers: "),
        ("[sources.github]\ntoken = 17", "sources.github.token: Input should be a valid string"),
        ("[sources.feeds]\nlab = 'https://a.example'", "sources.feeds.lab: "),
        ("[sources.feeds.lab]\nenabled = true", "sources.feeds.lab.url: Field required"),
        ("[sources.feeds.lab]\nurl = 'ftp://a.example'", "sources.feeds.lab.url: "),
        ("[sources.feeds.Lab]\nurl = 'https://a.example'", "sources.feeds.Lab"),
        # Categories.
        ("[sources.arxiv]\ncategories = ['cs.CL', 'cs.XX']", "categories.1: 'cs.XX' is not an"),
        ("[sources.arxiv]\ncategories = 'cs.CL'", "sources.arxiv.categories: "),
        ("[sources.arxiv]\ncategories = []", "sources.arxiv.categories: "),
        # Types.
        ("[smtp]\nport = 'smtp'", "smtp.port: Input should be a valid integer"),
        ("[smtp]\nport = 65536", "smtp.port: "),
        ("[smtp]\nhost = 1", "smtp.host: Input should be a valid string, not 1"),
        ("[smtp]\ntls = 'ssl'", "smtp.tls: Input should be 'none', 'starttls' or 'tls'"),
        ("smtp = 1", "smtp: "),
        ("trusted_proxies = ['perhaps']", "trusted_proxies.0: "),
        ("sources = []", "sources: "),
        ("database_url = 5", "database_url: Input should be a valid string"),
        # Numbers that are none: TOML has inf and nan, and a score must stay a number.
        ("[delivery]\nfirst_retry_seconds = inf", "delivery.first_retry_seconds: "),
        ("[delivery]\nfirst_retry_seconds = 1e300", "delivery.first_retry_seconds: "),
        ("[delivery]\ndeadline_hours = nan", "delivery.deadline_hours: "),
        ("[smtp]\ntimeout = inf", "smtp.timeout: "),
        ("[ranking]\ndelay_exponent = -1", "ranking.delay_exponent: "),
        ("[ranking]\nage_exponent = inf", "ranking.age_exponent: "),
        ("[ranking.weights]\nstars = inf", "ranking.weights.stars: "),
        ("[ranking.weights]\nstars = nan", "ranking.weights.stars: "),
        ("[ranking.weights]\nstars = 1e308", "ranking.weights.stars: "),
        ("[ranking.weights]\nstars = 'many'", "ranking.weights.stars: "),
        # Lines that go into headers of mails.
        ('[sender]\nname = "A\\r\\nBcc: x@example.org"', "sender.name: one line of text"),
        ('[sender]\naddress = "a@example.org\\n"', "sender.address: one line of text"),
        ('[site]\nname = "A\\u2028B"', "site.name: one line of text"),
        ('[site]\ntagline = "A\\u0085B"', "site.tagline: one line of text"),
        # Addresses.
        ("base_url = 'papers.example.org'", "base_url: "),
        ("base_url = 'javascript:alert(1)'", "base_url: "),
        ("base_url = 'https://example.org/?a=1'", "base_url: an address without ? and #"),
        ("base_url = 'https://example.org/#a'", "base_url: an address without ? and #"),
        ("base_url = 'https://me@example.org'", "base_url: an address without user and password"),
        # Sections.
        ("sections = []", "sections: none"),
        ("[[sections]]\nname = 'fresh'\ntitle = 'F'\nshare = 1.1", "sections.0.share: "),
        ("[[sections]]\nname = 'fresh'\ntitle = 'F'", "sections.0.share: Field required"),
        ("[[sections]]\nname = 'a'\ntitle = 'A'\nshare = 1\n" * 2, "sections: 'a' twice"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(tmp_path, toml, said):
    assert said in complaint(tmp_path, toml)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("DIGEST_SMTP__HOTS", "x", "DIGEST_SMTP__HOTS: there is no such setting"),
        ("DIGEST_SMTP_HOST", "x", "DIGEST_SMTP_HOST: there is no such setting"),  # one underscore
        ("DIGEST_SMTP__HOST__NAME", "x", "DIGEST_SMTP__HOST__NAME: there is no such setting"),
        ("DIGEST_SMTP__", "x", "DIGEST_SMTP__: there is no such setting"),
        ("DIGEST_", "x", "DIGEST_: there is no such setting"),
        ("DIGEST_HOTS_FILE", "/x", "DIGEST_HOTS_FILE: there is no such setting"),
        ("DIGEST_SECTIONS__0__NAME", "x", "DIGEST_SECTIONS__0__NAME: there is no such setting"),
        ("DIGEST_READERS__DAYS", "mon,tue", "DIGEST_READERS__DAYS: not JSON"),
        ("DIGEST_SECTIONS", "fresh", "DIGEST_SECTIONS: not JSON"),
        ("DIGEST_SECTIONS", "[1]", "sections.0: "),
        ("DIGEST_RANKING__WEIGHTS", "1", "ranking.weights: "),
        ("DIGEST_RANKING__WEIGHTS__STARS", "x", "ranking.weights.stars: "),
        ("DIGEST_SMTP__PORT", "", "smtp.port: "),
        ("DIGEST_SITE__NAME", "caf\udce9", "site.name: one line of text"),  # bytes, not UTF-8
    ],
)
def test_what_is_wrong_in_the_environment_is_named(tmp_path, name, value, said):
    assert said in complaint(tmp_path, **{name: value})


def test_every_wrong_key_is_named_at_once(tmp_path):
    said = complaint(tmp_path, "a = 1\nb = 2\n[smtp]\nport = 0\nx = 1\n[site]\ny = 1")
    keys = [line.split(":")[0] for line in said.splitlines()]
    assert sorted(keys) == ["a", "b", "site.y", "smtp.port", "smtp.x"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[smtp", "is not valid TOML"),
        (b"a = 1\na = 2", "is not valid TOML"),  # twice
        (b"\xff", "is not valid TOML"),
    ],
)
def test_a_file_that_is_no_toml_is_named(tmp_path, content, said):
    file = tmp_path / "digest.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=said) as caught:
        load(file, {})
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("name", ["nowhere.toml", "."])
def test_a_file_that_cannot_be_opened_is_named(tmp_path, name):
    with pytest.raises(ConfigError, match=r"cannot read .*: (No such file|Is a directory)"):
        load(tmp_path / name, {})


def test_a_section_that_no_rule_fills_is_refused_by_the_app(tmp_path):
    read = settings(tmp_path, "[[sections]]\nname = 'hot'\ntitle = 'Hot'\nshare = 1")
    known = r"'hot' \(known: trending, fresh, slow_burners, beyond\)"
    with pytest.raises(ConfigError, match=known):
        App(read)


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("[ranking.weights]\ncitations = 0.1", "no enabled source emits the signal 'citations'"),
        # Stars come from Hugging Face alone.
        ("[ranking.weights]\nstars = 0.1\n[sources.huggingface]\nenabled = false", "'stars'"),
    ],
)
def test_a_weight_for_a_signal_that_nobody_emits_is_refused_by_the_app(tmp_path, toml, said):
    app = App(settings(tmp_path, toml))
    with pytest.raises(ConfigError, match=said) as caught:
        _ = app.sources
    assert str(caught.value).startswith("ranking.weights.")


def test_an_unreadable_secret_file_is_an_error_of_its_variable(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    file = tmp_path / "secret"
    file.write_text(SECRET)
    file.chmod(0)
    said = complaint(tmp_path, DIGEST_SECRET_KEY_FILE=str(file))
    assert said == "DIGEST_SECRET_KEY_FILE: cannot read the file: Permission denied"
