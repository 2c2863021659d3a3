# `make demo` and `make test` do all the set-up: they make the environment, install and run.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
INSTALLED = $(VENV)/.installed
TESTED = $(VENV)/.test-installed

.PHONY: install demo test test-slow verify-results serve-docker lint clean

install: $(INSTALLED)

$(INSTALLED): setup.py pyproject.toml
	$(PYTHON) -c "import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else 'Python must be 3.11, 3.12 or 3.13. Received: ' + sys.version.split()[0] + '. Set PYTHON=python3.11')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable ".[serving]"
	touch $@

$(TESTED): $(INSTALLED)
	$(BIN)/python -m pip install --quiet --editable ".[test,serving]"
	touch $@

# Trains IB-GAN on dSprites for a few minutes and draws what it learned.
demo: $(INSTALLED)
	$(BIN)/python scripts/demo.py

# The default tests: style, then everything that isn't marked slow, in two processes, each file in
# one of them. Takes pytest's flags in ARGS.
test: $(TESTED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest --numprocesses=2 --dist=loadfile $(ARGS)

# The tests that take minutes each, the learning check among them.
test-slow: $(TESTED)
	$(BIN)/python -m pytest -m slow $(ARGS)

# Computes the scores of every record in results/ again, from the kept weights.
verify-results: $(INSTALLED)
	$(BIN)/python scripts/verify_results.py $(ARGS)

# Asks TensorFlow Serving itself, in its container, for what an export's card has the answers to, by
# gRPC and by REST. Needs Docker; was never run where this was written, which has none.
MODEL_DIR ?= results/ibgan-dsprites/export
NAME = $(shell sed -n 's/^ *name: "\(.*\)"/\1/p' $(MODEL_DIR)/serving/models.config)
SERVED = --model=$(NAME) --check=$(MODEL_DIR) --deadline=120 --attempts=60
COMPOSE = docker compose -f $(MODEL_DIR)/serving/docker-compose.yml

serve-docker: $(TESTED)
	$(COMPOSE) up --detach
	$(BIN)/python export/client.py $(SERVED) --transport=grpc \
	&& $(BIN)/python export/client.py $(SERVED) --transport=rest; \
	code=$$?; $(COMPOSE) down; exit $$code

lint: $(TESTED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist *.egg-info
