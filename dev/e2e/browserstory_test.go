package e2e

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// workload is a Deployment with a Service, as a folder's manifest.
func workload(name, image, simulate string) string {
	return fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s, labels: {app: %[1]s}}
spec:
  replicas: 2
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}, annotations: {plumb.dev/simulate: %[3]q}}
    spec: {containers: [{name: %[1]s, image: "registry.acme.io/%[1]s:%[2]s"}]}
---
apiVersion: v1
kind: Service
metadata: {name: %[1]s}
spec: {selector: {app: %[1]s}, ports: [{port: 80}]}
`, name, image, simulate)
}

var services = []string{"auth", "billing", "cart", "catalog", "checkout", "ledger", "mail", "search"}

func TestBrowser(t *testing.T) {
	t.Parallel()
	w := theWorld(t, browserWorld)
	s := newScenario(t, w, "fleet")
	fleet := files{"apps/ledger/plumb.yaml": "heal: false\n"}
	for _, name := range services {
		for _, env := range []string{"dev", "staging", "prod"} {
			fleet["apps/"+name+"/envs/"+env+"/"+name+".yaml"] = workload(name, "1.0.0", "")
		}
	}
	first := s.commit("fleet: eight services", fleet)
	for _, name := range services {
		s.ok(name+"-prod", first)
	}
	b := newBrowser(t, "http://"+w.listen)
	b.comeIn(s)
	for _, step := range []struct {
		story string
		do    func(*scenario, *browser)
	}{
		{"the code does not stay in the address, and all is well", allIsWell},
		{"a commit arrives without a reload", aCommitArrives},
		{"lines stay under the pointer: what is new waits", linesStay},
		{"a rollout fails, and its cause is named", aRolloutFails},
		{"drift is named with who did it, and restored by a button", driftIsRestored},
		{"filters are in the address, and an address brings them back", filtersAreLinks},
		{"everything is reached by keys alone", byKeysAlone},
		{"pods' logs are streamed and filtered", logsStream},
		{"a pause has a reason and an end, and is shown with both", aPause},
		{"a commit has a page", aCommitPage},
		{"the agent goes and comes back: the page says so, and catches up", theAgentComesBack},
		{"an agent that has stopped is not taken for one that is well", theAgentIsSilent},
		{"no page breaks a rule of accessibility, in either theme or on a phone", accessible},
		{"a person signs in with a token, and each button says why not", aPersonSignsIn},
		{"the pictures of the README", pictures},
	} {
		if !t.Run(step.story, func(t *testing.T) { step.do(s.step(t), &browser{t, b.ctx, b.base, b.alarms}) }) {
			return
		}
	}
}

// step is the scenario as a step of the story has it.
func (s *scenario) step(t *testing.T) *scenario {
	step := *s
	step.T = t
	return &step
}

func allIsWell(_ *scenario, b *browser) {
	b.says(".well", "Nothing needs attention.")
	if at := b.text("location.href + ' ' + history.length + ' ' + document.referrer"); strings.Contains(at, token) || strings.Contains(at, "code") {
		b.Errorf("the code stays in %s", at)
	}
	b.until(`document.title.startsWith("● all 24 ok")`, "the title begins with the state")
	b.run(chromedp.Evaluate("window.neverLoadedAnew = true", nil))
}

func (b *browser) notLoadedAnew() {
	b.Helper()
	if b.text("window.neverLoadedAnew") != "true" {
		b.Error("the page was loaded anew")
	}
}

func aCommitArrives(s *scenario, b *browser) {
	commit := s.commit("cart: 1.1.0 in dev", files{"apps/cart/envs/dev/cart.yaml": workload("cart", "1.1.0", "")})
	b.until(fmt.Sprintf(`document.querySelector('a[data-id="plumb-system/cart-dev"]:not([data-page])')?.innerText === %q`, commit[:7]), "cart in dev is at the commit")
	b.says(".well", "cart: 1.1.0 in dev", "Lena")
	b.notLoadedAnew()
}

// namesOfLines are the apps of the matrix, from above.
const namesOfLines = `[...document.querySelectorAll("[role=rowheader] a")].sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top).map(e => e.innerText).join()`

func linesStay(s *scenario, b *browser) {
	const cell = `document.querySelector('a[data-id="plumb-system/mail-dev"]:not([data-page])')`
	at := awaited[struct{ X, Y float64 }](b, cell+".getBoundingClientRect().toJSON()")
	b.run(input.DispatchMouseEvent(input.MouseMoved, at.X+20, at.Y+10))
	b.until(cell+`.title.startsWith("mail/dev: ok at ")`, "what is pointed at says what it is")
	before := b.text(namesOfLines)
	commit := s.commit("mail: 1.1.0 in dev, and a wiki", files{
		"apps/mail/envs/dev/mail.yaml": workload("mail", "1.1.0", ""), "apps/wiki/envs/dev/wiki.yaml": workload("wiki", "1.0.0", ""),
	})
	b.says(".fresh", "1 new line")
	b.until(fmt.Sprintf(cell+"?.innerText === %q", commit[:7]), "what is there is kept true")
	if after := b.text(namesOfLines); after != before {
		b.Errorf("the lines were %s and are %s", before, after)
	}
	b.click(".fresh")
	b.until(namesOfLines+`.startsWith("mail,wiki") || `+namesOfLines+`.startsWith("wiki,mail")`, "the newest changes stand above")
	b.notLoadedAnew()
}

func aRolloutFails(s *scenario, b *browser) {
	commit := s.commit("search: 5.0.1 in staging", files{"apps/search/envs/staging/search.yaml": workload("search", "5.0.1", "crash-loop-137")})
	b.says(".attention", "search/staging", "CrashLoopBackOff", "exited with 137", commit[:7])
	b.until(`document.title.startsWith("✕ 1 failed")`, "the title begins with the state")
	b.click(".attention-row")
	b.says(".panel", "search/staging", "Blocked by", "Deployment/search", "kubectl -n search-staging logs search-", "--previous", "search: 5.0.1 in staging")
	b.notLoadedAnew()
}

func driftIsRestored(s *scenario, b *browser) {
	s.patch("Deployment/ledger-prod/ledger", "kubectl-edit", "spec: {replicas: 9}")
	b.says(".attention", "ledger/prod")
	b.run(chromedp.Evaluate(`document.querySelector('a[data-id="plumb-system/ledger-prod"]:not([data-page])').click()`, nil))
	b.says(".panel .drift-line", "spec.replicas", "kubectl-edit", "9", "2")
	b.click(`.panel [data-action="restore"]`)
	s.has("Deployment/ledger-prod/ledger", "spec.replicas", int64(2))
	b.says(".panel .pill", "ok")
	b.says(".panel .drift-line", "undone")
	b.notLoadedAnew()
}

func filtersAreLinks(_ *scenario, b *browser) {
	b.click(`.panel [aria-label="Close"]`)
	b.click(`.counter.s-failed`)
	b.until(`location.search === "?state=failed"`, "the filter is in the address")
	b.until(namesOfLines+` === "search"`, "only search is shown")
	b.visit("/?state=failed&at=plumb-system/search-staging")
	b.until(namesOfLines+` === "search"`, "an address brings the filter back")
	b.says(".panel", "search/staging")
	b.visit("/?q=cart&env=dev&sort=name")
	b.until(namesOfLines+` === "cart"`, "so it does a search")
	b.until(`document.querySelectorAll("[role=columnheader]").length === 3`, "and the one environment")
	b.visit("/repos?q=called-otherwise")
	b.says(".empty", "No repository is like that")
	b.click(".empty button")
	b.until(`location.search === "" && document.querySelector("section.card")`, "all are shown again")
	b.visit("/pulls?q=called-otherwise")
	b.says(".empty", "No pull request is like that")
	b.visit("/")
}

func byKeysAlone(_ *scenario, b *browser) {
	b.press("/")
	b.until(`document.activeElement.matches("input[data-search]")`, "/ leads to the search")
	b.press("c", "a", "r", "t", kb.Enter)
	b.until(`document.activeElement.getAttribute("role") === "grid"`, "Enter leads from the search into the matrix")
	b.press(kb.ArrowRight, kb.Home, kb.ArrowRight)
	b.until(`document.getElementById(document.activeElement.getAttribute("aria-activedescendant"))?.innerText.length > 0`, "a cell is chosen")
	b.press(kb.Enter)
	b.says(".panel", "cart/dev")
	b.press("o")
	b.until(`location.pathname === "/app/plumb-system/cart-dev" && document.querySelector(".cause")`, "o opens its page")
	b.press("r")
	b.says("[role=treegrid]", "Deployment", "cart")
	b.press("h")
	b.says(".history", "cart: 1.1.0 in dev")
	b.press("g", "d")
	b.until(`location.pathname === "/drift"`, "g d leads to drift")
	b.says("main", "kubectl-edit")
	b.press("?")
	b.says("dialog[open]", "Copy the link")
	b.press(kb.Escape)
	b.until(`!document.querySelector("dialog[open]")`, "Escape closes the help")
	b.run(chromedp.KeyEvent("k", chromedp.KeyModifiers(input.ModifierCtrl)))
	b.until(`document.activeElement.getAttribute("role") === "combobox"`, "Ctrl K opens the palette")
	b.press("l", "e", "d", "g", "e", "r", " ", "p", "r", "o", "d")
	b.says(`[role=option][aria-selected=true]`, "ledger/prod")
	b.press(kb.Enter)
	b.until(`location.pathname === "/app/plumb-system/ledger-prod"`, "and leads to the app")
}

// logsStream visits the log until it was read while the container was down: a container that crashes again and again has its last
// words only then.
func logsStream(_ *scenario, b *browser) {
	const texts = `[...document.querySelectorAll(".log-text")].map(e => e.innerText)`
	read := func(path, condition string) {
		b.Helper()
		err := eventually(limit, func() error {
			b.visit(path)
			b.until(`document.querySelector(".log-text, .logs .empty")`, "the log is there")
			if b.text(condition) != "true" {
				return errNotYet("the log has %s", b.text(texts))
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	read("/app/plumb-system/search-staging/logs", texts+`.some(t => t.includes("exit code 137")) && `+texts+`.some(t => t.includes("ready to serve"))`)
	read("/app/plumb-system/search-staging/logs?q=fatal", texts+`.length > 0 && `+texts+`.every(t => t.includes("fatal"))`)
}

func aPause(s *scenario, b *browser) {
	b.visit("/app/plumb-system/billing-prod")
	b.click(`[data-action="pause"]`)
	b.until(`document.activeElement.matches("dialog input")`, "the reason is asked for")
	b.run(chromedp.KeyEvent("database is being moved"), chromedp.KeyEvent(kb.Enter))
	b.says(".cause", "database is being moved", "until")
	s.is("billing-prod", "paused", "Paused")
	b.until(`document.title.startsWith("‖ billing/prod")`, "the title begins with the state")
}

func aCommitPage(s *scenario, b *browser) {
	commit := s.git("rev-parse", "HEAD")
	b.visit("/c/plumb-system/fleet/" + commit)
	b.says("h1", "search: 5.0.1 in staging")
	b.says(".steps", "Lena")
	b.says(".target-row", "search/staging", "failed")
	b.says(".change", "Deployment/search-staging/search", "registry.acme.io/search:5.0.1")
}

func theAgentComesBack(s *scenario, b *browser) {
	b.visit("/")
	address := s.listen
	s.agent.kill()
	b.until(`document.querySelector("[data-pulse=offline]")`, "the page says that it is offline")
	b.says(".note", "Not connected.")
	s.git("commit", "-q", "--allow-empty", "-m", "nothing")
	s.write(files{"apps/mail/envs/dev/mail.yaml": workload("mail", "2.0.0", "")})
	s.git("commit", "-q", "-m", "mail: 2.0.0 in dev")
	s.git("push", "-q", "origin", "HEAD:main")
	commit := s.git("rev-parse", "HEAD")
	if err := s.agent.start("--simulated", "--listen", address); err != nil {
		s.Fatal(err)
	}
	b.until(`document.querySelector("[data-pulse=live]")`, "the page is live again")
	b.until(fmt.Sprintf(`document.querySelector('a[data-id="plumb-system/mail-dev"]:not([data-page])')?.innerText === %q`, commit[:7]), "what happened meanwhile is there")
}

// theAgentIsSilent stops the agent's process: its connections stay open, and nothing comes.
func theAgentIsSilent(s *scenario, b *browser) {
	b.visit("/")
	process := s.agent.cmd.Process
	if err := process.Signal(syscall.SIGSTOP); err != nil {
		s.Fatal(err)
	}
	goesOn := func() { _ = process.Signal(syscall.SIGCONT) }
	s.Cleanup(goesOn)
	b.until(`document.querySelector("[data-pulse=behind]")`, "the page says how far it is behind")
	b.says(".note[role=alert]", "Nothing has been heard from the agent since", "plumb doctor")
	goesOn()
	b.until(`document.querySelector("[data-pulse=live]") && !document.querySelector(".note[role=alert]")`, "the page is live again")
	commit := s.commit("mail: 2.1.0 in dev", files{"apps/mail/envs/dev/mail.yaml": workload("mail", "2.1.0", "")})
	b.until(fmt.Sprintf(`document.querySelector('a[data-id="plumb-system/mail-dev"]:not([data-page])')?.innerText === %q`, commit[:7]), "and tells what comes")
}

// everyPage are addresses of all pages, with what is in them once they are there.
func everyPage(s *scenario) map[string]string {
	return map[string]string{
		"/":                                    "[role=grid] [role=rowheader]",
		"/?at=plumb-system/search-staging":     ".panel .cause",
		"/?group=state":                        ".grid-group",
		"/app/plumb-system/search-staging":     ".cause",
		"/app/plumb-system/ledger-prod/drift":  ".drift-line",
		"/app/plumb-system/cart-dev/resources": "[role=treegrid] [role=gridcell]",
		"/app/plumb-system/cart-dev/resources?view=tree&o=apps/Deployment/cart-dev/cart": ".panel .body",
		"/app/plumb-system/cart-dev/history":                                             ".history",
		"/app/plumb-system/search-staging/events":                                        "main .table",
		"/app/plumb-system/search-staging/logs":                                          ".log-line",
		"/changes":                                                                       ".change-row",
		"/c/plumb-system/fleet/" + s.git("rev-parse", "HEAD"):                            ".target-row",
		"/drift":        ".drift-line",
		"/pulls":        ".empty",
		"/repos":        ".card",
		"/clusters":     ".card",
		"/figures":      ".figure",
		"/nothing/here": ".empty",
	}
}

// accessible looks at every page, as it is on a desk in both themes and on a phone.
func accessible(s *scenario, b *browser) {
	for _, view := range []struct {
		width, height int64
		theme         string
	}{{1440, 900, "light"}, {1440, 900, "dark"}, {390, 780, "dark"}} {
		b.window(view.width, view.height, view.theme)
		for path, there := range everyPage(s) {
			if path == "/nothing/here" { // an address that the agent does not serve is reached inside the page only
				b.run(chromedp.Evaluate(`history.pushState({}, "", "/nothing/here"); dispatchEvent(new PopStateEvent("popstate"))`, nil))
			} else {
				b.visit(path)
			}
			b.until(fmt.Sprintf("document.querySelector(%q)", there), there+" is there at "+path)
			b.isAccessible(fmt.Sprintf("%s, %s, %d wide", path, view.theme, view.width))
		}
	}
	b.window(1440, 900, "light")
}

func aPersonSignsIn(s *scenario, b *browser) {
	s.staff("fleet-staff", "fleet-team")
	const wanted = "/app/plumb-system/search-staging"
	b.signIn(s.tokenOf("fleet-staff", "quiet"), wanted)
	b.until("document.querySelector('.cause')", "and sees the app")
	b.until(`document.querySelector("[data-action=sync]").getAttribute("aria-disabled") === "true"`, "who may only look cannot sync")
	b.until(`document.querySelector("[data-action=sync] + .tip").textContent.includes("plumb-operator")`, "and is told which role grants it")
	b.press("l")
	b.says(".empty", "You may not read logs here", "pods/log")
	b.click(".who")
	b.says("dialog", "fleet-staff")
	b.run(chromedp.Evaluate(`[...document.querySelectorAll("dialog button")].find(e => e.innerText === "Sign out").click()`, nil))
	b.until(`location.pathname === "/login" && document.querySelector(".login input")`, "signed out one is at the login")
	b.comeIn(s)
}

// pictures draws what the README shows, if a folder for it is named.
func pictures(s *scenario, b *browser) {
	if os.Getenv("PLUMB_PICTURES") == "" {
		b.Skip("skipped: make pictures draws them")
	}
	rolling := s.commit("checkout: 2.1.0 in dev", files{"apps/checkout/envs/dev/checkout.yaml": workload("checkout", "2.1.0", "never-ready")})
	s.patch("Deployment/ledger-prod/ledger", "kubectl-edit", "spec: {replicas: 9}")
	for _, view := range []struct {
		name, theme, path, there string
		width, height            int64
	}{
		{"light", "light", "/?at=plumb-system/search-staging", rolling[:7], 1440, 800},
		{"dark", "dark", "/app/plumb-system/ledger-prod", "kubectl-edit", 1440, 800},
		{"phone", "light", "/", "ledger/prod", 390, 780},
	} {
		b.window(view.width, view.height, view.theme)
		b.visit(view.path)
		b.says("main", view.there)
		b.pictured(view.name)
	}
}
