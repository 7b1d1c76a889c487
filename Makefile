# Works on a machine with only Go and make. What a test needs and does not find is skipped, and said at the end.
.DEFAULT_GOAL := help
GO       ?= go
LINT     := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
SKIPPED  := $(CURDIR)/bin/skipped.txt

.PHONY: help run build test lint fmt bench torture demo guestbook dex pebble clients clients-update svix release-check

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## run the server on the embedded database, for trying out, at http://127.0.0.1:8080
	@bin/hookyard serve --dev

build: ## build bin/hookyard, one static binary
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o bin/hookyard ./cmd/hookyard

test: ## run every test
	@mkdir -p bin && rm -f $(SKIPPED)
	@PATH="$(CURDIR)/bin:$$PATH" HOOKYARD_SKIPPED=$(SKIPPED) $(GO) test $(RACE) -shuffle=on ./...; code=$$?; \
	if [ -s $(SKIPPED) ]; then echo; echo "Skipped, because something is not on this machine:"; \
		sort -u $(SKIPPED) | awk -F '\t' '{n[$$1]++; if (n[$$1] < 4) some[$$1] = some[$$1] " " $$2} \
			END {for (why in n) printf "  %s: %d, such as%s\n", why, n[why], some[why]}' | sort; \
	fi; exit $$code

lint: ## check with golangci-lint, fetched and built the first time
	$(GO) vet ./...
	GOOS=windows $(GO) vet ./...
	@if command -v golangci-lint >/dev/null; then golangci-lint run; else $(GO) run $(LINT) run; fi

fmt: ## format
	gofmt -w $$(git ls-files '*.go')

bench: build ## measure against the bare relay and print the table (some minutes)
	bin/hookyard bench

torture: build ## crash-test under load and print the table (3 minutes; all of it, hours: LONG=1; CELL=regexp, SEED=n)
	$(GO) build -o bin/torture ./tools/torture
	bin/torture -json bin/torture.json $(if $(CELL),-cell '$(CELL)',$(if $(LONG),-long -markdown docs/torture.md)) \
		$(if $(SEED),-seed $(SEED))

demo: build ## the tour, in ten seconds
	@bin/hookyard demo

dex: ## build bin/dex, the OpenID Connect provider that sign-in is tested against (some minutes the first time)
	@mkdir -p bin
	CGO_ENABLED=0 $(GO) build -C tools/dex -o ../../bin/dex github.com/dexidp/dex/cmd/dex

pebble: ## build bin/pebble, the ACME server that certificates are tested against
	@mkdir -p bin
	CGO_ENABLED=0 $(GO) build -C tools/pebble -o ../../bin/pebble github.com/letsencrypt/pebble/v2/cmd/pebble

clients: ## generate clients from the API's description, for Go, TypeScript and Python, and try them (some minutes the first time)
	$(GO) test -C tools/clients -count=1 ./...

clients-update: ## generate clients/python anew, after a change of the API
	$(GO) test -C tools/clients -count=1 -run TestPython -update .

svix: ## run Svix's SDKs, unmodified, against a server (some minutes the first time)
	$(GO) test -C tools/svix -count=1 ./...

guestbook: build ## the example: a guestbook with hookyard beside it
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o bin/guestbook ./examples/guestbook
	@PATH="$(CURDIR)/bin:$$PATH" bin/guestbook --with-hookyard

release-check: ## build a snapshot of the release in dist/ and try it (Debian, as root; some minutes)
	deploy/release/check
