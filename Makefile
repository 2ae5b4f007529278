# One command each. Long work shows one progress line; its output is in build/*.log and appears on failure.

.DEFAULT_GOAL := help
.PHONY: help demo build test crash check format tidy gcc tsan fuzz bench kernels docs model soak clean
MAKEFLAGS += --silent --no-print-directory

SOURCES = $(shell find src -name '*.h' -o -name '*.cc')
PRESET_INPUTS = CMakePresets.json
BENCHES = schedule_bench store_bench speed_drain speed_checksum speed_reads speed_rounds

help: ## List these commands
	grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

demo: ## Load a year of flights, step by step
	tools/deps system --demo
	tools/deps fetch default demo
	$(MAKE) build/release/build.ninja
	tools/quietly "build release" build/release.log ninja -C build/release tidemark
	examples/flights/demo

build: ## Build the release program: build/release/tidemark
	tools/deps system
	tools/deps fetch
	$(MAKE) build/release/build.ninja
	tools/quietly "build release" build/release.log ninja -C build/release

test: ## Build with sanitizers and run every test; ONLY=regex picks some
	tools/deps system --tests --demo
	tools/deps fetch default demo test
	$(MAKE) build/dev/build.ninja
	tools/quietly "build dev" build/dev.log ninja -C build/dev
	tools/run-tests build/dev '$(ONLY)'

check: ## Format, include layers, file lengths, and the model of the runs
	tools/deps system --format --model
	mkdir -p build
	clang-format-19 --dry-run -Werror $(SOURCES) 2> build/format.log || { \
	  sed -nE 's/^([^:]+):([0-9]+):.* error: .*/\1/p' build/format.log | uniq -c | sort -u -k2 >&2; \
	  echo 'these files have lines out of format: run make format' >&2; exit 1; }
	python3 tests/layers_test.py > build/layers.log 2>&1 || { cat build/layers.log >&2; exit 1; }
	tools/quietly "model" build/model.log tools/model
	echo "check: $(words $(SOURCES)) sources are in order, and so is the model"

format: ## Format the C++ sources
	tools/deps system --format
	clang-format-19 -i $(SOURCES)

tidy: ## Run clang-tidy over the sources
	tools/deps system --tests --format
	tools/deps fetch
	$(MAKE) build/dev/build.ninja
	tools/quietly "clang-tidy" build/tidy.log run-clang-tidy-19 -quiet -p build/dev '$(CURDIR)/src/.*'

gcc: ## Build with g++ and run every test
	tools/deps system --tests
	tools/deps fetch default test
	$(MAKE) build/gcc/build.ninja
	tools/quietly "build gcc" build/gcc.log ninja -C build/gcc
	tools/run-tests build/gcc '$(ONLY)'

tsan: ## Build with the thread sanitizer and run every test
	tools/deps system --tests
	tools/deps fetch default test
	$(MAKE) build/tsan/build.ninja
	tools/quietly "build tsan" build/tsan.log ninja -C build/tsan
	tools/run-tests build/tsan '$(ONLY)'

fuzz: ## Run every fuzzer; SECONDS_EACH=30
	tools/deps system --tests
	tools/deps fetch
	$(MAKE) build/fuzz/build.ninja
	tools/quietly "build fuzz" build/fuzz.log ninja -C build/fuzz
	tools/fuzz $(or $(SECONDS_EACH),30)

crash: ## Random kills, stalls and errors, RUNS=10000 runs with one (SEED=n: the same ones, ONLY=text: some worlds)
	tools/deps system --tests
	tools/deps fetch
	$(MAKE) build/dev/build.ninja
	tools/quietly "build dev" build/dev.log ninja -C build/dev
	tests/crash/random_faults.py --runs $(or $(RUNS),10000) $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only '$(ONLY)')

bench: build ## Measure loads beside the drain and other tools: ONLY=li ROWS=6000000 ROUNDS=7 PEERS=no; without ONLY all the rest too
	tools/deps system --tests
	$(MAKE) build/bench/build.ninja
	tools/quietly "build bench" build/bench.log ninja -C build/bench $(BENCHES) kernels
	$(if $(filter no,$(PEERS)),,bench/peers/install || echo 'bench: measuring without them' >&2)
	bench/speed/run ONLY='$(ONLY)' ROWS='$(ROWS)' ROUNDS='$(ROUNDS)' SEED='$(SEED)' PEERS='$(PEERS)' FOLDER='$(FOLDER)' \
	  REPORT='$(or $(REPORT),$(if $(ONLY),,docs/benchmarks))'
	$(if $(ONLY),,build/bench/bench/kernels)
	$(if $(ONLY),,build/bench/bench/schedule_bench)
	$(if $(ONLY),,bench/run)

kernels: ## Count the instructions of decoders, encoders, checksums and splits; WRITE=yes keeps the counts
	tools/deps system --tests
	tools/deps fetch
	bench/kernels/count $(if $(WRITE),--write)

docs: build ## Write the generated pages of docs/
	tools/docs

soak: ## Kill servers of one store for five minutes; make up requests for 15; compare fire times of 130 years; a new key for 10,000 secrets
	tools/deps system --tests
	tools/deps fetch default test
	$(MAKE) build/dev/build.ninja
	tools/quietly "build dev" build/dev.log ninja -C build/dev
	TIDEMARK_API_SECONDS=900 TIDEMARK_API_SEED=$$(date +%j) python3 tests/api_schema_test.py
	TIDEMARK_SERVERS_SECONDS=300 python3 tests/servers_test.py Killed
	TIDEMARK_SCHEDULE=2026:1 python3 tests/schedule_oracle_test.py
	TIDEMARK_SECRETS=10000 python3 tests/secret_test.py Rotation

model: ## Check the model of the runs with more faults at once (half an hour)
	tools/deps system --model
	tools/quietly "model" build/model-large.log tools/model --large

clean: ## Remove build/; fetched archives stay in .deps/
	rm -rf build

# A build folder is configured once, and again when the presets change; ninja sees to the rest.
build/%/build.ninja: $(PRESET_INPUTS)
	tools/quietly "configure $*" build/configure-$*.log cmake --preset $*
	touch $@
