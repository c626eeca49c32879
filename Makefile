# One word each, the same here and in CI. Needed: git, Python 3.11 or newer with venv, and make.
#
#   make demo    sets up and shows a digest from beginning to end; ARGS=--once ends after the mail
#   make test    sets up and runs the tests; ARGS='-k retry -x' goes to pytest
#   make check   what the tests cannot see: style, types, floors, locks, the compose file
#   make fix     lets ruff mend what it can
#   make shots   the screenshots of the README (needs Chromium)
#   make mails   every kind of mail, checked and photographed, into OUT=build/mails (needs Chromium)
#   make chaos   kills everything a hundred times and compares two ledgers; ARGS='--engine sqlite'
#   make lock    pins anew what pyproject.toml asks for (needs uv); ARGS=--upgrade takes newer ones
#
# Another Python: make demo PYTHON=python3.13

PYTHON ?= python3
OUT ?= build/mails
MAILCHECK ?= ../shared/tools/mailcheck
ARGS ?=
RUN = .venv/bin/python
PIP = $(RUN) -m pip --disable-pip-version-check --no-input install --quiet --require-hashes
LOCK = uv pip compile pyproject.toml --universal --generate-hashes --no-header --python-version 3.11

.PHONY: demo test check fix shots mails chaos lock

demo: .venv/run.stamp
	@$(RUN) -m digest demo $(ARGS)

test: .venv/dev.stamp
	@$(RUN) -m pytest $(ARGS)

check: .venv/dev.stamp
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	.venv/bin/lint-imports
	$(RUN) -m pytest -n 0 tests/test_house.py
	! grep -nE '://|^--(extra-)?index|^--find-links' requirements/*.txt
	$(RUN) -m check_jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

fix: .venv/dev.stamp
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

shots: .venv/dev.stamp
	PYTHONPATH=. $(RUN) tests/screenshots.py docs

mails: .venv/dev.stamp $(if $(wildcard $(MAILCHECK)/setup.sh),build/mailcheck.stamp)
	PYTHONPATH=. $(RUN) tests/mails.py $(OUT) build/mailcheck

# The checker in a copy of ours, with its programs from npm. What cannot be had is a SKIP in the
# report, with the reason; SpamAssassin, Java and node are Debian's (.ci/run installs them).
build/mailcheck.stamp: $(MAILCHECK)/mailcheck.py
	@mkdir -p build/mailcheck && cp -R $(MAILCHECK)/. build/mailcheck && chmod -R u+w build/mailcheck
	@cd build/mailcheck && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error || \
	    echo 'no packages from npm: caniemail, html-validate, Nu and axe are left out' >&2
	@touch $@

chaos: .venv/dev.stamp
	PYTHONPATH=. $(RUN) tests/chaos.py $(ARGS)

lock:
	$(LOCK) $(ARGS) -o requirements/run.txt
	$(LOCK) $(ARGS) -o requirements/dev.txt -c requirements/run.txt \
	    --group test --group check --group build

# A stamp is made last, so that what was broken off is done again. The lock has every package with
# its hash; the project itself is run from this folder and needs no build.
.venv/run.stamp: requirements/run.txt | .venv/new.stamp
	@echo 'setting up (about half a minute, once)…'
	@$(PIP) -r $<
	@touch $@

.venv/dev.stamp: requirements/dev.txt | .venv/new.stamp
	@echo 'setting up for the tests (about a minute, once)…'
	@$(PIP) -r $<
	@touch $@

.venv/new.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	    echo '$(PYTHON) is not Python 3.11 or newer: name yours, as in make PYTHON=python3.13' >&2; \
	    exit 1; }
	@$(PYTHON) -m venv --clear .venv
	@printf '%s\n' '#!/bin/sh' 'home=$$(dirname "$$0")/../..' \
	    'PYTHONPATH=$$home exec "$$home/.venv/bin/python" -m digest "$$@"' >.venv/bin/digest
	@chmod +x .venv/bin/digest
	@touch $@
