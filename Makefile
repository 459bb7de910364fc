# `make reproduce` and `make test` do all that they need on a fresh machine with Python >= 3.11, git and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export OMP_NUM_THREADS ?= 1

.PHONY: setup cluster reproduce test check lock dashboard

setup: $(READY)

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv==0.13.9
	$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes --requirements requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	$(BIN)/python -c "import pathlib, vl_convert; pathlib.Path('.dvc/vega.js').write_text(vl_convert.javascript_bundle())"
	touch $(READY)

cluster: $(READY)  ## submitit and Ray, too: the extras slurm and ray
	$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes --requirements requirements-cluster.lock

reproduce: $(READY)  ## train a seed of each row of the embedded suite, compare with the committed results, print the table
	$(BIN)/beyond reproduce digits --seeds 1

test: $(READY)
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder  # on 2 cores: some tests wait for processes and clocks

check: $(READY)  ## lint and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

dashboard: $(READY)
	$(BIN)/beyond dashboard

lock: $(READY)  ## pin all dependencies again, with hashes and without the name of a registry's host
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --extra dev \
		--custom-compile-command "make lock" pyproject.toml --output-file requirements.lock
	$(BIN)/python -c "import tomllib; more = tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies']; \
		print(*more['slurm'], *more['ray'], sep='\n')" | $(BIN)/uv pip compile --quiet --universal --generate-hashes \
		--no-emit-index-url --constraint requirements.lock --custom-compile-command "make lock" - \
		--output-file requirements-cluster.lock
