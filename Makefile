# The only commands a person must know: run, test, bench, lint, build.

TARGET := $(or $(CARGO_TARGET_DIR),target)
DEMO_ARGS ?=
export CARGO_TERM_COLOR ?= auto

.PHONY: run build test test-tools test-rust test-postgres test-console test-browser test-python test-go test-sso \
	test-contract debug-binary bench bench-detection bench-engines bench-events bench-memory lint clean tools console openapi

## Builds everything and starts the demo.
run: build
	$(TARGET)/release/bartizan demo $(DEMO_ARGS)

## Builds the Console and the one binary.
build: tools console
	cargo build --release --locked -p bartizan

tools:
	@scripts/install-tools build

console: console/dist/index.html

# The Console is rebuilt when its sources or the API document change.
console/dist/index.html: $(shell find console -path console/node_modules -prune -o -path console/dist -prune -o -type f -print 2>/dev/null) openapi/bartizan.json
	cd console && npm ci && npm run build

## Runs every test: Rust on SQLite and PostgreSQL, Console, browser, Python and Go clients, identity providers, the API
## by its document.
test: test-rust test-postgres test-console test-browser test-python test-go test-sso test-contract
	@echo "all test suites passed"

test-tools:
	@scripts/install-tools build test

test-rust: test-tools
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo test --workspace --locked

test-postgres: test-tools
	scripts/postgres-tests

# The binary that the Rust tests run, so that it is built once. It reads the Console's pages from console/dist.
debug-binary: test-tools console
	cargo test --workspace --locked --no-run

test-console: test-tools console
	cd console && npm run lint && npm test

test-browser: debug-binary
	cd tests/browser && npm ci && npm run check && BARTIZAN_BIN=$(abspath $(TARGET))/debug/bartizan npm test

test-python: debug-binary
	scripts/python-tests $(abspath $(TARGET))/debug/bartizan

# At most a minute and a half: the API against its own document, with each kind of credential. SEED asks other things.
test-contract: debug-binary
	scripts/contract-tests $(abspath $(TARGET))/debug/bartizan 16 $(SEED)

# Sign-in at providers of OpenID Connect and SAML that others wrote.
test-sso: debug-binary
	cd tests/sso && npm ci && BARTIZAN_BIN=$(abspath $(TARGET))/debug/bartizan npm test

test-go: debug-binary
	scripts/go-tests $(abspath $(TARGET))/debug/bartizan

## Measures speed side by side with nginx and ModSecurity + CRS, and detection quality.
bench: build bench-detection
	@scripts/install-tools bench
	bench/proxy/run $(abspath $(TARGET))/release/bartizan

## Measures the event index alone, then a whole cloud, with HITS synthetic hits, by default a million.
bench-events:
	cargo run --release --locked -p bartizan-events-index --example measure -- $(or $(HITS),1000000)
	cargo run --release --locked -p bartizan-cloud --example events -- $(or $(HITS),1000000) 500 $(TARGET)/bench-events
	rm -rf $(TARGET)/bench-events

## Memory of a node under a million requests with bodies of all sizes.
bench-memory: build
	@scripts/install-tools bench
	bench/memory/run $(abspath $(TARGET))/release/bartizan

## The same requests through Coraza with the Core Rule Set; needs Go.
bench-engines:
	bench/coraza/run

bench-detection: tools
	cargo run --release --locked -p bartizan-detect --example corpus -- crs benign
	cargo run --release --locked -p bartizan-detect --example speed

## Formatting, lints, licences.
lint: tools
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo deny --version >/dev/null 2>&1 || cargo install --locked cargo-deny
	cargo deny check bans licenses sources

## Refreshes the checked-in API document and the Console's client.
openapi:
	UPDATE_OPENAPI=1 cargo test -p bartizan-cloud --test it openapi
	cd console && npm ci && npm run generate

clean:
	cargo clean
	rm -rf console/dist console/node_modules tests/browser/node_modules tests/sso/node_modules
