package e2e

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// hostilePath is what a text asks for that has become an element. No tab may ask for it.
const hostilePath = "/asked-for-by-a-text"

// hostile is a text that is an element, an image that fails, a script and a link to whoever takes it for HTML; in an attribute it
// ends the attribute. hostileName is the same for names that are short.
const (
	hostile = `"'><x-hostile onclick=window.__xss=1><img src=` + hostilePath + ` onerror=window.__xss=1>` +
		`<script>window.__xss=1</script><a href="javascript:window.__xss=1">{{7*7}}${7*7}</a>`
	hostileName = `<x-hostile onclick=window.__xss=1><img src=` + hostilePath + `>`
)

// untaken fails the test if a text of others has become part of the page: an element, a handler, a script, a link that is none.
func (b *browser) untaken(at string) {
	b.Helper()
	taken := b.text(`[
		...document.querySelectorAll("x-hostile, img, iframe, object, embed, script:not([src^='/'])"),
		...[...document.querySelectorAll("*")].filter(e => [...e.attributes].some(a => a.name.startsWith("on"))),
		...[...document.querySelectorAll("a[href]")].filter(a => !["http:", "https:"].includes(a.protocol)),
	].map(e => e.outerHTML.slice(0, 200)).join("\n") + (window.__xss === undefined ? "" : "a script ran")`)
	for _, rung := range b.alarms.take() {
		taken += "\n" + rung
	}
	if taken != "" {
		b.Errorf("%s: %s", at, taken)
	}
}

// hostileFleet are files in which whatever people and programs may write is hostile: values, annotations, images, which simulated
// containers write into their logs, names where Kubernetes allows them, folders, and a manifest that cannot be read.
func hostileFleet(value string) files {
	quoted := func(text string) string { return fmt.Sprintf("%q", text) }
	return files{
		"apps/hostile/plumb.yaml": "heal: false\n",
		"apps/hostile/a.yaml": documentsOf(
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, annotations: {note: "+quoted(hostile)+"}}\ndata: {a: "+quoted(value)+"}\n",
			"apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: "+quoted(strings.ReplaceAll(hostileName, "/", ""))+"}\nrules: []\n",
			strings.Replace(deployment("web", 1, "IMAGE"), "IMAGE", quoted("registry.example/web:1"+hostileName), 1)),
		"apps/hostile-broken/a.yaml":                                   "apiVersion: v1\nkind: " + quoted(hostile) + "\nmetadata: {name: a}\n",
		"apps/" + strings.ReplaceAll(hostileName, "/", "") + "/a.yaml": configMap("settings", "a", "1"),
	}
}

