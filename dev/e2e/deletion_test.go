package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// settings writes n ConfigMaps, the first numbered from.
func settings(from, n int) string {
	var all []string
	for i := from; i < from+n; i++ {
		all = append(all, configMap(fmt.Sprintf("settings-%d", i), "a", "1"))
	}
	return documentsOf(all...)
}

// A few deletions among what stays go with the commit that makes them.
func TestDeleteFew(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "few")
	s.ok("few", s.commit("six", files{"apps/few/a.yaml": settings(0, 6)}))
	s.ok("few", s.commit("four", files{"apps/few/a.yaml": settings(0, 4)}))
	s.gone("ConfigMap/few/settings-4")
	s.gone("ConfigMap/few/settings-5")
	s.live("ConfigMap/few/settings-3")
}

// More deletions than the limit are held until a commit allows them; it may be an empty one.
func TestDeleteManyIsHeldUntilConsent(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "many")
	s.ok("many", s.commit("ten", files{"apps/many/a.yaml": settings(0, 10)}))
	before := s.now(t)
	s.commit("two", files{"apps/many/a.yaml": settings(0, 2)})
	status := s.is("many", "waiting", "DeletionHeld")
	if len(status.HeldDeletions) != 8 || status.HeldDeletions[0].Reason != "Limit" {
		t.Errorf("held are %v, want eight beyond the limit", status.held())
	}
	_, message := status.ready()
	s.says(message, "Plumb-Allow-Delete: many")
	s.live("ConfigMap/many/settings-9")

	s.decided(s.commit("a line for another app\n\nPlumb-Allow-Delete: many-others", nil))
	s.is("many", "waiting", "DeletionHeld")
	s.noDeletes(t, before, "many")

	s.commit("clean up\n\nPlumb-Allow-Delete: many", nil)
	s.is("many", "ok", "Healthy")
	if left := s.list("ConfigMap", "many"); len(left) != 3 { // with kube-root-ca.crt
		t.Errorf("left are %v", left)
	}
}

// A consent is used up when what it covered is done: the next deletion needs its own.
func TestConsentIsUsedUp(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "used")
	s.ok("used", s.commit("two claims", files{"apps/used/a.yaml": documentsOf(claim("one"), claim("two"), configMap("stays", "a", "1"))}))
	s.ok("used", s.commit("less\n\nPlumb-Allow-Delete: used", files{"apps/used/a.yaml": documentsOf(claim("two"), configMap("stays", "a", "1"))}))
	s.absent("PersistentVolumeClaim/used/one")

	s.commit("still less", files{"apps/used/a.yaml": configMap("stays", "a", "1")})
	status := s.is("used", "waiting", "DeletionHeld")
	if held := status.held(); !slices.Equal(held, []string{"PersistentVolumeClaim/used/two ProtectedKind"}) {
		t.Errorf("held are %v", held)
	}
	s.live("PersistentVolumeClaim/used/two")
}

// What holds data is protected, one by one: a line that names an object allows that object.
func TestProtectedKindsNeedConsent(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "protect")
	stays := configMap("stays", "a", "1")
	s.ok("protect", s.commit("data", files{"apps/protect/a.yaml": documentsOf(claim("data"), statefulSet("db"), stays, configMap("goes", "a", "1"))}))
	s.commit("no data", files{"apps/protect/a.yaml": stays})
	status := s.is("protect", "waiting", "DeletionHeld")
	if held, want := status.held(), []string{"PersistentVolumeClaim/protect/data ProtectedKind", "StatefulSet/protect/db ProtectedKind"}; !slices.Equal(held, want) {
		t.Errorf("held are %v, want %v", held, want)
	}
	s.gone("ConfigMap/protect/goes")
	s.live("PersistentVolumeClaim/protect/data")

	s.commit("one of them\n\nPlumb-Allow-Delete: protect StatefulSet/db", nil)
	s.absent("StatefulSet/protect/db")
	s.until("protect", func(a appStatus) error {
		if held, want := a.held(), []string{"PersistentVolumeClaim/protect/data ProtectedKind"}; !slices.Equal(held, want) {
			return fmt.Errorf("held are %v, want %v", held, want)
		}
		return nil
	})
	s.live("PersistentVolumeClaim/protect/data")

	s.commit("the other\n\nPlumb-Allow-Delete: protect PersistentVolumeClaim/protect/data", nil)
	s.is("protect", "ok", "Healthy")
	s.absent("PersistentVolumeClaim/protect/data")
}

