package e2e

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// What a person sees and may press on the page is what the API server's RBAC says, person by person; who may see less does not
// learn of the rest by counts, searches or lists.
func TestBrowserPeople(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "crew")
	commit := s.workplace()
	b := newBrowser(t, "http://"+s.listen)
	for _, person := range []struct {
		name, story string
		does        func(*colleague)
	}{
		{"nobody", "who has no right sees an empty fleet, and no page tells of what is there", seesNothing},
		{"developer", "a developer of one namespace sees and drives what is there, and nothing else", drivesTheirOwn},
		{"viewer", "a viewer sees everything but Secrets, and each button says who grants it", looksOnly},
		{"quiet", "a viewer without pods/log reads no log, and is told so", readsNoLog},
		{"admin", "an administrator may do everything", mayAll},
	} {
		t.Run(person.story, func(t *testing.T) {
			tab := b.another(t)
			tab.signIn(s.tokenOf("crew-staff", person.name), "/")
			person.does(&colleague{browser: tab, s: s.step(t), commit: commit})
		})
	}
}

// colleague is a person at the page.
type colleague struct {
	*browser
	s      *scenario
	commit string
}

// The apps of TestBrowserPeople: one of the system, and one of the developer's own namespace.
const crewTheirs, crewOwn = "/app/plumb-system/crew", "/app/crew-team/crew-own"

// finds tells which apps the matrix has when one searches for those of the test, and what the page counts then.
func (c *colleague) finds(apps, counted string) {
	c.Helper()
	c.visit("/?q=crew&sort=name")
	c.until(fmt.Sprintf("%s === %q", namesOfLines, apps), "the search finds "+apps)
	c.says(".counters-end", counted)
}

// refuses waits until a page says that there is no such app, and nothing else of it.
func (c *colleague) refuses(path string) {
	c.Helper()
	c.visit(path)
	c.says("main .fault", "there is no such app, or you may not see it")
	c.until(`!document.querySelector("main .cause, main [data-action]")`, "nothing of it is shown")
}

// pressable tells which buttons may be pressed; all others say why not.
func (c *colleague) pressable(want string, why ...string) {
	c.Helper()
	c.until(`document.querySelectorAll("main [data-action]").length > 1`, "the buttons are there")
	can := c.text(`[...document.querySelectorAll("main [data-action]")].filter(e => e.getAttribute("aria-disabled") !== "true").map(e => e.dataset.action).sort().join()`)
	if can != want {
		c.Errorf("one may press %q, want %q", can, want)
	}
	silent := c.text(`[...document.querySelectorAll('main [data-action][aria-disabled="true"]')].filter(e => !document.getElementById(e.getAttribute("aria-describedby"))?.textContent).map(e => e.dataset.action).join()`)
	if silent != "" {
		c.Errorf("%s do not say why not", silent)
	}
	for _, word := range why {
		c.until(fmt.Sprintf(`[...document.querySelectorAll("main [data-action] + .tip")].some(e => e.textContent.includes(%q))`, word), "a button says "+word)
	}
}

// pressed presses a button that may not be pressed, and one sees that nothing follows.
func (c *colleague) pressedInVain(action string) {
	c.Helper()
	c.click(fmt.Sprintf(`main [data-action=%q]`, action))
	if said := c.text(`document.querySelector("dialog[open], .toast")?.innerText ?? ""`); said != "" {
		c.Errorf("%s is answered with %q", action, said)
	}
}

// object opens one object of an app in the table.
func (c *colleague) object(app, key string) {
	c.Helper()
	c.visit(app + "/resources?o=" + key)
}

func seesNothing(c *colleague) {
	c.says("main", "No apps yet")
	for _, path := range []string{"/", "/changes", "/drift", "/pulls", "/repos", "/clusters", "/figures"} {
		c.visit(path)
		c.until(`document.querySelector("main .empty, main .card, main h1")`, path+" is there")
		if text := c.text("document.body.innerHTML"); strings.Contains(text, "crew-own") || strings.Contains(text, "orchid") || strings.Contains(text, "plumb-system/crew") {
			c.Errorf("%s tells of what is there: %s", path, text)
		}
	}
	c.refuses(crewTheirs)
	c.refuses(crewOwn)
	c.visit("/c/plumb-system/crew/" + c.commit)
	c.says("main .fault", "no app that you may see was changed by such a commit")
}

func drivesTheirOwn(c *colleague) {
	c.says(".counters-end", "1 app, 1 target")
	c.finds("crew-own", "1 app, 1 target")
	c.refuses(crewTheirs)
	for _, path := range []string{"/changes", "/drift", "/repos", "/figures"} {
		c.visit(path)
		c.until(`document.querySelector("main h1")`, path+" is there")
		if c.text(`document.querySelectorAll('[href^="/app/plumb-system/"]').length`) != "0" {
			c.Errorf("%s leads to apps of others", path)
		}
	}
	c.object(crewOwn, "/Secret/crew-team/login")
	c.says(".panel", "login")
	c.click(`.panel [role=group] button:nth-child(3)`) // Live
	c.says(".panel", "values of Secrets are not shown", "password")
	c.until(`!document.body.innerText.includes("correct-horse")`, "the value is not shown")
	c.visit(crewOwn + "/logs")
	c.says(".log-text", "ready to serve")
	c.visit(crewOwn)
	c.pressable("pause,sync")
	c.click("main [data-action=sync]")
	c.says(".toast", "asked for a pass")
	c.s.await(c.T, "App/crew-team/crew-own", func(o *unstructured.Unstructured) error {
		asked := o.GetAnnotations()["plumb.dev/sync"]
		if done := field(o, "status.handled.sync"); asked == "" || done != asked {
			return errNotYet("asked for %q, done is %v", asked, done)
		}
		return nil
	})
}

func looksOnly(c *colleague) {
	c.finds("crew,crew-own", "2 apps, 2 targets")
	c.visit("/changes?q=orchid")
	c.says(".change-row", "orchid: web")
	c.visit(crewTheirs)
	c.pressable("", "plumb-operator", "plumb-system")
	c.pressedInVain("sync")
	c.pressedInVain("pause")
	c.visit(crewTheirs + "/resources?view=tree")
	c.says("[role=treegrid]", "Pod", "Deployment", "Healthy")
	c.says(".node-message", "list on secrets")
	c.object(crewTheirs, "/Secret/crew/login")
	c.says(".panel .empty", "You may not see it", "list on secrets")
	c.visit(crewTheirs + "/logs")
	c.says(".log-text", "ready to serve")
	c.visit(crewTheirs + "/events")
	c.says("main", "ScalingReplicaSet")
}

func readsNoLog(c *colleague) {
	c.finds("crew,crew-own", "2 apps, 2 targets")
	c.visit(crewTheirs + "/resources?view=tree")
	c.says("[role=treegrid]", "Pod")
	c.visit(crewTheirs + "/logs")
	c.says(".empty", "You may not read logs here", "pods/log")
	c.until(`!document.querySelector(".log-line")`, "no line is shown")
	c.visit(crewOwn)
	c.pressable("", "plumb-operator", "crew-team")
}

func mayAll(c *colleague) {
	c.finds("crew,crew-own", "2 apps, 2 targets")
	c.visit(crewTheirs)
	c.pressable("pause,sync")
	c.object(crewTheirs, "/Secret/crew/login")
	c.click(`.panel [role=group] button:nth-child(3)`) // Live
	c.says(".panel", "values of Secrets are not shown", "password")
	c.until(`!document.body.innerText.includes("correct-horse")`, "the value is not shown")
}
