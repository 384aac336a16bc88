package e2e

import (
	"slices"
	"strings"
	"testing"
)

// holds waits until an App waits with exactly these deletions held: why they are may be known better a moment later.
func (s *scenario) holds(app string, want ...string) appStatus {
	s.Helper()
	return s.until(app, func(a appStatus) error {
		if reason, _ := a.ready(); a.State != "waiting" || reason != "DeletionHeld" || !slices.Equal(a.held(), want) {
			return errNotYet("%s; held are %v, want %v", a, a.held(), want)
		}
		return nil
	})
}

// An object that moves in the very commit that breaks its new app is kept until that app can say whether it wants it.
func TestAMoveIntoABrokenApp(t *testing.T) {
	t.Parallel()
	const moving = "ConfigMap/brk-a/moving"
	s := newScenario(t, shared(t), "brk")
	object := inNamespaceText("brk-a", configMap("moving", "a", "1"))
	first := s.commit("in a", files{
		"apps/brk-a/a.yaml": configMap("stays", "a", "1"), "apps/brk-a/moving.yaml": object,
		"apps/brk-b/b.yaml": configMap("b", "a", "1"),
	})
	s.ok("brk-a", first)
	s.ok("brk-b", first)
	before, start := s.live(moving), s.now(t)

	s.commit("in b, which breaks", files{
		"apps/brk-a/moving.yaml": "", "apps/brk-b/moving.yaml": object, "apps/brk-b/b.yaml": configMap("b", "a", "2") + "  c: [\n"})
	s.is("brk-b", "failed", "InvalidObject")
	status := s.holds("brk-a", moving+" AppFailing")
	_, message := status.ready()
	s.says(message, "plumb-system/brk-b may want it and cannot be rendered (InvalidObject)", "mend plumb-system/brk-b", "Plumb-Allow-Delete: brk-a")

	s.commit("a changes meanwhile", files{"apps/brk-a/a.yaml": configMap("stays", "a", "2")})
	s.has("ConfigMap/brk-a/stays", "data.a", "2")
	s.is("brk-a", "waiting", "DeletionHeld")
	s.same(before)

	mended := s.commit("mended", files{"apps/brk-b/b.yaml": configMap("b", "a", "2")})
	s.ok("brk-b", mended)
	s.is("brk-a", "ok", "Healthy")
	s.says(s.same(before).GetAnnotations()["plumb.dev/owner"], "plumb-system/brk-b:")
	s.noDeletes(t, start, "brk-a")
}

// So is one that moves into an app that the commit makes, and that never could be rendered; what moved nowhere goes when
// that is known.
func TestAMoveIntoANewBrokenApp(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "brknew")
	object := inNamespaceText("brknew-a", configMap("moving", "a", "1"))
	first := s.commit("in a", files{
		"apps/brknew-a/a.yaml": configMap("stays", "a", "1"), "apps/brknew-a/moving.yaml": object, "apps/brknew-a/goes.yaml": configMap("goes", "a", "1")})
	s.ok("brknew-a", first)
	before := s.live("ConfigMap/brknew-a/moving")
	s.commit("in b, which is new and breaks", files{
		"apps/brknew-a/moving.yaml": "", "apps/brknew-a/goes.yaml": "",
		"apps/brknew-b/kustomization.yaml": "resources: [moving.yaml, missing.yaml]\n", "apps/brknew-b/moving.yaml": object,
	})
	s.is("brknew-b", "failed", "RenderFailed")
	s.holds("brknew-a", "ConfigMap/brknew-a/goes AppFailing", "ConfigMap/brknew-a/moving AppFailing")
	s.ok("brknew-b", s.commit("mended", files{"apps/brknew-b/kustomization.yaml": "resources: [moving.yaml]\n"}))
	s.is("brknew-a", "ok", "Healthy")
	s.same(before)
	s.gone("ConfigMap/brknew-a/goes")
}

// A line of consent carries a deletion through while another app fails; and an app that already failed when nothing was
// held keeps nobody waiting.
func TestConsentWhileAnotherAppFails(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "brkyes")
	s.ok("brkyes-a", s.commit("three", files{"apps/brkyes-a/a.yaml": settings(0, 3), "apps/brkyes-b/b.yaml": configMap("b", "a", "1")}))
	broken := configMap("b", "a", "1") + "  b: [\n"
	s.commit("two, and b breaks", files{"apps/brkyes-a/a.yaml": settings(0, 2), "apps/brkyes-b/b.yaml": broken})
	s.is("brkyes-a", "waiting", "DeletionHeld")
	s.live("ConfigMap/brkyes-a/settings-2")
	s.commit("yes\n\nPlumb-Allow-Delete: brkyes-a ConfigMap/settings-2", nil)
	s.is("brkyes-a", "ok", "Healthy")
	s.gone("ConfigMap/brkyes-a/settings-2")

	second := s.commit("one, and b is as broken as before", files{"apps/brkyes-a/a.yaml": settings(0, 1)})
	s.ok("brkyes-a", second)
	s.gone("ConfigMap/brkyes-a/settings-1")
	s.is("brkyes-b", "failed", "InvalidObject")
}

// inNamespaceText gives a manifest a namespace of its own.
func inNamespaceText(namespace, manifest string) string {
	return strings.Replace(manifest, "metadata:\n", "metadata:\n  namespace: "+namespace+"\n", 1)
}

// A commit that changes a file below the root is not among those that changed an app which is rendered from the root.
func TestChangedByOfTheRoot(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "rooted")
	first := s.commit("one", files{"a.yaml": configMap("settings", "a", "1"), "docs/readme.md": "one\n"})
	s.make("apiVersion: plumb.dev/v1alpha1\nkind: App\nmetadata: {name: rooted-app, namespace: plumb-system}\n" +
		"spec: {repo: rooted, path: \".\", namespace: rooted, settings: {plain: {recurse: false}}}\n")
	s.ok("rooted-app", first)
	s.write(files{"docs/readme.md": "two\n"})
	s.git("commit", "-q", "-m", "unrelated")
	second := s.commit("two", files{"a.yaml": configMap("settings", "a", "2")})
	if status := s.ok("rooted-app", second); !slices.Equal(status.ChangedBy, []string{second}) {
		t.Errorf("it was changed by %v, want %s alone", status.ChangedBy, second)
	}
}
