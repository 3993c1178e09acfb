# Two commands to begin with: make demo, make test.
SHELL := /bin/sh
GO ?= go
export CGO_ENABLED ?= 1

# Packages whose tests run real-time media or whole processes: one at a time, without the race detector, judged by
# counts and order and never by tight times.
REALTIME := ./media/... ./app/... ./cmd/... ./internal/peers/... ./internal/e2e/...
PURE = $(filter-out $(shell $(GO) list $(REALTIME)),$(shell $(GO) list ./...))

.DEFAULT_GOAL := help
.PHONY: help deps deps-demo deps-bench build demo run test check lint fmt fuzz bench bench-queue bench-sip clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

deps-demo: ## install what the demo needs beside Go (redis-server), where it is missing
	@tools/deps.sh demo

deps: ## install what the tests need beside Go, where it is missing
	@tools/deps.sh test

deps-bench: ## install what the benchmarks need beside Go, where it is missing
	@tools/deps.sh bench

build: ## build bin/avanak
	$(GO) build -trimpath -o bin/avanak ./cmd/avanak

demo: deps-demo build ## call 300 simulated people and prove what each of them heard (under a minute; see demo-out/)
	bin/avanak demo --out demo-out

run: deps-demo build ## start the gateway on loopback with the sandbox trunk
	bin/avanak serve

test: deps ## run all tests
	$(GO) vet ./...
	$(GO) test -race $(PURE)
	$(GO) test -p 1 $(REALTIME)

check: fmt-check lint test ## format, lint and test: before the last commit of a piece of work

.PHONY: fmt-check
fmt-check:
	@out=$$(gofmt -l .); if [ -n "$$out" ]; then echo "gofmt would change:"; echo "$$out"; exit 1; fi

lint: bin/golangci-lint ## run the linters (their first build takes minutes)
	bin/golangci-lint run ./...

bin/golangci-lint: tools/go.mod tools/go.sum
	cd tools && GOFLAGS=-mod=readonly $(GO) build -o ../bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint

fmt: ## format the code
	gofmt -w .

fuzz: ## fuzz every target for FUZZTIME (5m); FUZZ='./sip ./audio' names packages
	@GO="$(GO)" tools/fuzz.sh

bench: bench-queue bench-sip ## run the benchmarks; figures go to bench-out/
	$(GO) test -run '^$$' -bench . -benchtime 1s ./audio ./media ./queue ./campaign

bench-queue: deps ## measure Redis memory per recipient; writes bench-out/queue.json
	$(GO) run ./queue/queuebench -out bench-out/queue.json

bench-sip: deps-bench ## measure calls beside sipp and bare sipgo (about 5 minutes); writes bench-out/sip.json
	$(GO) run ./sip/sipbench -out bench-out/sip.json

clean: ## remove what the targets made
	rm -rf bin bench-out demo-out
