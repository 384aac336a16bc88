package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// The buttons of the page, pressed by a person whom RBAC lets: each does what it says, is seen on the page without a reload, and
// stands in the cluster under the person's name.
func TestBrowserActs(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "acts")
	s.staff("acts-staff", "acts-team")
	s.failsPods("acts-hook")
	s.commit("acts: begin", files{
		"apps/acts-hook/a.yaml":                documentsOf(hookJob("migrate", "PreSync", ""), configMap("settings", "a", "1")),
		"apps/acts-drift/plumb.yaml":           "heal: false\n",
		"apps/acts-drift/a.yaml":               configMap("settings", "colour", "blue"),
		"apps/acts-overlay/plumb.yaml":         "heal: false\n",
		"apps/acts-overlay/kustomization.yaml": "resources: [base.yaml]\npatches:\n- patch: |-\n    apiVersion: v1\n    kind: ConfigMap\n    metadata: {name: settings}\n    data:\n      colour: green\n",
		"apps/acts-overlay/base.yaml":          configMap("settings", "colour", "blue"),
		"apps/acts-chart/plumb.yaml":           "heal: false\nhelm:\n  inline:\n    size: large\n",
		"apps/acts-chart/Chart.yaml":           "apiVersion: v2\nname: chart\nversion: 1.0.0\n",
		"apps/acts-chart/values.yaml":          "colour: blue\nsize: small\n",
		"apps/acts-chart/templates/a.yaml":     "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata:\n  colour: {{ .Values.colour }}\n  size: {{ .Values.size | quote }}\n",
		"apps/acts-asked/plumb.yaml":           "sync: manual\n",
		"apps/acts-asked/a.yaml":               configMap("settings", "a", "1"),
		"apps/acts-pause/a.yaml":               configMap("settings", "a", "1"),
	})
	b := newBrowser(t, "http://"+s.listen)
	b.signIn(s.tokenOf("acts-staff", "admin"), "/")
	for _, step := range []struct {
		story string
		do    func(*scenario, *browser)
	}{
		{"a failed hook is tried again when its cause is gone", aHookIsRetried},
		{"a failed hook is mended by a commit", aHookIsMended},
		{"drift is restored from its object's page", driftIsTakenBack},
		{"what an overlay and a chart's values say has the line to change", linesOfRenders},
		{"a revision that waits to be asked for is asked for", aSyncIsAskedFor},
		{"a pause has a reason and an end, is ended by a button, and by its time", aPauseEnds},
	} {
		t.Run(step.story, func(t *testing.T) { step.do(s.step(t), &browser{t, b.ctx, b.base, b.alarms}) })
	}
}

// failsPods has a cluster in which every pod of a namespace fails, for a reason that no commit is about.
func (s *scenario) failsPods(namespace string) {
	s.Helper()
	s.make(`
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: ` + namespace + `}
spec:
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ` + namespace + `}}
    resourceRules: [{apiGroups: [""], apiVersions: [v1], resources: [pods], operations: [CREATE]}]
  reinvocationPolicy: Never
  failurePolicy: Fail
  mutations:
    - patchType: ApplyConfiguration
      applyConfiguration: {expression: 'Object{metadata: Object.metadata{annotations: {"plumb.dev/simulate": "fail-3"}}}'}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: ` + namespace + `}
spec: {policyName: ` + namespace + `}
---
apiVersion: v1
kind: Namespace
metadata: {name: ` + namespace + `}
`)
	s.podsFail(namespace, true)
}

