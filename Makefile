# Plumb's build. `make help` lists the targets; nothing is kept in the tree but bin/.
#
# One build cache serves everything: product, playground, tools and tests are built with the same flags. Only race builds use cgo.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS   += --no-print-directory
.DEFAULT_GOAL := help

export CGO_ENABLED := 0
export GOFLAGS     := -trimpath -buildvcs=false
export GOTOOLCHAIN := local
ifeq (,$(shell command -v go))
export PATH := /usr/local/go/bin:$(PATH)
endif

BIN := $(CURDIR)/bin
# The binaries that the tests drive.
export PLUMB            := $(BIN)/plumb
export PLUMB_PLAYGROUND := $(BIN)/plumb-playground
export PLUMB_GITEA      := $(BIN)/gitea

cli     := plumb.dev/plumb/internal/cli
release := $(shell git describe --tags --dirty --match 'v*' 2>/dev/null)
commit  := $(shell git rev-parse HEAD 2>/dev/null)
ldflags := -s -w -X $(cli).release=$(release) -X $(cli).commit=$(commit)

# The stages of `make test`, in order. The playground and Gitea, which take long to build, are built beside the first of them.
STAGES := fmt-check page build generated unit scripts race vet lint upstream e2e corpus forge browser
BESIDE := playground,gitea

# Tests of these names belong to a stage of their own: what they need is slow or is not in the tree. internal/arch knows them too.
apart := ^Test(Script|Corpus|Upstream|Browser|Gitea)

# $(call having,DIR,NAME): the packages below DIR that have a test whose name begins with NAME.
having = $(shell cd $(1) && grep -rlE --include='*_test.go' --exclude-dir=dev '^func $(2)' . 2>/dev/null | xargs -r -n1 dirname | sort -u)
# $(call gotest,MODULE,ARGUMENTS,PACKAGES): the events of a module's tests; nothing where there are no such packages.
gotest = $(if $(strip $(3)),go -C $(1) test -json $(2) $(3) || s=1;)
# The nested module's tests drive binaries that Go's test cache does not see, and one control plane at a time.
devtest = $(call gotest,dev,-p 1 -count=1 $(1),$(2))
stages := go run ./scripts/stages
# $(call tally,STAGE,COMMANDS): show and count what the commands test; fail if a test failed or none ran.
tally = @{ s=0; $(2) exit $$s; } | $(stages) tally $(1)

##@ Run

up: build playground ## Build everything, start the playground, open the page. ARGS="--fresh --port 0" are handed on
	@exec $(PLUMB) up $(ARGS)

build: need ## The product: bin/plumb, with the page where Node is there
	@scripts/page built
	@mkdir -p $(BIN)
	go build -ldflags '$(ldflags)' -o $(PLUMB) ./cmd/plumb

playground: need ## A control plane with simulated nodes: bin/plumb-playground, cached outside the tree by its inputs
	@scripts/playground $(PLUMB_PLAYGROUND)

gitea: need need-gcc ## A Gitea for tests: bin/gitea, cached outside the tree by its inputs
	@scripts/gitea $(PLUMB_GITEA)

image: build ## The agent's container image as an OCI layout, of packages that apt loads: make image OUT=bin/image
	go -C dev/image run . -plumb $(PLUMB) -out $(abspath $(or $(OUT),bin/image)) -version '$(or $(release),devel)' -revision '$(commit)' \
		-time $(shell git log -1 --format=%ct 2>/dev/null || echo 0)

bench: build playground ## Measure: make bench APPS=200 OUT=bench.json
	go -C dev run ./bench -apps $(or $(APPS),200) $(if $(OUT),-out $(abspath $(OUT)))

generate: ## Write the deep copies and the resource definitions anew
	go generate ./api/... ./deploy/...

recording: build playground ## Draw docs/images/up.svg from a real run of plumb up
	go run ./scripts/recording -out docs/images/up.svg

pictures: build playground gitea ## Draw docs/images/page-*.png from the page in a real browser; fonts-inter makes them prettier
	@scripts/page installed
	@scripts/need chromium
	PLUMB_PICTURES=$(CURDIR)/docs/images go -C dev test -count=1 -timeout 20m -run '^(TestBrowser|TestGiteaPageOfAPull)$$' ./e2e

clean: ## Remove bin/; the caches outside the tree stay
	rm -rf $(BIN)

##@ Test

test: need ## Everything: each stage below, then a table of their times
	@$(stages) run -beside $(BESIDE) $(STAGES)

fmt-check: ## gofmt
	@files=$$(gofmt -l .); \
	if [[ -n $$files ]]; then echo "not formatted (gofmt -w):"; echo "$$files"; exit 1; fi

