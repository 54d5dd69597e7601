# Tertib: everything starts here. `make help` lists what there is.

SHELL       := /bin/bash
scripts     := Tests/Support/scripts
# The newest pieces of what the scripts below install; see $(scripts)/install.
tools       := .build-tools
python      := $(tools)/python/bin/python
# The server versions that the adapter's tests run on, Debian's and the newest: separated by colons.
servers     := /usr/sbin/nats-server:$(CURDIR)/$(tools)/python/bin/nats-server
export TERTIB_NATS_SERVERS ?= $(servers)

.DEFAULT_GOAL := help
.PHONY: help demo check test verify verify-long build planted-bugs explore mutation test-foreign chaos experiment \
	lost-updates bench fuzz test-servers permutations test-tsan test-asan lint format clean

release = "$$(swift build --enable-all-traits -c release --show-bin-path)

help: ## Say what there is to make
	@echo "Usage: make TARGET"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Build the shop and run it under faults, with Tertib and without (ARGS="--seed 7")
	@$(scripts)/install demo
	@$(scripts)/build release
	@$(release)/shop-demo" $(ARGS)

check: ## Format, build and test the pure parts: within a minute on a warm build
	@$(scripts)/stages check

test: ## What a newcomer runs: style, all tests, an adopter's package, a short share of everything else
	@$(scripts)/stages test

verify: ## The long tests: foreign clients, chaos, small worlds, schedules, planted bugs, fuzzing
	@$(scripts)/stages verify

verify-long: ## The same for some five hours: chaos, deaths, schedules, worlds, permutations, fuzzing
	@$(scripts)/stages verify-long

planted-bugs: ## Bugs planted into a copy of the tree, each of which has to be found (ARGS="--seed 7 --sets 20")
	@$(scripts)/install demo
	@$(scripts)/planted-bugs $(ARGS)

explore: ## Everything that can happen in small worlds, explored to the end (ARGS="--long" for larger ones, minutes)
	@$(scripts)/install demo
	@$(scripts)/planted-bugs --explore $(ARGS)

mutation: ## Mutations of TertibCore that no unit test notices (ARGS="--limit 50")
	@$(scripts)/mutation $(ARGS)

test-foreign: ## Foreign clients in full length, on a release build (ARGS="wild_order --seed 7")
	@$(scripts)/install test
	@$(scripts)/build release
	@$(scripts)/adopter
	@$(scripts)/test-foreign $(ARGS)

chaos: ## Chaos on a release build, 45 minutes (ARGS="--minutes 5 --seed 7 --report chaos.html")
	@$(scripts)/install demo
	@$(scripts)/build release
	@$(release)/tertib-lab" chaos $(or $(ARGS),--minutes 45 --events 2500000)

experiment: ## The experiment on a release build: writes docs/experiment.md and its picture anew
	@$(scripts)/install demo
	@$(scripts)/build release
	@$(release)/tertib-lab" replicas --page docs/experiment.md --plot docs/images/experiment.svg $(ARGS)

lost-updates: ## The laboratory of lost updates on SQLite and PostgreSQL: writes docs/lost-updates.md anew
	@$(scripts)/install demo
	@$(scripts)/build release
	@$(release)/tertib-lab" lost-updates --page docs/lost-updates.md $(ARGS)

bench: ## What the bus costs beside the C libraries alone, on a release build (ARGS="--rows 10000 --json")
	@$(scripts)/install demo
	@$(scripts)/bench $(ARGS)

fuzz: ## Bounded fuzzing of everything that reads outside bytes (ARGS="--seconds 600 FuzzWire")
	@$(scripts)/install demo
	@$(scripts)/fuzz $(ARGS)

test-servers: ## Every supported nats-server, alone and in clusters of three under faults: writes docs/servers.md
	@$(scripts)/install test
	@$(scripts)/build tests
	@$(scripts)/servers $(ARGS)

permutations: ## Three transactions on PostgreSQL and SQLite, in thousands of orders of their steps: many minutes
	@$(scripts)/install test
	@$(scripts)/build tests
	@TERTIB_PERMUTATIONS=all $(scripts)/run-tests --filter PermutationTests

test-tsan: ## The tests of core, runtime and test kit under the thread sanitizer
	@$(scripts)/install test
	@$(scripts)/sanitize thread

test-asan: ## The tests of the C boundary with libnats and SQLite under the address sanitizer
	@$(scripts)/install test
	@$(scripts)/sanitize address

build: ## Build everything for debugging; warnings are errors
	@$(scripts)/install demo
	@$(scripts)/build tests

lint: ## The formatter's rules and the house's
	@$(scripts)/lint

format: ## Format the sources in place
	@swift format --in-place --parallel --recursive Package.swift Sources Tests Snippets

clean: ## Remove what was built; what was downloaded stays in $(tools)
	@rm -rf .build .build-adopter .build-planted-bugs .build-mutation .build-fuzz .build-thread .build-address .build-benchmarks
