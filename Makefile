# Thin on purpose: CMake builds, ctest tests, these names are for fingers. `make help` lists them.
BUILD := build/release
SERVER := $(BUILD)/starling-server
ARGS ?=
FUZZ_SECONDS ?= 60
REPAIR_KEYS ?= 1000000
JOBS ?= $(shell nproc)
NINJA := ninja -j $(JOBS)
CXX_FILES := git ls-files '*.cc' '*.h'

.DEFAULT_GOAL := help
.PHONY: help run server package package-test test cluster sim histories bench bench-cluster bench-repair soak-keys compat fuzz tsan-load sanitize-cluster build format format-check tidy install-deps clean

help:  ## Shows this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: server  ## Installs what the server needs, builds it, starts a node on 127.0.0.1:6379, data in ./data (ARGS="--port 7000")
	@mkdir -p data
	@exec ./$(SERVER) conf/starling.conf --dir data $(ARGS)

test: build  ## Installs what is missing, builds, runs every test
	@ctest --test-dir $(BUILD) --output-on-failure --parallel $(JOBS)

cluster: server  ## Starts three nodes on ports 7001-7003 with their data in ./data/cluster (ARGS go to every node)
	@exec conf/three-nodes $(SERVER) $(ARGS)

sim: build  ## Runs the cluster's code under simulated faults (ARGS="--seconds 60", "--seed 42 --trace", "--mutations")
	@$(BUILD)/tests/starling-sim $(ARGS)

histories: build  ## Runs real clusters under crossed faults, checks what clients were told (root; ARGS="--seconds 3600")
	@$(BUILD)/tests/starling-histories --server $(SERVER) --shim $(BUILD)/tests/libstarling-clock-shim.so $(ARGS)

bench: build  ## Measures this build against Debian's redis-server (ARGS are the script's options)
	@tests/bench/run $(ARGS)

bench-cluster: build  ## Measures three nodes at several quorums against Redis Cluster (ARGS are the script's options)
	@tests/bench/run --cluster $(ARGS)

bench-repair: build  ## Measures what comparing replicas of a million keys costs (REPAIR_KEYS)
	@STARLING_SERVER=$(SERVER) STARLING_REPAIR_KEYS=$(REPAIR_KEYS) /usr/bin/python3 \
		tests/integration/cluster_repair_test.py Repair.test_cost_is_in_proportion_to_the_difference

soak-keys: server  ## Sets 5,000 keys a second that live for 3 s, on one node and on three (ARGS="--minutes 60"); prints what stays
	@tests/bench/short_lived.py --starling $(SERVER) $(ARGS)

compat: build  ## Compares replies with a real redis-server at length (ARGS are the script's options)
	@redis-compat/run $(ARGS)

fuzz: install-deps  ## Runs each fuzz target for FUZZ_SECONDS (60)
	@.ci/fuzz $(FUZZ_SECONDS)

build: install-deps  ## Builds build/release/starling-server and the tests
	@cmake --preset release -DSTARLING_TESTS=ON > $(BUILD).log 2>&1 || { cat $(BUILD).log; exit 1; }
	@$(NINJA) -C $(BUILD)

# What the tests need is asked for only where they were built before.
server:  ## Installs what the server needs and builds it, without the tests
	@.ci/install-deps server
	@mkdir -p build
	@grep -qs '^STARLING_TESTS:BOOL=ON' $(BUILD)/CMakeCache.txt && tests=ON || tests=OFF; \
	  cmake --preset release -DSTARLING_TESTS=$$tests > $(BUILD).log 2>&1 || { cat $(BUILD).log; exit 1; }
	@$(NINJA) -C $(BUILD) starling-server

package: server  ## Makes build/package/starling_<version>_<architecture>.deb
	@.ci/install-deps package
	@rm -rf build/package
	@cpack -G DEB --config $(BUILD)/CPackConfig.cmake -B build/package > build/package.log 2>&1 || { cat build/package.log; exit 1; }
	@rm -rf build/package/_CPack_Packages
	@ls build/package/*.deb

package-test: server  ## Installs, upgrades, removes and purges packages of this build, on a machine of namespaces (root)
	@.ci/install-deps package-test
	@tests/packaging/run --lint $(BUILD)

tsan-load: install-deps  ## Builds with ThreadSanitizer and drives everything at once for a minute (ARGS are the script's options)
	@cmake --preset tsan > /dev/null
	@$(NINJA) -C build/tsan starling-server
	@tests/race/load --server build/tsan/starling-server $(ARGS)

sanitize-cluster: install-deps  ## Runs the cluster's tests with ThreadSanitizer, then with Address- and UBSanitizer (ARGS="cluster_test")
	@for preset in tsan asan; do \
	  cmake --preset $$preset > /dev/null && $(NINJA) -C build/$$preset starling-server && \
	  tests/race/cluster --server build/$$preset/starling-server $(ARGS) || exit 1; \
	done

format:  ## Formats every C++ file
	@$(CXX_FILES) | xargs -r clang-format-14 -i

format-check:  ## Fails when `make format` would change something
	@$(CXX_FILES) | xargs -r clang-format-14 --dry-run -Werror

tidy:  ## The layering rules, then clang-tidy over the sources (minutes)
	@tests/tidy/rules
	@cmake --preset dev > /dev/null
	@git ls-files '*.cc' | grep -v '^tests/' | \
	  xargs -r -P $(JOBS) -n 4 clang-tidy-14 -p build/dev --quiet --extra-arg=-Wno-unknown-warning-option

install-deps:  ## Installs the Debian packages that are missing (root or sudo)
	@.ci/install-deps
	@mkdir -p build

clean:  ## Removes the builds; data/ stays
	@rm -rf build
