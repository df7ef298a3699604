# make run        the portal, ready to try, on http://127.0.0.1:8000 (HOST and PORT change that)
# make install  only what the portal needs, into .venv
# make test      every check and every test
# make bench     how fast the engine is, as ratios to OpenSSL, Bouncy Castle and the bare public-key operations
# make faults    processes are killed while messages go through, SEED (1) says which and when; then every fault test
# make load      50 people read and write for 3 minutes while 100,000 messages lie there, then a curve; LOAD are further arguments
# make fuzz      coverage-guided fuzzing of the engine for MINUTES (10), going on where it stopped; counts at the end

# The system's Python where it will do: it is built with optimisation, which many others are not, and gets security fixes (docs/decisions/load.md)
PYTHON ?= $(shell for each in /usr/bin/python3 python3; do \
	$$each -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$each; exit; }; done; echo python3)
BIN := .venv/bin
MINUTES ?= 10
PROCESSES ?= 1

# Where it is set, each of the many processes would compile all modules again
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run install test check bench load peers fuzz mutants clean

run: .venv/installed
	@exec $(BIN)/python manage.py serve --demo

install: .venv/installed

test: .venv/installed-dev
	@.ci/system-packages
	@$(MAKE) --no-print-directory check
	$(BIN)/python -m tests.postgres $(BIN)/pytest -q -n 2 tests/portal/outbox tests/portal/operations tests/portal/audit $(patsubst %,tests/portal/mail/test_%.py,story smtpd accept relay at_the_same_time)
	$(BIN)/pytest -n 2

check: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@mkdir -p build/check
	PORTAL_DATA=build/check $(BIN)/python manage.py makemigrations --check --dry-run

bench: .venv/installed-dev peers
	$(BIN)/python -m bench.engine $(BENCH)

load: .venv/installed-dev
	$(BIN)/python -m bench.load run $(LOAD)

# What can't be built is left out, and `make bench` says so
JARS := /usr/share/java/bcmail.jar:/usr/share/java/bcprov.jar:/usr/share/java/bcpkix.jar:/usr/share/java/bcutil.jar
peers:
	@mkdir -p build/peers
	-@$(MAKE) --no-print-directory -k build/peers/openssl_cms build/peers/BouncyCastleCms.class 2>/dev/null

build/peers/openssl_cms: bench/peers/openssl_cms.c
	$(CC) -O2 -Wall -Wextra -o $@ $< -lcrypto

build/peers/BouncyCastleCms.class: bench/peers/BouncyCastleCms.java
	javac -Xlint:-unchecked -d build/peers -cp $(JARS) $<

# KILLS and MESSAGES: how many, on each database
faults: .venv/installed-dev
	@.ci/system-packages
	$(BIN)/python -m tests.faults.kills --messages $(or $(MESSAGES),3000) --kills $(or $(KILLS),100) --seed $(or $(SEED),1)
	$(BIN)/python -m tests.faults.kills --messages $(or $(MESSAGES),3000) --kills $(or $(KILLS),100) --seed $(or $(SEED),1) --postgres
	FAULT_REDIS_SECONDS=30 FAULT_MESSAGES=500 $(BIN)/pytest -s tests/faults

fuzz: .venv/installed-dev
	$(BIN)/python tests/fuzz/run.py --minutes $(MINUTES) --processes $(PROCESSES) $(TARGETS)

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

# COUNT and SEED: how many, and which
mutants: .venv/installed-dev
	$(BIN)/python -W ignore -m tests.interop.mutants $(or $(COUNT),5000) $(or $(SEED),1)

clean:
	rm -rf .venv build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
