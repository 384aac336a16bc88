package e2e

import (
	"encoding/json"
	"strings"
	"testing"
)

// written lists what a person's commands have changed in the cluster since a mark, and counts their dry runs.
func (s *scenario) written(since mark) (writes []request, dryRuns int) {
	s.Helper()
	asked := s.logged(s.T, since, func(r request) bool { return strings.HasPrefix(r.UserAgent, "plumb-cli") && r.Status.Code < 400 })
	for _, r := range asked {
		switch r.Verb {
		case "get", "list", "watch":
		case "patch", "update":
			if strings.Contains(r.RequestURI, "dryRun=All") {
				dryRuns++
				continue
			}
			writes = append(writes, r)
		default:
			writes = append(writes, r)
		}
	}
	return writes, dryRuns
}

// diff runs plumb diff in the clone and fails the test if it wrote anything but dry runs.
func (s *scenario) diff(code int, arguments ...string) string {
	s.Helper()
	since := s.now(s.T)
	out := s.plumbs(code, append([]string{"diff"}, arguments...)...)
	writes, _ := s.written(since)
	for _, r := range writes {
		if strings.Contains(r.Object.Namespace, s.name) || r.Object.Namespace == system && strings.Contains(r.Object.Name, s.name) {
			s.Errorf("plumb diff wrote: %s", r)
		}
	}
	return out.stdout + out.stderr
}

