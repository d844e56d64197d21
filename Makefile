# The two commands of the README are `make demo` and `make test`. Everything they need is installed into this folder.

PYTHON ?= python3
VENV := $(CURDIR)/.venv
NEWEST := $(CURDIR)/.venv313
export PATH := $(VENV)/bin:$(CURDIR)/node_modules/.bin:$(PATH)
export CDK_VALIDATION ?= false
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION ?= 20

.PHONY: demo test check format setup setup-test bench-runtime bench-synth bench-check bench-local clean

demo: setup ## Synthesize the sample app and run its orders workflow on the local service
	@python scripts/demo.py

test: setup-test check ## The whole suite, and the runtime again on Lambda's Python 3.13, and 3.14 where there is one
	python -m pytest -n 2 --dist worksteal tests
	@if [ ! -x $(NEWEST)/bin/python ]; then \
		echo "make: Python 3.13 is missing: tests/runtime ran on `python --version` only"; [ "$$CI" != true ]; \
	fi
	@for again in $(CURDIR)/.venv3*/bin/python; do \
		[ -x "$$again" ] || continue; \
		echo "the runtime again on `$$again --version`"; \
		$$again -m pytest -n 2 --dist worksteal tests/runtime --ignore tests/runtime/test_typing.py || exit 1; \
	done

check: setup-test ## Format, lint, types, import arrows, replay check, documents
	ruff format --check .
	ruff check .
	mypy
	python -m pytest -q tests/house tests/docs
	durable check sample_app
	python -m durable_check._pages --check

format: setup ## Format the code and mend what the linter can
	ruff format .
	ruff check --fix .

bench-runtime: setup-test ## The runtime beside AWS's SDK 3.0.0, on Python 3.13
	$(NEWEST)/bin/python benchmarks/runtime/run.py
	$(NEWEST)/bin/python benchmarks/runtime/leaves.py

bench-synth: setup-test ## Synthesis beside resources wired by hand
	python benchmarks/synth/run.py

bench-check: setup ## The checker on 100,000 lines
	python benchmarks/check/run.py

bench-local: setup-test ## The local service beside AWS's testing library 1.4.0
	python benchmarks/local/run.py

setup:
	@$(PYTHON) scripts/setup.py

setup-test:
	@$(PYTHON) scripts/setup.py --test

clean: ## Remove everything that setup and the tests made
	rm -rf .venv .venv3* node_modules cdk.out dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
