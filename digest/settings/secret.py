"""Keys in files: the secret of a small installation, made once; DKIM keys, made by the operator."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from digest.errors import ConfigError, StoreError


def kept_secret(path: Path) -> str:
    """Reads the key, or makes one that only this user can read; two processes agree on one.

    It appears whole: nobody reads half of it, and who is killed while writing leaves none.
    """
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        if not path.exists():
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(32))
            with suppress(FileExistsError):
                os.link(draft, path)
            draft.unlink()
        kept = path.read_text("ascii").strip()
    except OSError as error:
        raise StoreError(f"cannot keep the secret key in {path}: {error.strerror}") from error
    if not kept:
        raise StoreError(f"{path} is empty: remove it, and old links will work no more")
    return kept


def key_file(path: str, setting: str) -> bytes:
    """What is in a key's file. Raises ConfigError with ``setting``: it cannot be read."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"{setting}: cannot read {path}: {error.strerror}") from error
