"""Settings: ``config/digest.toml`` and the environment become one frozen value.

Later wins: defaults, ``digest.toml``, environment (``DIGEST_SMTP__HOST``), files named by the
environment (``DIGEST_SMTP__PASSWORD_FILE``). A key that does not exist is an error that names it,
wherever it stands.
"""

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from digest.errors import ConfigError
from digest.model import Section
from digest.settings.returns import Bounces, Dkim, Suppression, Webhooks
from digest.settings.sources import ArxivPart, HuggingFacePart, Sources
from digest.settings.tables import (
    Brand,
    DeliveryPart,
    Network,
    Origin,
    Part,
    Ranking,
    Readers,
    Schedule,
    SectionPart,
    Sender,
    Signup,
    Site,
    Smtp,
)

__all__ = [
    "ArxivPart",
    "Bounces",
    "Dkim",
    "HuggingFacePart",
    "Part",
    "Settings",
    "Smtp",
    "Sources",
    "Suppression",
    "load",
    "resource",
]

PREFIX = "DIGEST_"
# Names of the environment that are not settings of the service.
OUTSIDE = ("DIGEST_CONFIG", "DIGEST_TEST_DATABASE_URL", "DIGEST_CHROMIUM")


def resource(name: str) -> Path:
    """The folder ``templates`` or ``config``: in the installed package, else in the checkout."""
    here = Path(__file__).resolve().parent.parent
    inside = here / name
    return inside if inside.is_dir() else here.parent / name


class Settings(BaseSettings):
    """All settings, frozen. Build it with ``load``."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        nested_model_default_partial_update=True,
    )

    database_url: SecretStr = SecretStr("sqlite:///var/digest.db")
    base_url: Origin = "http://127.0.0.1:8000"
    secret_key: SecretStr = SecretStr("")
    state_dir: Path | None = None
    trusted_proxies: tuple[Network, ...] = ()
    site: Site = Site()
    brand: Brand = Brand()
    sender: Sender = Sender()
    smtp: Smtp = Smtp()
    schedule: Schedule = Schedule()
    readers: Readers = Readers()
    signup: Signup = Signup()
    ranking: Ranking = Ranking()
    sections: tuple[SectionPart, ...] = (
        SectionPart(name="trending", title="Trending", share=1.0),
        SectionPart(name="fresh", title="Fresh, no votes yet", share=0.25),
        SectionPart(name="slow_burners", title="Slow burners", share=0.1),
        SectionPart(name="beyond", title="Beyond your topics", share=0.1),
    )
    sources: Sources = Sources()
    delivery: DeliveryPart = DeliveryPart()
    dkim: Dkim = Dkim()
    bounces: Bounces = Bounces()
    suppression: Suppression = Suppression()
    webhooks: Webhooks = Webhooks()

    @model_validator(mode="after")
    def _sections_once(self) -> "Settings":
        names = [section.name for section in self.sections]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice or not names:
            raise ValueError(f"sections: {twice!r} twice" if twice else "sections: none")
        return self

    def mail_sections(self) -> tuple[Section, ...]:
        """The sections as the rules know them."""
        return tuple(
            Section(name=part.name, title=part.title, share=part.share) for part in self.sections
        )


def _field(model: type[BaseModel], path: list[str]) -> FieldInfo | None:
    """The field of ``model`` that ``path`` leads to (a mapping takes any last part)."""
    field = model.model_fields.get(path[0])
    if field is None or not (rest := path[1:]):
        return field
    kind = field.annotation
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return _field(kind, rest)
    of_mapping = get_args(kind)[1:] if get_origin(kind) is Mapping and len(rest) == 1 else ()
    return FieldInfo.from_annotation(of_mapping[0]) if of_mapping else None


def _known(name: str) -> bool:
    return _field(Settings, _path(name)) is not None


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Our variables, ``DIGEST_X_FILE`` read into ``DIGEST_X``.

    Raises:
        ConfigError: a variable that is no setting, a file that cannot be read, both forms at once.
    """
    ours = {
        name: value
        for name, value in environ.items()
        if name.startswith(PREFIX) and name not in OUTSIDE
    }
    found: dict[str, str] = {}
    for name, value in ours.items():
        if _known(name):
            found[name] = value
            continue
        target = name.removesuffix("_FILE")
        if target == name or not _known(target):
            raise ConfigError(f"{name}: there is no such setting (see README.md, Settings)")
        if target in ours:
            raise ConfigError(f"{name} and {target} are both set: keep one")
        try:
            found[target] = Path(value).read_text("utf-8").strip()
        except OSError as error:
            # The value is not shown: it may be the secret itself, under the wrong name.
            raise ConfigError(f"{name}: cannot read the file: {error.strerror}") from None
        except ValueError:
            raise ConfigError(f"{name}: the file is not text in UTF-8") from None
    return found


