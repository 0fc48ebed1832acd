# Two commands matter: `make run` and `make test`. Everything else is a part of them.
export CARGO_TARGET_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/aiworklab
SHELL := /bin/bash
AREA ?= all

.PHONY: help run test check-platforms prove bench fuzz image fmt lint docs deps build bundle clean
help:
	@echo "make run            install what is missing, build, start the appliance with a sample organisation"
	@echo "make run SAMPLE=0   the same with an empty store of your own beside it; HOST=name for all interfaces"
	@echo "make test           everything that proves it ($(CARGO_TARGET_DIR))"
	@echo "make check-platforms  the types of the code that Windows and macOS alone compile; nothing is linked or run"
	@echo "make prove AREA=x   the long proofs of an area; writes airgap-docs/src/evidence.md"
	@echo "make bench AREA=x   ratios against a named reference, in one run"
	@echo "make fuzz           random inputs for what is read from others, a minute each; finds are replayed by make test"
	@echo "make bundle         one signed file for an installation without a network; see .ci/bundle for the release key"
	@echo "make image          the container image, with buildah; NAME=name:tag, ARCHIVE=file to write it there, too"
	@echo "make fmt lint docs clean"

deps:
	@.ci/deps build
build: deps
	@.ci/build
run: deps
	@.ci/start
test:
	@.ci/deps build test
	@.ci/test
check-platforms:
	@.ci/deps build platforms
	@.ci/check-platforms
bundle: deps
	@.ci/bundle
image: deps
	@.ci/image
# `make prove protocol` and `make prove AREA=protocol` are the same.
prove bench:
	@.ci/$@ $(if $(filter-out $@,$(MAKECMDGOALS)),$(filter-out $@,$(MAKECMDGOALS)),$(AREA))
ifneq ($(filter prove bench,$(firstword $(MAKECMDGOALS))),)
$(filter-out prove bench,$(MAKECMDGOALS)): ; @:
.PHONY: $(filter-out prove bench,$(MAKECMDGOALS))
endif
fuzz: deps
	@.ci/fuzz
fmt:
	cargo fmt --all
lint:
	@.ci/lint
docs:
	cargo doc --workspace --no-deps
# Ours alone: the third-party builds in $(CARGO_TARGET_DIR) take the time.
clean:
	rm -rf bin data tests/peers/openid-provider/node_modules