// An object may ask for consent itself, or never to be deleted.
func TestMarksOfObjects(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "marks")
	marked := func(name, mark string) string {
		return strings.Replace(configMap(name, "a", "1"), "metadata:\n", "metadata:\n  annotations: {"+mark+"}\n", 1)
	}
	s.ok("marks", s.commit("marked", files{"apps/marks/a.yaml": documentsOf(configMap("stays", "a", "1"), configMap("plain", "a", "1"),
		marked("asks", "plumb.dev/prune: consent"), marked("never", "plumb.dev/prune: never"))}))
	s.commit("without them", files{"apps/marks/a.yaml": configMap("stays", "a", "1")})
	status := s.is("marks", "waiting", "DeletionHeld")
	if held := status.held(); !slices.Equal(held, []string{"ConfigMap/marks/asks MarkedConsent"}) {
		t.Errorf("held are %v", held)
	}
	s.gone("ConfigMap/marks/plain")
	s.live("ConfigMap/marks/never")

	s.commit("yes\n\nPlumb-Allow-Delete: marks", nil)
	s.is("marks", "ok", "Healthy")
	s.gone("ConfigMap/marks/asks")
	s.live("ConfigMap/marks/never")
}

// A folder that disappears is held as a whole, with its App; consent takes both, and never the namespace.
func TestWholeAppIsHeldUntilConsent(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "whole")
	s.ok("whole", s.commit("two apps", files{"apps/whole/a.yaml": configMap("settings", "a", "1"), "apps/whole-b/a.yaml": configMap("settings", "a", "1")}))
	s.commit("one app", files{"apps/whole": ""})
	status := s.is("whole", "waiting", "DeletionHeld")
	if held := status.held(); !slices.Contains(held, "ConfigMap/whole/settings WholeApp") {
		t.Errorf("held are %v", held)
	}
	s.live("ConfigMap/whole/settings")

	s.commit("really\n\nPlumb-Allow-Delete: whole", nil)
	s.absent("ConfigMap/whole/settings")
	s.until("whole-b", func(a appStatus) error { return nil })
	if s.live("Namespace/whole").GetDeletionTimestamp() != nil {
		t.Error("the namespace is being deleted, and nobody named it")
	}

	s.commit("the namespace too\n\nPlumb-Allow-Delete: whole Namespace/whole", nil)
	s.absent("Namespace/whole")
	s.absent("App/plumb-system/whole")
}

// A folder that comes back while it is held is as if it had never gone.
func TestHeldAppComesBack(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "back")
	s.ok("back", s.commit("an app", files{"apps/back/a.yaml": configMap("settings", "a", "1"), "apps/back-b/a.yaml": configMap("settings", "a", "1")}))
	settings := s.live("ConfigMap/back/settings")
	s.commit("gone", files{"apps/back": ""})
	s.is("back", "waiting", "DeletionHeld")
	s.revert()
	s.is("back", "ok", "Healthy")
	s.same(settings)
}

// A branch that is moved to another history deletes nothing by itself, however little it would be.
func TestForcePushHoldsDeletions(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "force")
	base := s.commit("one", files{"apps/force/a.yaml": configMap("one", "a", "1")})
	s.ok("force", base)
	s.ok("force", s.commit("two", files{"apps/force/b.yaml": configMap("two", "a", "1")}))
	before := s.now(t)

	s.git("reset", "-q", "--hard", base)
	other := s.commit("another history", files{"apps/force/a.yaml": configMap("one", "a", "2")})
	s.decided(other)
	status := s.is("force", "waiting", "DeletionHeld")
	if held := status.held(); !slices.Equal(held, []string{"ConfigMap/force/two ForcePush"}) {
		t.Errorf("held are %v", held)
	}
	s.has("ConfigMap/force/one", "data.a", "2") // what Git has is applied
	s.commit("on it", files{"apps/force/a.yaml": configMap("one", "a", "3")})
	s.has("ConfigMap/force/one", "data.a", "3")
	s.noDeletes(t, before, "force")
	s.live("ConfigMap/force/two")

	s.commit("it may go\n\nPlumb-Allow-Delete: force", nil)
	s.is("force", "ok", "Healthy")
	s.gone("ConfigMap/force/two")
}

func claim(name string) string {
	return fmt.Sprintf(`
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: %s
spec:
  accessModes: [ReadWriteOnce]
  resources:
    requests: {storage: 1Gi}
`, name)
}

func statefulSet(name string) string {
	return fmt.Sprintf(`
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: %[1]s
spec:
  serviceName: %[1]s
  selector:
    matchLabels: {app: %[1]s}
  template:
    metadata:
      labels: {app: %[1]s}
    spec:
      containers:
        - {name: %[1]s, image: "registry.example/%[1]s:1"}
`, name)
}
