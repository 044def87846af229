# One command each for everything. Every target does the set-up it needs; see `make help`.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow coverage lint reference docs bench bench-time bench-learning clean

# `make demo PYTHON=/path/to/python3.11` chooses the interpreter.
ifdef PYTHON
export PYTHON
endif

IN_ENV := . tools/env.sh &&

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo:  ## play the sample bag through the nodes and write out/demo/report.html
	@tools/bootstrap.sh demo
	@$(IN_ENV) pose3d demo --output out/demo

test: lint  ## check the code's style and types, then run the tests (minutes)
	@$(IN_ENV) python -m pytest -m "not slow"

test-slow: setup  ## the tests that train or soak for minutes; promises and figures in out/reliability.json
	@rm -f out/reliability.json
	@$(IN_ENV) python -m pytest -m slow

# Lines and branches of all of pose3d_ros, nothing left out; pose3d_training is shown beside it.
CORE_COVERAGE := 95
coverage: setup  ## run the tests with coverage, which has to be 95% of pose3d_ros; HTML in out/coverage
	@$(IN_ENV) python -m pytest -m "not slow" -p pytest_cov --cov --cov-report=term:skip-covered --cov-report=html
	@$(IN_ENV) echo "pose3d_ros, lines and branches, in percent (at least $(CORE_COVERAGE)):" && \
		python -m coverage report --include="pose3d_ros/*" --precision=1 --format=total --fail-under=$(CORE_COVERAGE)

lint: setup  ## ruff and mypy
	@$(IN_ENV) ruff check . && ruff format --check . && tools/typecheck.sh

reference: setup  ## write the tables of docs/reference.md from the code
	@$(IN_ENV) python tools/reference_page.py

docs: setup  ## build pages and API reference into out/docs; a warning is an error
	@$(IN_ENV) python -m sphinx --fail-on-warning --keep-going --fresh-env -q docs out/docs
	@echo "open out/docs/index.html"

bench: setup  ## run every benchmark; results in out/bench/*.json
	@mkdir -p out/bench
	@$(IN_ENV) status=0; for script in $$(grep -l __main__ benchmarks/*.py); do \
		python "$$script" || { echo "failed: $$script" >&2; status=1; }; \
	done; exit $$status

# `make bench-time ASSETS=assets` takes rendered people too; without it there are those of the sample recording alone.
CROSSINGS := out/bench/crossings
bench-time: setup  ## benchmarks of what lasts over time: trackers, smoothers, streaming; results in out/bench/*.json
	@mkdir -p out/bench
	@$(IN_ENV) status=0; \
	python benchmarks/tracking.py $(if $(ASSETS),--assets "$(ASSETS)" --seeds 1 2) || status=1; \
	python benchmarks/smoothers.py $(if $(ASSETS),--assets "$(ASSETS)" --bags $(CROSSINGS)/crowd_s1.mcap) || status=1; \
	python benchmarks/streaming.py || status=1; \
	exit $$status

bench-learning: setup  ## what methods of learning without 3D labels buy (ASSETS=assets; hours); out/bench/learning.json
	@$(IN_ENV) python benchmarks/learning.py --assets "$(or $(ASSETS),assets)" $(if $(CASES),--cases $(CASES)) --page docs/learning.md

setup:  ## make the environment in .venv, development tools included
	@tools/bootstrap.sh test

clean:  ## remove the environment and everything made
	rm -rf .venv build install log out .mypy_cache .pytest_cache .ruff_cache .hypothesis