def _path(name: str) -> list[str]:
    return name.upper().removeprefix(PREFIX).lower().split("__")


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error


def _usual(environ: Mapping[str, str]) -> dict[str, Any]:
    """Where programs of this user keep what outlives them; nothing where there is no user."""
    home = Path(environ["HOME"]) / ".local/state" if environ.get("HOME") else None
    state = Path(environ["XDG_STATE_HOME"]) if environ.get("XDG_STATE_HOME") else home
    return {"state_dir": state / "trending-papers-digest"} if state else {}


def _explain(error: ValidationError) -> str:
    """One line per wrong key, with the value unless it may be a secret."""
    lines = []
    for one in error.errors(include_url=False):
        key = ".".join(str(part) for part in one["loc"]) or "settings"
        reason = one["msg"].removeprefix("Value error, ")
        if one["type"] == "extra_forbidden":
            lines.append(f"{key}: there is no such setting")
            continue
        shown, field = one["input"], _field(Settings, key.split("."))
        table = field is not None and _json(field)
        secret = any(word in key for word in ("password", "secret", "url", "token", "key"))
        shy = secret or table or not isinstance(shown, str | int | float) or repr(shown) in reason
        lines.append(f"{key}: {reason}" + ("" if shy else f", not {shown!r}"))
    return "\n".join(lines)


def _json(field: FieldInfo) -> bool:
    """Whether the value of a field is a list or a table: JSON, in the environment."""
    return EnvSettingsSource(Settings).field_is_complex(field)


def _no_json(variables: Mapping[str, str]) -> str:
    """The error for lists and tables of the environment that cannot be read, one line each."""
    lines = []
    for name, value in variables.items():
        field = _field(Settings, _path(name))
        if field is None or not _json(field):
            continue
        try:
            json.loads(value)
        except ValueError as error:
            lines.append(f"{name.upper()}: not JSON, as lists and tables are here: {error}")
    return "\n".join(lines)


def load(
    config: Path | None = None, environ: Mapping[str, str] | None = None, **over: object
) -> Settings:
    """Reads the settings; ``config`` falls back to ``DIGEST_CONFIG``, then to the bundled file.

    Args:
        config: a TOML file.
        environ: the environment, by default the process's own.
        over: what wins over both; the demo and the tests use it.

    Raises:
        ConfigError: with one line per wrong key.
    """
    environ = os.environ if environ is None else environ
    path = config or Path(environ.get("DIGEST_CONFIG") or resource("config") / "digest.toml")
    variables = {name.lower(): value for name, value in _environment(environ).items()}

    usual = InitSettingsSource(Settings, init_kwargs=_usual(environ))

    class Loaded(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            del env_settings, dotenv_settings, file_secret_settings
            from_environment = EnvSettingsSource(settings_cls)
            from_environment.env_vars = variables
            from_file = InitSettingsSource(settings_cls, init_kwargs=_toml(path))
            return (init_settings, from_environment, from_file, usual)

    try:
        return Loaded(**over)  # type: ignore[arg-type]
    except ValidationError as error:
        raise ConfigError(_explain(error)) from error
    except SettingsError as error:
        raise ConfigError(_no_json(variables) or str(error)) from error
