# Prerequisites: Python >= 3.11 and make.
# Usage: make demo | run | compare | report | simulate | test | check | docs | cluster | bench | install; ARGS="..." passes options on
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo run compare report simulate test check docs bench simulate-vs-real soak cluster install golden

run: .venv/made
	$(BIN)/python -m dni_actors.launch $(ARGS)

demo: .venv/made
	$(BIN)/python -m dni_actors.demo $(ARGS)

compare: .venv/made
	$(BIN)/python -m dni_actors.compare $(ARGS)

simulate: .venv/made
	$(BIN)/python -m dni_actors.simulate $(ARGS)

report: .venv/made
	$(BIN)/python -m dni_actors.report $(ARGS)

# Three at a time, on two cores: much of it waits for processes to start.
test: .venv/made-test
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

check: .venv/made-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_floors.py

# The API reference, as pages of HTML in build/api.
docs: .venv/made-docs
	$(BIN)/python docs/make_api.py

# Between two and three hours on two cores that have nothing else to do; bench/README.md has each part's command.
bench: .venv/made-bench
	$(BIN)/python -m bench.throughput
	$(BIN)/python -m bench.throughput --cell lstm --sizes 32x64 128x256
	$(BIN)/python -m bench.messages
	$(BIN)/python -m bench.overhead
	$(BIN)/python -m bench.tracing
	$(BIN)/python -m bench.memory
	$(BIN)/python -m bench.console
	$(BIN)/python -m bench.links
	$(BIN)/python -m bench.hosts
	$(BIN)/python -m bench.goodput
	$(BIN)/python -m bench.figures
	$(BIN)/python -m bench.summary

# Some minutes a part: real runs against what a simulation predicts for them.
simulate-vs-real: .venv/made
	$(BIN)/python -m bench.simulation $(ARGS)

# About an hour: thousands of crashes inline, 50 killed boxes, 20 killed runs, a million ticks.
soak: .venv/made-test
	HYPOTHESIS_PROFILE=soak $(BIN)/python -m pytest -q --timeout 7200 tests/runtime/test_recovery.py tests/record
	$(BIN)/python -m bench.soak

# Jobs on a real cluster, and two hosts with a slow link (needs root and iproute2): some minutes. It adds Ray's
# dashboard to .venv, with which Ray starts more slowly from then on.
cluster: .venv/made-cluster
	CLUSTER=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile tests/cluster/test_jobs.py tests/cluster/test_hosts.py \
		tests/cluster/test_nodes.py::test_a_box_that_hangs_on_another_node_is_gone_when_it_is_replaced $(ARGS)

install: .venv/made-test

# Rewrites the golden transcripts and the pictures of the console; read the difference before you commit it.
golden: .venv/made-test
	$(BIN)/python -m tests.transcript
	$(BIN)/python -m tests.snapshot

.venv/made: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "dni_actors needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

.venv/made-test: .venv/made
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $@

.venv/made-docs: .venv/made
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	touch $@

.venv/made-cluster: .venv/made-test
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[cluster]'
	touch $@

.venv/made-bench: .venv/made
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[bench]'
	touch $@