// gadgets is a kind that comes with a change.
const gadgets = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.pre.example.com}
spec:
  group: pre.example.com
  names: {kind: Gadget, plural: gadgets, singular: gadget}
  scope: Namespaced
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
`

// plumb diff shows what the working tree would change in the cluster: with the API server's defaults, and nothing else.
func TestDiff(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "pre")
	secret := "apiVersion: v1\nkind: Secret\nmetadata: {name: keys}\nstringData: {token: hunter1}\n"
	first := s.commit("two apps", files{
		"apps/pre-a/web.yaml":    deployment("web", 2, "registry.example/web:1"),
		"apps/pre-a/a.yaml":      settings(0, 3),
		"apps/pre-a/secret.yaml": secret,
		"apps/pre-b/b.yaml":      configMap("b", "a", "1"),
	})
	s.ok("pre-a", first)
	s.ok("pre-b", first)

	said := s.diff(0)
	s.says(said, "No changes: 2 apps compared.")
	s.diff(0, "--exit-code")

	s.write(files{
		"apps/pre-a/web.yaml": strings.Replace(deployment("web", 2, "registry.example/web:2"), "spec:\n", "spec:\n  minReadySeconds: 0\n", 1),
		"apps/pre-a/a.yaml":   settings(0, 2), "apps/pre-a/secret.yaml": strings.Replace(secret, "hunter1", "hunter2", 1),
		"apps/pre-c/c.yaml": documentsOf(configMap("c", "a", "1"), gadgets, "apiVersion: pre.example.com/v1\nkind: Gadget\nmetadata: {name: g}\nspec: {size: 1}\n"),
	})
	since := s.now(t)
	said = s.diff(0)
	s.says(said, "main@"+first[:7], "2 of 3 apps affected", "~ Deployment/pre-a/web", "rolling restart of 2 pods", "- registry.example/web:1", "+ registry.example/web:2",
		"- ConfigMap/pre-a/settings-2", "~ Secret/pre-a/keys", "the value of a Secret is not shown",
		"pre-c", "a new app, in namespace pre-c", "+ ConfigMap/pre-c/c", "the namespace does not exist yet",
		"+ CustomResourceDefinition/gadgets.pre.example.com", "+ Gadget/pre-c/g", "the kind is not served yet")
	for _, no := range []string{"hunter", "minReadySeconds", "pre-b\n", "plumb.dev/owner", "imagePullPolicy"} {
		if strings.Contains(said, no) {
			t.Errorf("%q is in the answer:\n%s", no, said)
		}
	}
	if _, dryRuns := s.written(since); dryRuns == 0 {
		t.Error("the API server was not asked")
	}
	s.diff(1, "--exit-code")
	s.says(s.diff(0, "pre-b"), "No changes: 1 app compared.")

	var answer struct {
		Kind   string
		Counts struct{ Added, Changed, Deleted int }
		Apps   []struct {
			Address string
			Objects []struct {
				Change string
				Fields []struct{ Field string }
			}
		}
	}
	if err := json.Unmarshal([]byte(s.diff(0, "-o", "json")), &answer); err != nil || answer.Kind != "Diff" || len(answer.Apps) != 2 || answer.Counts.Changed != 2 || answer.Counts.Deleted != 1 {
		t.Errorf("-o json is %+v, %v", answer, err)
	}
	s.git("checkout", "-q", "HEAD", "--", ".")
	s.git("reset", "-q", "--hard")
	s.live("ConfigMap/pre-a/settings-2")
}

// Where the API server cannot be asked, since the namespace or the kind comes with the change, objects are checked against the
// schemas: what the API server publishes, and what the change brings.
func TestDiffBySchema(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "preschema")
	s.ok("preschema", s.commit("one", files{"apps/preschema/a.yaml": configMap("a", "a", "1")}))
	knobs := strings.NewReplacer("gadgets", "knobs", "gadget", "knob", "Gadget", "Knob", "x-kubernetes-preserve-unknown-fields: true", "properties: {spec: {type: object, properties: {size: {type: integer}}}}").Replace(gadgets)
	knob := func(spec string) string {
		return "apiVersion: pre.example.com/v1\nkind: Knob\nmetadata: {name: k}\nspec: {" + spec + "}\n"
	}
	s.write(files{"apps/preschema-new/a.yaml": documentsOf(deployment("web", 1, "registry.example/web:1"), configMap("a", "a", "1"), knobs, knob("size: 1"))})
	s.says(s.diff(0), "+ Deployment/preschema-new/web", "+ Knob/preschema-new/k", "checked against the schema of the kind and nothing else: the namespace does not exist yet",
		"checked against the schema of the kind and nothing else: the kind is not served yet")
	s.write(files{"apps/preschema-new/a.yaml": documentsOf(strings.Replace(deployment("web", 1, "registry.example/web:1"), "  selector:\n    matchLabels: {app: web}\n", "", 1), configMap("a", "a", "1"), knobs, knob("size: big"))})
	s.says(s.diff(3), "! Deployment/preschema-new/web", "spec.selector: is required", "! Knob/preschema-new/k", "spec.size: must be a whole number, not text", "+ ConfigMap/preschema-new/a")
}

// What is yours, what waits on the base already, and what drifted are told apart.
func TestDiffInThree(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "prethree")
	first := s.commit("one", files{
		"apps/prethree/plumb.yaml": "sync: manual\nheal: false\n",
		"apps/prethree/a.yaml":     documentsOf(configMap("drifts", "a", "git"), configMap("waits", "a", "1"), configMap("mine", "a", "1")),
	})
	s.is("prethree", "waiting", "NeedsSync")
	s.sync("prethree")
	s.ok("prethree", first)
	s.patch("ConfigMap/prethree/drifts", "kubectl-edit", "data: {a: live, extra: added}")
	second := s.commit("two", files{"apps/prethree/a.yaml": documentsOf(configMap("drifts", "a", "git"), configMap("waits", "a", "2"), configMap("mine", "a", "1"))})
	s.decided(second)
	s.write(files{"apps/prethree/a.yaml": documentsOf(configMap("drifts", "a", "git"), configMap("waits", "a", "2"), configMap("mine", "a", "3"))})

	said := s.diff(0)
	yours, rest, ok := strings.Cut(said, "already waiting, not yours:")
	waits, drift, also := strings.Cut(rest, "drift, not yours")
	if !ok || !also {
		t.Fatalf("it is not split in three:\n%s", said)
	}
	s.says(yours, "ConfigMap/prethree/mine", "- 1\n", "+ 3\n")
	s.says(waits, "ConfigMap/prethree/waits")
	s.says(drift, "ConfigMap/prethree/drifts", "live", "git")
	if strings.Contains(yours, "waits") || strings.Contains(yours, "drifts") || strings.Contains(waits, "mine") {
		t.Errorf("parts are mixed:\n%s", said)
	}
}

// A move is no deletion; what needs consent is told with the line that gives it; what cannot be changed is told before.
func TestDiffOfRisks(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "prerisk")
	moving := inNamespaceText("prerisk-a", configMap("moving", "a", "1"))
	first := s.commit("one", files{
		"apps/prerisk-a/a.yaml": documentsOf(configMap("stays", "a", "1"), claim("data"), deployment("web", 1, "registry.example/web:1")), "apps/prerisk-a/moving.yaml": moving,
		"apps/prerisk-b/b.yaml": configMap("b", "a", "1"),
	})
	s.ok("prerisk-a", first)
	s.ok("prerisk-b", first)
	s.write(files{
		"apps/prerisk-a/moving.yaml": "", "apps/prerisk-b/moving.yaml": moving,
		"apps/prerisk-a/a.yaml": documentsOf(configMap("stays", "a", "1"), strings.ReplaceAll(deployment("web", 1, "registry.example/web:1"), "app: web", "app: other")),
	})
	said := s.diff(3)
	s.says(said, "> ConfigMap/prerisk-a/moving  handed over to plumb-system/prerisk-b", "> ConfigMap/prerisk-a/moving  handed over by plumb-system/prerisk-a", "- PersistentVolumeClaim/prerisk-a/data", "DELETES DATA",
		"Plumb-Allow-Delete: prerisk-a PersistentVolumeClaim/prerisk-a/data", "! Deployment/prerisk-a/web", "must be recreated", "spec.selector")
	if strings.Contains(said, "- ConfigMap/prerisk-a/moving") {
		t.Errorf("a move is told as a deletion:\n%s", said)
	}
}

// Whoever may read and not write gets an answer all the same, which says what is not in it.
func TestDiffWithoutRights(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "preview")
	s.ok("preview", s.commit("one", files{"apps/preview/a.yaml": configMap("settings", "a", "1")}))
	s.make(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: preview-reader}
rules: [{apiGroups: ["*"], resources: ["*"], verbs: [get, list]}]
`)
	s.make(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: preview-reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: preview-reader}
