# `make demo` and `make test` need Python 3.11+, git and make; everything else they install.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test check parity bench bench-evals suite engines-sglang engines-vllm lock dist clean

demo: $(STAMP) ## start a model behind the proxy, evaluate it three ways, print what came out
	$(BIN)/python deploy/demo.py

test: $(STAMP) tests/node/node_modules/.installed ## run the tests
	$(BIN)/pytest

check: $(STAMP) ## format, lint, types, contracts, sizes
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tests/size_gate.py

parity: $(STAMP) ## compare our scorers with the published ones, item by item
	PYTHON=$(PYTHON) tests/evals/oracles.sh
	$(BIN)/pytest -m oracle -rs tests/evals

bench: $(STAMP) ## compare the proxy with its peers
	$(BIN)/pytest -m bench -s tests/bench --ignore=tests/bench/test_evals.py

bench-evals: $(STAMP) ## compare the eval client with other harnesses
	PYTHON=$(PYTHON) tests/bench/harnesses.sh
	$(BIN)/pytest -m bench -s tests/bench/test_evals.py

suite: $(STAMP) ## the shipped suite, 20 items of each task, on the embedded engine and on SGLang
	deploy/sglang/cpu/setup.sh
	EVENHAND_SUITE_LIMIT=20 $(BIN)/pytest -m "not vllm" tests/contract/test_suite.py

engines-sglang: $(STAMP) ## the contract tests on the real SGLang server, on CPU
	deploy/sglang/cpu/setup.sh
	$(BIN)/pytest -m sglang tests/contract

engines-vllm: $(STAMP) ## the contract tests on the real vLLM server, on CPU
	deploy/vllm/cpu/setup.sh
	$(BIN)/pytest -m vllm tests/contract

$(STAMP): pyproject.toml requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

# The Node SDK is tested where there is Node; without npm those tests say that they were left out.
tests/node/node_modules/.installed: tests/node/package-lock.json
	@if command -v npm >/dev/null; then cd tests/node && npm ci --silent --no-audit --no-fund; else mkdir -p tests/node/node_modules; fi
	@touch $@

lock: ## make requirements.lock anew; needs uv
	uv pip compile pyproject.toml --extra local --extra evals --extra dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-annotate --no-header -o requirements.lock

dist: $(STAMP) ## build a wheel and an sdist
	$(BIN)/python -m build --no-isolation

clean:
	rm -rf $(VENV) dist tests/node/node_modules