// podsFail waits until pods of a namespace would fail, or would not any more.
func (s *scenario) podsFail(namespace string, fail bool) {
	s.Helper()
	probe := documents("apiVersion: v1\nkind: Pod\nmetadata: {name: probe}\nspec: {containers: [{name: main, image: registry.example/probe:1}]}\n")[0]
	err := eventually(limit, func() error {
		made, err := s.admin.Resource(kinds["Pod"]).Namespace(namespace).Create(s.Context(), probe, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err != nil {
			return err
		}
		if is := made.GetAnnotations()["plumb.dev/simulate"] != ""; is != fail {
			return errNotYet("the pods of %s fail: %t", namespace, is)
		}
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
}

// shows waits until the page of an app has a state, without a reload.
func (b *browser) shows(state string) {
	b.Helper()
	b.says(".app-title .pill", state)
}

func aHookIsRetried(s *scenario, b *browser) {
	s.is("acts-hook", "failed", "HookFailed")
	b.visit("/app/plumb-system/acts-hook")
	b.shows("failed")
	b.says(".cause", "Job/migrate")
	s.remove("MutatingAdmissionPolicyBinding/acts-hook")
	s.remove("MutatingAdmissionPolicy/acts-hook")
	s.podsFail("acts-hook", false)
	failed := s.live("Job/acts-hook/migrate")
	b.run(chromedp.Evaluate("window.neverLoadedAnew = true", nil))
	b.until(`document.querySelector("[data-action=retry]").getAttribute("aria-disabled") === "false"`, "the hook may be tried again")
	b.click("[data-action=retry]")
	b.says(".toast", "hook")
	b.shows("ok")
	b.notLoadedAnew()
	if again := s.live("Job/acts-hook/migrate"); again.GetUID() == failed.GetUID() {
		b.Error("the Job is the one that failed")
	}
	s.live("ConfigMap/acts-hook/settings")
	b.until(`!document.querySelector("[data-action=retry]")`, "there is nothing to try again")
}

func aHookIsMended(s *scenario, b *browser) {
	b.visit("/app/plumb-system/acts-hook")
	s.commit("acts: a hook that fails", files{"apps/acts-hook/a.yaml": documentsOf(hookJob("migrate", "PreSync", "fail-1"), configMap("settings", "a", "2"))})
	b.shows("failed")
	b.says(".cause", "Job/migrate")
	mended := s.commit("acts: a hook that succeeds", files{"apps/acts-hook/a.yaml": documentsOf(hookJob("migrate", "PreSync", ""), configMap("settings", "a", "2"))})
	b.shows("ok")
	s.ok("acts-hook", mended)
	s.has("ConfigMap/acts-hook/settings", "data.a", "2")
}

func driftIsTakenBack(s *scenario, b *browser) {
	s.until("acts-drift", func(a appStatus) error {
		if a.State != "ok" {
			return errNotYet("%s", a)
		}
		return nil
	})
	s.patch("ConfigMap/acts-drift/settings", "kubectl-edit", "data: {colour: red}")
	b.visit("/app/plumb-system/acts-drift/resources?o=/ConfigMap/acts-drift/settings")
	b.shows("drifted")
	b.says(".panel .change", "data.colour", "apps/acts-drift/a.yaml", "kubectl-edit")
	b.click("[data-action=restore]")
	b.says(".toast", "Git")
	b.shows("ok")
	s.has("ConfigMap/acts-drift/settings", "data.colour", "blue")
	b.says(".panel", "Every field that Git sets is as Git says.", "Undone of late")
}

// The line that a person is told is the one that counts: that of a patch and not of its base, of a value and not of its template.
func linesOfRenders(s *scenario, b *browser) {
	for _, app := range []string{"acts-overlay", "acts-chart"} {
		s.until(app, func(a appStatus) error {
			if a.State != "ok" {
				return errNotYet("%s", a)
			}
			return nil
		})
		s.patch("ConfigMap/"+app+"/settings", "kubectl-edit", "data: {colour: red, size: huge}")
	}
	b.visit("/app/plumb-system/acts-overlay/resources?o=/ConfigMap/acts-overlay/settings")
	b.says(".panel .change", "data.colour", "apps/acts-overlay/kustomization.yaml:8", "patches[0].patch.data.colour", "kubectl-edit")
	b.visit("/app/plumb-system/acts-chart/resources?o=/ConfigMap/acts-chart/settings")
	b.says(".panel", "apps/acts-chart/values.yaml:1", "apps/acts-chart/plumb.yaml:4", "helm.inline.size")
}

func aSyncIsAskedFor(s *scenario, b *browser) {
	b.visit("/app/plumb-system/acts-asked")
	b.shows("waiting")
	b.says("main", "create", "ConfigMap/acts-asked/settings")
	s.gone("ConfigMap/acts-asked/settings")
	b.click("[data-action=sync]")
	b.says(".toast", "asked for a pass")
	b.shows("ok")
	s.live("ConfigMap/acts-asked/settings")
}

func aPauseEnds(s *scenario, b *browser) {
	const person = "system:serviceaccount:acts-staff:admin"
	b.visit("/app/plumb-system/acts-pause")
	b.click("[data-action=pause]")
	b.until(`document.activeElement.matches("dialog input")`, "the reason is asked for")
	b.press(kb.Enter)
	b.until(`document.querySelector("dialog[open]")`, "without a reason nothing is paused")
	b.run(chromedp.KeyEvent("black friday"))
	b.run(chromedp.Evaluate(`[...document.querySelectorAll("dialog label")].find(e => e.innerText === "4 hours").click()`, nil), chromedp.KeyEvent(kb.Enter))
	b.shows("paused")
	b.says(".cause", "black friday", person, "until")
	paused := s.has("App/plumb-system/acts-pause", "spec.pause.by", person)
	until, err := time.Parse(time.RFC3339, fmt.Sprint(field(paused, "spec.pause.until")))
	if left := time.Until(until); err != nil || left < 3*time.Hour || left > 4*time.Hour {
		b.Errorf("it ends in %s, %v", left, err)
	}
	held := s.commit("acts: while it is paused", files{"apps/acts-pause/a.yaml": configMap("settings", "a", "2")})
	s.decided(held)
	s.has("ConfigMap/acts-pause/settings", "data.a", "1")
	b.click("[data-action=resume]")
	b.says(".toast", "resumed")
	b.shows("ok")
	s.has("ConfigMap/acts-pause/settings", "data.a", "2")

	end := metav1.NewTime(time.Now().Add(4 * time.Second)).UTC().Format(time.RFC3339)
	s.patch("App/plumb-system/acts-pause", "e2e", `spec: {pause: {reason: a moment, by: lena, until: "`+end+`"}}`)
	b.says(".cause", "a moment")
	b.shows("ok")
	s.await(b.T, "App/plumb-system/acts-pause", func(o *unstructured.Unstructured) error {
		if state := field(o, "status.state"); state != "ok" {
			return errNotYet("it is %v", state)
		}
		return nil
	})
}
