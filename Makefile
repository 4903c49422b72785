# The tasks of this project; `make` alone lists them. What acts on a running stack acts on the local processes of
# `make demo` or `make up`; with ON=docker on the containers of `docker compose up`.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.ONESHELL:
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory

ON ?= local
BIN := .venv/bin
HOLDFAST := $(BIN)/holdfast
ifeq ($(ON),docker)
INSIDE := docker compose run --rm tools
# What needs the published ports alone.
OUTSIDE := env PATH=$(CURDIR)/$(BIN):$(PATH)
else ifeq ($(ON),local)
INSIDE := $(HOLDFAST) run
OUTSIDE := $(INSIDE)
else
$(error ON is local or docker, not "$(ON)")
endif

# Tests that are run again are listed, and the slowest ten of each part. A pure test is never run again. Of the others only
# those marked `timing` should be; AGAIN runs every one once more that fails, until the parts were green without it for long.
TELL := -rR --durations 10
AGAIN := --reruns 1
# Whatever hangs, each part ends: interrupted, so that pytest tells what ran, then killed.
BOUNDED := timeout --foreground --signal=INT --kill-after=60

# Tests run in three parts: pure code under coverage; everything on real servers, three at a time since most of it waits,
# the longest file first; then alone what takes all processors or measures: starts of servers, supervision, the whole shop.
FAULTS := tests/embedded_stack/test_matrix.py tests/embedded_stack/test_replica_faults.py
PURE := shared/tests/resilience services/command-service/tests/domain \
  services/payment-service/tests/test_charge_rules.py services/projector-service/tests/test_projection.py
ALONE := embedded/tests/test_servers.py embedded/tests/test_supervision.py
PARTS := load-tests/tests/experiments load-tests/tests shared/tests services embedded/tests tools/tests tests/chain

