# make run        the portal, ready to try, on http://127.0.0.1:8000 (HOST and PORT change that)
# make install  only what the portal needs, into .venv
# make test      every check and every test

PYTHON ?= python3
BIN := .venv/bin

.PHONY: run install test check clean

run: .venv/installed
	@exec $(BIN)/python manage.py serve --demo

install: .venv/installed

test: .venv/installed-dev
	@.ci/system-packages
	@$(MAKE) --no-print-directory check
	$(BIN)/pytest -n 2

check: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	PORTAL_DATA=build/check $(BIN)/python manage.py makemigrations --check --dry-run

.venv/installed: requirements.txt
	@echo "installing what the portal needs into .venv"
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install -qq --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/installed-dev: requirements.txt requirements-dev.txt
	@echo "installing what the tests need into .venv"
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install -qq --disable-pip-version-check -r requirements-dev.txt
	@touch $@ .venv/installed

clean:
	rm -rf .venv build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