vet: playground ## go vet, all modules
	go vet ./...
	go -C dev vet ./...
	go -C dev/image vet ./...
	go -C dev/forge vet ./...

lint: playground ## staticcheck, all modules
	@mkdir -p $(BIN)
	go -C dev build -o $(BIN)/staticcheck honnef.co/go/tools/cmd/staticcheck
	@s=0; $(BIN)/staticcheck ./... || s=1; cd dev; $(BIN)/staticcheck ./... || s=1; cd image; $(BIN)/staticcheck ./... || s=1; \
	cd ../forge; $(BIN)/staticcheck ./... || s=1; exit $$s

generated: ## The generated files are those that the generator writes
	@out=$$(mktemp -d); trap 'rm -rf "$$out"' EXIT; \
	go -C dev tool controller-gen object crd:crdVersions=v1 paths=../api/v1alpha1 output:object:dir=$$out output:crd:dir=$$out/crds; \
	diff -u api/v1alpha1/zz_generated.deepcopy.go $$out/zz_generated.deepcopy.go && diff -ru api/v1alpha1/crds $$out/crds || \
	{ echo "run: make generate"; exit 1; }

unit: build need-sshd ## Tests of the root module that need no control plane
	$(call tally,unit,$(call gotest,.,-timeout 10m -skip '$(apart)',$(filter-out %/internal/playground,$(shell go list ./...))))

arch: ## Layers, borders, budgets, documentation
	go test -count=1 -v ./internal/arch

scripts: build ## The command's scripts
	$(call tally,scripts,$(call gotest,.,-timeout 10m -run '^TestScript',$(call having,.,TestScript)))

# The lock of the render child is for binaries without cgo, which race builds are not.
race: need-gcc need-sshd ## The race detector, on all that links neither Helm nor Kustomize
	$(call tally,race,CGO_ENABLED=1 $(call gotest,.,-race -timeout 15m -skip '$(apart)',$(light)))

light = $(shell go list -test -f '{{if .ForTest}}{{.ForTest}} {{join .Deps " "}}{{end}}' ./internal/... 2>/dev/null | \
	grep -vE 'helm.sh/helm|sigs.k8s.io/kustomize/api|^plumb.dev/plumb/internal/(arch|playground|render/sandbox)' | cut -d' ' -f1 | sort -u)

e2e: build playground need-sshd ## End to end, on the playground's control plane
	$(call tally,e2e,$(call gotest,.,-count=1 -timeout 20m -skip '$(apart)',./internal/playground) \
		$(call gotest,dev/image,-count=1 -timeout 20m,./...) \
		$(call devtest,-timeout 40m -skip '$(apart)',./...))

corpus: build playground ## The applications of ../shared/corpus: found, and deployed
	$(call tally,corpus,$(call gotest,.,-count=1 -timeout 10m -run '^TestCorpus',$(call having,.,TestCorpus)) \
		$(call devtest,-timeout 40m -run '^TestCorpus',$(call having,dev,TestCorpus)))

upstream: build ## The corpus rendered as the upstream kustomize and helm render it
	$(call tally,upstream,$(call devtest,-timeout 30m -run '^TestUpstream',$(call having,dev,TestUpstream)))

forge: build playground gitea ## Pull requests, statuses and merges at a real Gitea, and their pages in a real browser
	@scripts/page installed
	@scripts/need chromium
	$(call tally,forge,$(call gotest,.,-count=1 -timeout 20m -run '^TestGitea',$(call having,.,TestGitea)) \
		$(call devtest,-timeout 30m -run '^TestGitea',$(call having,dev,TestGitea)))

page: ## The page: types, linter, formatter, unit tests, build, budgets. Needs Node 20.19 or newer
	@scripts/page installed
	npm --prefix web run --silent check
	npm --prefix web test --silent
	@scripts/page

browser: build playground ## The page in a real browser
	@scripts/page installed
	@scripts/need chromium
	$(call tally,browser,$(call devtest,-timeout 20m -run '^TestBrowser',$(call having,dev,TestBrowser)))

##@ Help

help: ## This
	@awk -F ':.*## ' '/^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "    make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

need:
	@command -v go >/dev/null || { echo "missing: Go 1.26; install it and run this again" >&2; exit 1; }
	@scripts/need git

need-sshd:
	@scripts/need ssh=openssh-client sshd=openssh-server

need-gcc:
	@scripts/need gcc=build-essential

.PHONY: up build playground gitea image bench generate recording pictures clean test fmt-check vet lint generated unit arch scripts race e2e corpus upstream forge page browser help need need-gcc need-sshd