SOURCES := $(wildcard shared/src services/*/src embedded/src tools/src load-tests/src)

# A task that needs a variable says so: $(call need,NAME,make logs NAME=relay)
need = $(if $($(1)),,$(error $(1) is missing; for example: $(2)))

##@ To run it
.PHONY: demo up down status reset
demo: setup ## the whole shop with the real catalogue, until Ctrl-C
	@exec $(HOLDFAST) demo
up: setup ## the whole shop in the background
	@$(HOLDFAST) up --detach
down: ## end it; data stay
	@$(HOLDFAST) down
status: ## every process: state, pid, port, memory
	@$(HOLDFAST) status
reset: setup ## delete all data of a shop that is down
	@$(HOLDFAST) reset

##@ To hurt it (NAME= one of `make status`, or command, query, gateway; FOR= seconds, else an hour; ON=docker: containers)
.PHONY: logs kill pause slow partition latency errors hang start resume calm faults
HURT = $(BIN)/holdfast-fault $@ $(or $(NAME),payment) --on $(ON) $(if $(FOR),--for $(FOR))
logs: ## the end of a log, and what comes: NAME=relay
	$(call need,NAME,make logs NAME=relay)@$(HOLDFAST) logs --follow $(NAME)
kill: ## kill a part with all its processes; down until start: NAME=kafka
	$(call need,NAME,make kill NAME=kafka)@$(HURT)
pause: ## stop a part in its tracks: NAME=postgres
	$(call need,NAME,make pause NAME=postgres)@$(HURT)
slow: ## let a part run a fifth of the time: NAME=elasticsearch
	$(call need,NAME,make slow NAME=elasticsearch)@$(HURT)
partition: ## cut a container off the network: NAME=kafka ON=docker
	$(call need,NAME,make partition NAME=kafka ON=docker)@$(HURT)
latency: ## let payment answer later: MS=300
	$(call need,MS,make latency MS=300)@$(HURT) --ms $(MS)
errors: ## let payment answer with errors: PERCENT=50 for half of the calls
	@$(HURT) $(if $(PERCENT),--percent $(PERCENT))
hang: ## let payment not answer: PERCENT=50 for half of the calls
	@$(HURT) $(if $(PERCENT),--percent $(PERCENT))
start: ## start what kill ended: NAME=kafka
	$(call need,NAME,make start NAME=kafka)@$(BIN)/holdfast-fault lift $(NAME) --on $(ON)
resume: ## end any other fault of a part: NAME=postgres
	$(call need,NAME,make resume NAME=postgres)@$(BIN)/holdfast-fault lift $(NAME) --on $(ON)
calm: ## lift all faults and start what is down
	@$(BIN)/holdfast-fault calm --on $(ON)
faults: ## what is faulted or down, and for how long
	@$(BIN)/holdfast-fault list --on $(ON)

##@ To use and check its data (ON=docker: the containers')
.PHONY: catalogue replay audit verify requeue rebuild
MONTH = $(if $(DATA),--data $(DATA))
catalogue: ## load the real catalogue again; what is there is skipped: DATA=FILE.csv for another month's goods
	@$(INSIDE) holdfast-catalogue $(MONTH)
replay: ## place the real orders of December 2010, then audit: ORDERS=300 for fewer, DATA= as for the catalogue
	@$(INSIDE) holdfast-replay $(MONTH) $(if $(ORDERS),--orders $(ORDERS))
	$(INSIDE) holdfast-audit
audit: ## compare orders, charges, stock and read model with each other
	@$(INSIDE) holdfast-audit
verify: ## fold every stream anew and compare with the stored states
	@$(INSIDE) holdfast-verify
requeue: ## publish a stream's events again: STREAM=order-…
	$(call need,STREAM,make requeue STREAM=product-85123A)@$(INSIDE) holdfast-requeue $(STREAM)
rebuild: ## build a topic's index anew under traffic: TOPIC=orders
	$(call need,TOPIC,make rebuild TOPIC=orders)@$(INSIDE) holdfast-rebuild $(TOPIC)

##@ To drive it (ON=docker: the containers, at their usual ports)
.PHONY: load capacity
# A published port shows every caller of this machine as one address.
ONE_SOURCE = $(if $(filter docker,$(ON)),--sources 0)
load: ## shoppers who come anyway: RATE=30 a second for SECONDS=60; or USERS=50 with Locust's web page
	@if [ -n "$(USERS)" ]; then
	  exec $(OUTSIDE) locust -f load-tests/locustfile.py --autostart --users $(USERS) --spawn-rate 10 \
	    --web-host 127.0.0.1 --web-port 8089
	fi
	exec $(OUTSIDE) holdfast-load $(if $(RATE),--rate $(RATE)) $(if $(SECONDS),--seconds $(SECONDS)) $(ONE_SOURCE) \
	  --out reports/load-$$(date -u +%Y%m%dT%H%M%SZ)
capacity: ## how many arrivals a second the healthy shop serves, into .holdfast/capacity.json (3 to 5 minutes)
	@mkdir -p .holdfast
	exec $(OUTSIDE) holdfast-capacity $(if $(filter docker,$(ON)),--out .holdfast/capacity-docker.json) $(ONE_SOURCE)

##@ To test what it contains (ON=docker: the containers; SEED=, RUNS= of each experiment; local processes are started if none run)
.PHONY: chaos chaos-quick hostile experiments
CHAOS = $(BIN)/holdfast-chaos --on $(ON) --start $(if $(SEED),--seed $(SEED)) $(if $(RUNS),--runs $(RUNS))
chaos: setup ## kill, pause and slow parts while shoppers shop, and judge it, 90 minutes: EXPERIMENT=projector-paused for one
	@$(CHAOS) $(EXPERIMENT)
chaos-quick: setup ## three of them with short phases, in 5 minutes; or EXPERIMENT=
	@$(CHAOS) --quick $(EXPERIMENT)
hostile: setup ## attack the shop as hostile callers do, 100 minutes: EXPERIMENT=long-urls for one; QUICK=1: two, in 4 minutes
	@$(CHAOS) --family hostile $(if $(QUICK),--quick) $(EXPERIMENT)
experiments: ## their names
	@$(BIN)/holdfast-chaos --list

##@ To see what protections are worth
.PHONY: ab
AB = $(if $(RATE),--rate $(RATE)) $(if $(REPEATS),--repeats $(REPEATS)) $(if $(ONLY),--parts $(ONLY)) \
  $(if $(SEED),--seed $(SEED))
ab: setup ## the same load with protections on, off, and each off in turn, an hour: QUICK=1 for on and off once, in 6 minutes
	@exec $(BIN)/holdfast-ab --on $(ON) $(if $(QUICK),--quick) $(AB)

##@ To look inside (ON=docker: the containers')
.PHONY: psql topic index trace
psql: ## PostgreSQL's prompt
	@$(if $(filter docker,$(ON)),docker compose exec postgres psql -U holdfast holdfast,$(HOLDFAST) psql)
topic: ## a Kafka topic's messages: NAME=orders
	$(call need,NAME,make topic NAME=orders)@$(INSIDE) holdfast-topic $(NAME)
index: ## an Elasticsearch index's documents: NAME=orders
	$(call need,NAME,make index NAME=orders)@$(INSIDE) holdfast-index $(NAME)
trace: ## one order's way with times: ORDER=…
	$(call need,ORDER,make trace ORDER=0190…)@$(INSIDE) holdfast-trace $(ORDER)

##@ In containers
.PHONY: compose-up compose-down compose-reset
compose-up: ## build and start all containers, wait until they are healthy
	@docker compose up --build --wait --wait-timeout 300
compose-down: ## stop them; data stay
	@docker compose down
compose-reset: ## stop them and delete their data
	@docker compose down --volumes

##@ To measure it
.PHONY: bench-containment compare-cpu
bench-containment: setup ## what the protections cost a healthy call, against the bars
	@$(BIN)/python -m gameday.bench
compare-cpu: setup ## CPU time of one request in two commits, half an hour: OLD=main NEW=HEAD, NEW=. for the files as they are
	$(call need,OLD,make compare-cpu OLD=main NEW=HEAD)$(call need,NEW,make compare-cpu OLD=main NEW=HEAD)@exec tools/compare-cpu \
	  "$(OLD)" "$(NEW)" $(if $(JSON),--json "$(JSON)")

##@ To work on it
.PHONY: setup fetch test test-faults sql-faults mutation-test check lint format types imports lock parameters
setup: ## make .venv hold exactly the locked dependencies
	@tools/setup.sh
fetch: setup ## download the servers' programs, which a first start does by itself
	@$(HOLDFAST) fetch
test: setup fetch ## the checks, then all tests, with coverage of the pure code; ARGS= for some tests
	@$(MAKE) check
	if [ -n "$(ARGS)" ]; then exec $(BIN)/pytest $(ARGS); fi
	$(BOUNDED) 300 $(BIN)/coverage run -m pytest -q $(TELL) $(PURE)
	$(BOUNDED) 1200 $(BIN)/pytest -q $(TELL) $(AGAIN) -n 3 --dist loadfile --no-loadscope-reorder \
	  $(addprefix --ignore=,$(PURE) $(ALONE)) $(PARTS)
	$(BOUNDED) 1500 $(BIN)/pytest $(TELL) $(AGAIN) $(addprefix --ignore=,$(FAULTS)) $(ALONE) tests/embedded_stack
test-faults: setup fetch ## kill every part and lose replicas under load: wants a machine with nothing else to do
	@HOLDFAST_FULL=1 $(BIN)/pytest -s $(FAULTS)
sql-faults: setup fetch ## plant wrong SQL, one statement at a time: each must fail the test that is to find it; 5 minutes
	@$(BIN)/python -m holdfast_tools.sql_faults $(NAME)
mutation-test: setup ## change 600 places of the pure code, one at a time: a test must fail for 85 % of them; an hour at most
	@$(BIN)/python -m holdfast_tools.mutation $(if $(SAMPLE),--sample $(SAMPLE))
check: lint types imports ## the checks without the tests
lint: setup ## style, both rules and format
	@$(BIN)/ruff check .
	$(BIN)/ruff format --check .
format: setup ## put everything into the format
	@$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
types: setup ## mypy --strict
	@$(BIN)/mypy $(SOURCES)
imports: setup ## who may import whom
	@$(BIN)/lint-imports
lock: setup ## resolve the dependencies anew into requirements.lock
	@tools/lock.sh
parameters: setup ## write docs/parameters.md anew from the code
	@$(BIN)/python -m holdfast_tools.parameters

.PHONY: help
help:
	@awk 'BEGIN {FS = ":.*## "} \
	  /^##@/ {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
