"""What is installed is what stands in the checkout, and the deployment names only real settings."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from house_figures import ROOT

from digest.settings import load


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """The wheel, built by the project's own backend and unpacked."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def files(folder: Path) -> set[str]:
    """Every file below the folder, caches aside."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_has_every_file_of_the_package_its_templates_and_its_configuration(installed):
    wanted = files(ROOT / "digest")
    wanted |= {f"{name}/{file}" for name in ("templates", "config") for file in files(ROOT / name)}
    assert files(installed / "digest") == wanted
    # What would be missed last: data that nobody imports.
    assert {
        "config/digest.toml",
        "sources/sample_papers.toml",
        "store/migrations/env.py",
        "templates/mail/digest.html.j2",
    } <= wanted


def test_the_installed_package_reads_its_own_configuration(installed, tmp_path):
    """Neither the checkout nor the current folder helps: -P leaves the latter out."""
    program = "from digest import settings; print(settings.resource('config'), settings.load())"
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        cwd=tmp_path,
        env={"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith(f"{installed}/digest/config "), done.stderr


def test_the_environment_of_the_compose_file_is_made_of_valid_settings(tmp_path):
    web = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]["web"]
    secret = tmp_path / "secret"
    secret.write_text("a secret")
    environ = {
        name: str(secret) if name.endswith("_FILE") else re.sub(r"\$\{\w+:-(.*)\}", r"\1", value)
        for name, value in web["environment"].items()
        if name != "DIGEST_CONFIG"
    }
    settings = load(environ=environ)
    assert settings.smtp.password.get_secret_value() == "a secret"
    assert settings.smtp.port == 1025
