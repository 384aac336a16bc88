package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
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
	first := s.commit("two apps", files{"apps/whole/a.yaml": configMap("settings", "a", "1"), "apps/whole-b/a.yaml": configMap("settings", "a", "1")})
	s.ok("whole", first)
	s.ok("whole-b", first)
	s.commit("one app", files{"apps/whole": ""})
	status := s.is("whole", "waiting", "DeletionHeld")
	if held := status.held(); !slices.Contains(held, "ConfigMap/whole/settings WholeApp") {
		t.Errorf("held are %v", held)
	}
	s.live("ConfigMap/whole/settings")

	s.decided(s.commit("really\n\nPlumb-Allow-Delete: whole", nil))
	s.absent("ConfigMap/whole/settings")
	s.until("whole", func(a appStatus) error {
		if held := a.held(); len(held) != 1 || !strings.HasPrefix(held[0], "Namespace/whole ") {
			return errNotYet("%s; held are %v, want the namespace alone", a, held)
		}
		return nil
	})
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

// A repository that is emptied, by a commit or by a branch of another history, deletes nothing, whatever is in it instead.
func TestEmptiedRepository(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name, reason string
		empty        func(s *scenario) string
	}{
		{"commit", "a commit that removes every file", func(s *scenario) string {
			return s.commit("away with everything", files{"apps": ""})
		}},
		{"orphan", "a forced push of a history that begins anew, with a file that is no app", func(s *scenario) string {
			s.git("checkout", "-q", "--orphan", "anew")
			s.git("rm", "-rq", "--force", ".")
			return s.commit("begin anew", files{"README.md": "Moved.\n"})
		}},
		{"elsewhere", "a commit that moves the folder of all apps to where nobody looks", func(s *scenario) string {
			s.git("mv", "apps", "old")
			return s.commit("tidy up", nil)
		}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newScenario(t, shared(t), "void-"+row.name)
			a, b := s.name+"-a", s.name+"-b"
			fleet := files{"apps/" + a + "/a.yaml": configMap("settings", "a", "1"), "apps/" + b + "/a.yaml": configMap("settings", "a", "1")}
			first := s.commit("two apps", fleet)
			s.ok(a, first)
			s.ok(b, first)
			settings := []*unstructured.Unstructured{s.live("ConfigMap/" + a + "/settings"), s.live("ConfigMap/" + b + "/settings")}
			before := s.now(t)

			row.empty(s)
			s.await(t, "Repo/"+system+"/"+s.name, func(o *unstructured.Unstructured) error {
				if o == nil || field(o, "status.observed.revision") != s.git("rev-parse", "HEAD") {
					return errNotYet("the commit was not seen: %v", field(o, "status.summary"))
				}
				return nil
			})
			for i, app := range []string{a, b} {
				s.until(app, func(a appStatus) error {
					if a.State == "ok" {
						return errNotYet("%s, after %s", a, row.reason)
					}
					return nil
				})
				s.same(settings[i])
				s.patch("ConfigMap/"+app+"/settings", "kubectl-label", "metadata: {labels: {seen: \"true\"}}")
			}
			back := s.commit("as it was", fleet)
			s.decided(back)
			for i, app := range []string{a, b} {
				s.is(app, "ok", "Healthy")
				s.same(settings[i])
			}
			s.noDeletes(t, before, a, b)
		})
	}
}

// A deletion that admission refuses is not forgotten: the app says who refuses it, keeps the object in its Inventory, and deletes it when
// it may.
func TestDeletionThatIsRefused(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "refuse")
	first := s.commit("two", files{"apps/refuse/a.yaml": documentsOf(configMap("stays", "a", "1"), configMap("goes", "a", "1"))})
	s.ok("refuse", first)
	const policy = "ValidatingAdmissionPolicy/refuse-deletions"
	s.make(`
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: refuse-deletions}
spec:
  failurePolicy: Fail
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: refuse}}
    resourceRules:
      - {apiGroups: [""], apiVersions: [v1], resources: [configmaps], operations: [DELETE]}
  validations:
    - {expression: "false", message: "legal hold 4711"}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: refuse-deletions}
spec: {policyName: refuse-deletions, validationActions: [Deny]}
`)
	err := eventually(limit, func() error {
		client, name := s.at("ConfigMap/refuse/goes")
		err := client.Delete(t.Context(), name, metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}})
		if err == nil {
			return errNotYet("the policy is not in force")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	goes := s.live("ConfigMap/refuse/goes")
	second := s.commit("one", files{"apps/refuse/a.yaml": configMap("stays", "a", "2")})
	status := s.until("refuse", func(a appStatus) error {
		if a.State != "failed" || a.Target != second {
			return errNotYet("%s", a)
		}
		return nil
	})
	_, message := status.ready()
	s.says(message, "ConfigMap/refuse/goes", "legal hold 4711")
	s.has("ConfigMap/refuse/stays", "data.a", "2")
	s.same(goes)
	s.says(inventoryOf(s, "refuse"), string(goes.GetUID()))
	s.remove("ValidatingAdmissionPolicyBinding/refuse-deletions")
	s.remove(policy)
	s.absent("ConfigMap/refuse/goes") // tried again by itself
	s.ok("refuse", second)
	if inventory := inventoryOf(s, "refuse"); strings.Contains(inventory, `"goes"`) {
		t.Errorf("it is gone, and still in the Inventory: %s", inventory)
	}
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
