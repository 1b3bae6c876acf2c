# Crossroads from a clone. Needs Python 3.11 or 3.12 and make; everything else is fetched into .venv, .setup and the cache.
#   make run      set up, then serve the page and print its address      (make run ARGS="--port 8000")
#   make test     set up, then run every test                            (make test ARGS="tests/graphs -k route")
#   make check    set up, then check format, lint and types              (make format mends what it can)
#   make bench    set up, then measure, an hour or more                  (make bench NAME=engines ARGS="--quick")

# the first of these that really runs and is 3.11 or 3.12; set-up says what is wrong where there is none
PYTHON ?= $(shell for python in python3.11 python3.12 python3; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null \
	&& echo $$python && exit; done; echo python3)
BIN := .venv/bin
ARGS ?=
NAME ?=

.PHONY: run test setup setup-test check format bench lock clean
.DEFAULT_GOAL := run

setup:
	@$(PYTHON) scripts/setup.py run

setup-test:
	@$(PYTHON) scripts/setup.py test

run: setup
	@exec $(BIN)/crossroads serve $(ARGS)

test: setup-test
	@$(BIN)/python -m pytest $(ARGS)

check: setup-test
	@status=0; \
	$(BIN)/ruff format --quiet --check . || { status=1; echo "Format: run \`make format\`."; }; \
	$(BIN)/ruff check --quiet . || status=1; \
	$(BIN)/mypy || status=1; \
	MYPYPATH=scripts $(BIN)/mypy scripts/setup.py scripts/fetch.py scripts/lock.py || status=1; \
	exit $$status

format: setup-test
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench:
	@$(PYTHON) scripts/setup.py bench
	@$(BIN)/python bench $(NAME) $(ARGS)

lock:
	@$(PYTHON) scripts/lock.py

clean:
	rm -rf .venv .setup build dist .pytest_cache .mypy_cache .ruff_cache