subjects: [{kind: User, apiGroup: rbac.authorization.k8s.io, name: rita}]
`)
	s.write(files{"apps/preview/a.yaml": configMap("settings", "a", "2")})
	s.says(s.diff(0, "--as", "rita"), "~ ConfigMap/preview/settings", "+ 2\n", "you have no right to patch")
	s.says(s.diff(4, "--as", "nobody-knows"), "forbidden")

	s.make(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: preview-apps}
rules: [{apiGroups: [plumb.dev], resources: [apps, repos], verbs: [get, list]}]
`)
	s.make(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: preview-apps}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: preview-apps}
subjects: [{kind: User, apiGroup: rbac.authorization.k8s.io, name: max}]
`)
	s.says(s.diff(0, "--as", "max"), "~ ConfigMap/preview/settings", "+ 2\n", "you have no right to read", "you may not read Inventories")
	s.says(s.diff(0, "--offline"), "~ ConfigMap/settings")
}

// An App by hand is compared with its own folder; an app that goes is held as a whole; one that cannot be rendered says
// where, and an ignored field is nobody's change.
func TestDiffOfApps(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "preapps")
	first := s.commit("three", files{
		"apps/preapps-goes/a.yaml": settings(0, 2), "apps/preapps-stays/a.yaml": configMap("a", "a", "1"),
		"apps/preapps-ignores/plumb.yaml": "ignore: [{kind: Deployment, field: spec.replicas, why: somebody scales it}]\n",
		"apps/preapps-ignores/a.yaml":     deployment("web", 1, "registry.example/web:1"),
		"hand/plain/a.yaml":               configMap("by-hand", "a", "1"),
	})
	s.ok("preapps-goes", first)
	s.ok("preapps-ignores", first)
	s.make("apiVersion: plumb.dev/v1alpha1\nkind: App\nmetadata: {name: preapps-hand, namespace: plumb-system}\nspec: {repo: preapps, path: hand/plain}\n")
	s.is("preapps-hand", "ok", "Healthy")
	s.scale("Deployment/preapps-ignores/web", "kubectl", 3)
	s.has("Deployment/preapps-ignores/web", "spec.replicas", 3)

	s.write(files{
		"apps/preapps-goes": "", "hand/plain/a.yaml": configMap("by-hand", "a", "2"),
		"apps/preapps-stays/a.yaml": configMap("a", "a", "1") + "  b: [\n", "apps/preapps-ignores/a.yaml": deployment("web", 2, "registry.example/web:1"),
	})
	said := s.diff(3)
	s.says(said, "preapps-goes", "the app goes", "- ConfigMap/preapps-goes/settings-1  the whole app is gone from Git", "Plumb-Allow-Delete: preapps-goes\n",
		"preapps-hand", "~ ConfigMap/preapps-hand/by-hand", "preapps-stays", "cannot be rendered", "apps/preapps-stays/a.yaml:", "introduced by this change")
	if strings.Contains(said, "spec.replicas") {
		t.Errorf("an ignored field is told as a change:\n%s", said)
	}
	s.says(s.diff(0, "preapps-hand"), "~ ConfigMap/preapps-hand/by-hand", "1 of 1 app affected")
	s.says(s.diff(0, "hand"), "1 of 1 app affected")
	s.says(s.diff(3, "preapps-none"), "no app of this repository is meant")
	s.live("ConfigMap/preapps-goes/settings-1")
}