// Whatever others have written is text on every page that shows it: what is in Git, in the cluster, in logs, events and addresses.
// It becomes no element, no script runs, nothing is asked for, and no link leads to one.
func TestBrowserHostileTexts(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "hostile")
	s.administrator("hostile-staff")
	s.git("config", "user.name", `" onfocus="window.__xss=1" autofocus="`)
	s.ok("hostile", s.commit("begin "+hostile, hostileFleet(hostile+" first"))) // else the next one may overtake it
	commit := s.commit(hostile+"\n\n"+hostile, hostileFleet(hostile+" second"))
	s.ok("hostile", commit)
	s.has("Deployment/hostile/web", "status.readyReplicas", 1)
	s.patch("ConfigMap/hostile/settings", hostileName, fmt.Sprintf("data: {a: %q}", hostile+" live"))
	s.make(fmt.Sprintf(`
apiVersion: events.k8s.io/v1
kind: Event
metadata: {name: hostile, namespace: hostile}
eventTime: "2026-11-27T08:00:00.000000Z"
regarding: {kind: ConfigMap, name: settings, namespace: hostile, apiVersion: v1}
action: Tell
reportingController: e2e
reportingInstance: e2e
type: Warning
reason: %q
note: %q
`, hostileName, hostile))
	s.is("hostile", "drifted", "Drifted")
	b := newBrowser(t, "http://"+s.listen)

	b.run(chromedp.Navigate(b.base + "/login?refused=" + url.QueryEscape(hostile)))
	b.says(".login [role=alert]", "Nobody was signed in.") // what an address says is not repeated
	b.untaken("/login")
	b.signIn(s.tokenOf("hostile-staff", "admin"), "/app/plumb-system/hostile?note="+url.QueryEscape(hostile))

	const app = "/app/plumb-system/hostile"
	for _, view := range []struct{ path, in, says string }{
		{"/?q=" + url.QueryEscape(hostile), ".empty", "Clear every filter"},
		{"/?at=plumb-system/hostile", ".panel .drift-line", "<x-hostile"},
		{app, ".drift-line del", "<x-hostile"},
		{app, ".facts", "<x-hostile"},
		{app + "/drift", ".drift-by", hostileName},
		{app + "/resources", "[role=treegrid]", "<x-hostile"},
		{app + "/resources?view=tree&q=" + url.QueryEscape("x-hostile"), "[role=treegrid]", "<x-hostile"},
		{app + "/resources?o=" + url.QueryEscape("/ConfigMap/hostile/settings"), ".panel .change ins", "<x-hostile"},
		{app + "/resources?o=" + url.QueryEscape("rbac.authorization.k8s.io/Role/hostile/"+strings.ReplaceAll(hostileName, "/", "")), ".panel h2", "<x-hostile"},
		{app + "/history", ".history", "<x-hostile"},
		{app + "/events", "main .table", hostile},
		{app + "/logs", ".log-text", "<x-hostile"},
		{app + "/logs?q=" + url.QueryEscape(hostile), ".empty", "No line has these words"},
		{"/app/plumb-system/hostile-broken", ".cause", "<x-hostile"},
		{"/changes", ".change-row", "<x-hostile"},
		{"/changes?author=" + url.QueryEscape(hostile), "main", "No change is like that"},
		{"/c/plumb-system/hostile/" + commit, "h1", "<x-hostile"},
		{"/c/plumb-system/hostile/" + commit, ".change ins", "<x-hostile"},
		{"/drift", ".drift-line del", "<x-hostile"},
		{"/drift?manager=" + url.QueryEscape(hostile), "main", "Show every manager"},
		{"/repos", "main", "hostile.git"},
		{"/app/plumb-system/" + url.PathEscape("<x-hostile>"), "main", "there is no such app"},
	} {
		b.visit(view.path)
		b.until(fmt.Sprintf("[...document.querySelectorAll(%q)].some(e => e.textContent.includes(%q))", view.in, view.says), view.in+" says "+view.says+" at "+view.path)
		b.untaken(view.path)
	}
	b.visit(app + "/resources?o=" + url.QueryEscape("/ConfigMap/hostile/settings"))
	for _, shown := range []string{"Live", "Desired", "Who wrote"} {
		b.run(chromedp.Evaluate(fmt.Sprintf(`[...document.querySelectorAll(".panel .segments button")].find(e => e.innerText === %q).click()`, shown), nil))
		b.says(".panel", "x-hostile")
		b.untaken(shown)
	}
	b.run(chromedp.Evaluate(`dispatchEvent(new CustomEvent("plumb:open", {detail: "palette"}))`, nil))
	b.until(`document.activeElement.getAttribute("role") === "combobox"`, "the palette is open")
	b.run(chromedp.KeyEvent("x-hostile"))
	b.says("[role=option]", "<x-hostile")
	b.untaken("the palette")
	s.patch("App/plumb-system/hostile", "e2e", fmt.Sprintf("spec: {pause: {reason: %q, by: %q}}", hostile, hostileName))
	b.visit(app)
	b.says(".cause", "Paused by <x-hostile", "“\"'><x-hostile")
	b.untaken("a pause")

	b.run(chromedp.Evaluate(fmt.Sprintf("document.body.insertAdjacentHTML('beforeend', %q)", hostile), nil))
	b.until(`document.querySelector("x-hostile")`, "what is no text is an element")
	err := eventually(limit, func() error { // an alarm that never rings would show nothing
		b.alarms.Lock()
		defer b.alarms.Unlock()
		for _, rung := range b.alarms.rung {
			if strings.Contains(rung, hostilePath) {
				return nil
			}
		}
		return errNotYet("nothing rang: %q", b.alarms.rung)
	})
	if err != nil {
		t.Error(err)
	}
	b.alarms.take()
}
