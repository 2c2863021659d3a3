# `make demo` and `make test` do all the set-up: they make the environment, install and run.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
INSTALLED = $(VENV)/.installed
TESTED = $(VENV)/.test-installed

.PHONY: install demo test test-slow verify-results serve-docker serve-test lint clean

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

# Asks NVIDIA's Triton for what an export answers, under load too. Triton has an environment of its
# own: it wants NumPy 1, and TensorFlow's library, but none of TensorFlow's Python packages. The tests
# are skipped, with the reason, where that environment can't be made. 2 GB on disk.
TRITON_PYTHON ?= $(PYTHON)
TRITON_VENV ?= .venv-triton
TRITON_INSTALLED = $(TRITON_VENV)/.installed
TRITON_TESTS = tests/serving/test_triton.py tests/export/test_serve_triton.py tests/benchmarks/test_serving.py

serve-test: $(TESTED)
	-$(MAKE) $(TRITON_INSTALLED)
	IBGAN_TEST_TRITON=$(abspath $(TRITON_VENV))/bin/python \
	$(BIN)/python -m pytest -m triton -rs $(ARGS) $(TRITON_TESTS)

$(TRITON_INSTALLED):
	$(TRITON_PYTHON) -c "import sys; sys.exit(0 if sys.version_info[:2] in ((3, 11), (3, 12)) else 'Triton\'s Python must be 3.11 or 3.12. Received: ' + sys.version.split()[0] + '. Set TRITON_PYTHON=python3.12')"
	$(TRITON_PYTHON) -m venv $(TRITON_VENV)
	$(TRITON_VENV)/bin/python -m pip install --quiet --upgrade pip
	$(TRITON_VENV)/bin/python -m pip install --quiet nvidia-pytriton==0.7.0
	$(TRITON_VENV)/bin/python -m pip install --quiet --no-deps "tensorflow-cpu>=2.21,<2.22"
	touch $@

lint: $(TESTED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) $(TRITON_VENV) build dist *.egg-info
