# Two commands do all the set-up: `make demo` and `make test`.

.PHONY: demo test test-faults test-wheel test-spark bench-peers setup setup-extra build wheel fmt reference install test-bundled

# One profile for everything: a second one would build every dependency again.
CARGO := cargo
RELEASE := --release --locked

# The whole path on a generated season, with no account and no data of your own.
demo: build
	$(CARGO) run --quiet $(RELEASE) -- demo

# Format, lints and documentation with warnings as errors, then every test.
test: setup
	$(CARGO) fmt --all --check
	$(CARGO) clippy --quiet $(RELEASE) --all-targets -- -D warnings
	$(CARGO) test --quiet $(RELEASE)
	$(CARGO) clippy --quiet $(RELEASE) --package putback-schemas --all-targets -- -D warnings
	$(CARGO) test --quiet $(RELEASE) --package putback-schemas
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --quiet $(RELEASE) --no-deps
	scripts/test-wheel --if-installed
	scripts/test-spark --if-installed

# A kill meets every operation of the commands on a file (every third of `run`, which is all of them), a full or
# broken disk every fourth. 200 readers work beside writers. 100 commands on a warehouse that changes are killed.
# Every option and variable meets every odd value. Every request of a sync and an upload to the fake, and to a bucket,
# meets every fault. Google's reference evaluator runs the transactions of uploads. Every impossible value of every
# column is held back. Takes more than an hour on two cores. Prints cases and failures by kind.
test-faults: setup
	PUTBACK_FAULT_MATRIX=full $(CARGO) test $(RELEASE) --test it -- faults:: hygiene:: --nocapture
	PUTBACK_FAULT_MATRIX=full $(CARGO) test $(RELEASE) --test bigquery -- faults --nocapture
	PUTBACK_FAULT_MATRIX=full $(CARGO) test $(RELEASE) --test bigquery -- the_evaluator --nocapture
	PUTBACK_FAULT_MATRIX=full $(CARGO) test $(RELEASE) --test buckets -- faults --nocapture
	PUTBACK_FAULT_MATRIX=full $(CARGO) test $(RELEASE) --test buckets -- another_publisher --nocapture
	$(CARGO) test $(RELEASE) --test it -- every_impossible_value --ignored --nocapture

setup:
	@scripts/setup

# The tools of the wheel, of its tests and of those of Spark and buckets, into the cache.
setup-extra:
	@scripts/extra

# dist/putback-VERSION-py3-none-PLATFORM.whl
wheel: setup
	scripts/extra install wheel
	scripts/wheel

# Builds the wheel and runs it in fresh environments.
test-wheel: setup
	scripts/test-wheel

# Seasons on a small Spark cluster on this machine, one executor of which is killed.
test-spark: build
	scripts/test-spark

build: setup
	$(CARGO) build $(RELEASE)

# PSZA beside its windows in Polars, DuckDB and pandas, on the season of the demo or on
# `make bench-peers WAREHOUSE=PATH YEARS=2021..2025`.
bench-peers: build
	scripts/extra install peers
	"$$(scripts/extra path peers)/venv/bin/python" benches/peers/compare.py \
		"$${CARGO_TARGET_DIR:-target}/release/putback" $(WAREHOUSE) $(YEARS)

# The binary, manual pages and completions of bash, zsh and fish below PREFIX.
PREFIX ?= $(HOME)/.local
install: build
	install -D -m 755 "$${CARGO_TARGET_DIR:-target}/release/putback" "$(DESTDIR)$(PREFIX)/bin/putback"
	$(CARGO) run --quiet $(RELEASE) -- man --out "$(DESTDIR)$(PREFIX)/share/man/man1"
	mkdir -p "$(DESTDIR)$(PREFIX)/share/bash-completion/completions" "$(DESTDIR)$(PREFIX)/share/zsh/site-functions" \
		"$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d"
	$(CARGO) run --quiet $(RELEASE) -- completions bash > "$(DESTDIR)$(PREFIX)/share/bash-completion/completions/putback"
	$(CARGO) run --quiet $(RELEASE) -- completions zsh > "$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_putback"
	$(CARGO) run --quiet $(RELEASE) -- completions fish > "$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/putback.fish"

# Renews docs/reference.md after a change of options, settings, statuses or checks.
reference: build
	$(CARGO) run --quiet $(RELEASE) -- reference > docs/reference.md.new
	mv docs/reference.md.new docs/reference.md

fmt:
	$(CARGO) fmt --all

# DuckDB compiled into the binary: about half an hour, and worth it before a release or when SQL or
# the DuckDB version changes.
test-bundled:
	$(CARGO) test $(RELEASE) --features bundled
