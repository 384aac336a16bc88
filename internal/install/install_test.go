package install

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"

	"plumb.dev/plumb/deploy"
	"plumb.dev/plumb/internal/fault"
)

func TestObjects(t *testing.T) {
	all, err := Objects(Options{Image: "registry.example/plumb:2", Replicas: 2})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, o := range all {
		if seen[Name(o)] {
			t.Errorf("%s is there twice", Name(o))
		}
		seen[Name(o)] = true
		if _, known := resources[o.GetKind()]; !known {
			t.Errorf("nobody knows how to apply %s", Name(o))
		}
		if !slices.ContainsFunc(ranks, func(kinds []string) bool { return slices.Contains(kinds, o.GetKind()) }) {
			t.Errorf("%s is applied in no step", Name(o))
		}
		if removable(o.GetKind()) && o.GetLabels()["app.kubernetes.io/part-of"] != "plumb" {
			t.Errorf("%s bears no label by which it is found again", Name(o))
		}
	}
	agent := all[slices.IndexFunc(all, func(o *unstructured.Unstructured) bool { return o.GetKind() == "Deployment" })]
	text, err := YAML([]*unstructured.Unstructured{agent})
	if err != nil || !strings.Contains(string(text), "image: registry.example/plumb:2\n") || !strings.Contains(string(text), "replicas: 2\n") || strings.Contains(string(text), deploy.Image) {
		t.Errorf("%v: %s", err, text)
	}
	some, err := Objects(Options{Parts: []string{deploy.Policies, deploy.CRDs}})
	if err != nil || len(some) != 9 || some[0].GetKind() != "CustomResourceDefinition" {
		t.Errorf("parts come in the order of an installation: %d objects, %v", len(some), err)
	}
	if _, err := Objects(Options{Parts: []string{"crd"}}); !fault.Is(err, fault.Unsupported) {
		t.Errorf("an unknown part: %v", err)
	}
}

// The agent's pod needs no privilege, and nothing of its root is written.
func TestThePodIsHardened(t *testing.T) {
	all, err := Objects(Options{Parts: []string{deploy.Agent}})
	if err != nil {
		t.Fatal(err)
	}
	pod, _, _ := unstructured.NestedMap(all[0].Object, "spec", "template", "spec")
	security := pod["securityContext"].(map[string]any)
	container := pod["containers"].([]any)[0].(map[string]any)
	own := container["securityContext"].(map[string]any)
	profile := security["seccompProfile"].(map[string]any)
	drop := own["capabilities"].(map[string]any)["drop"].([]any)
	if security["runAsNonRoot"] != true || profile["type"] != "RuntimeDefault" || own["allowPrivilegeEscalation"] != false || own["readOnlyRootFilesystem"] != true || len(drop) != 1 || drop[0] != "ALL" {
		t.Errorf("%v, %v", security, own)
	}
	for _, key := range []string{"livenessProbe", "readinessProbe", "resources"} {
		if container[key] == nil {
			t.Errorf("the agent has no %s", key)
		}
	}
	for _, key := range []string{"hostNetwork", "hostPID", "hostIPC"} {
		if pod[key] != nil {
			t.Errorf("the pod has %s", key)
		}
	}
}

func TestBegin(t *testing.T) {
	for _, row := range []struct {
		reason, text string
		names        []string
		refused      bool
	}{
		{"a Repo without a namespace is one of plumb-system", "apiVersion: plumb.dev/v1alpha1\nkind: Repo\nmetadata: {name: a}\n", []string{"Repo/plumb-system/a"}, false},
		{"a tenant's keeps its own", "apiVersion: plumb.dev/v1alpha1\nkind: App\nmetadata: {name: a, namespace: pay}\n", []string{"App/pay/a"}, false},
		{"a Secret may come with it", "---\napiVersion: v1\nkind: Secret\nmetadata: {name: a}\n---\n# nothing\n", []string{"Secret/plumb-system/a"}, false},
		{"anything else belongs into the repository", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n", nil, true},
		{"another group's Repo is none", "apiVersion: example.com/v1\nkind: Repo\nmetadata: {name: a}\n", nil, true},
		{"an object without a name", "apiVersion: plumb.dev/v1alpha1\nkind: Repo\n", nil, true},
		{"what is no YAML", "a: [", nil, true},
	} {
		objects, err := Begin([]byte(row.text))
		var names []string
		for _, o := range objects {
			names = append(names, Name(o))
		}
		if (err != nil) != row.refused || !row.refused && !slices.Equal(names, row.names) {
			t.Errorf("%s: %v, %v", row.reason, names, err)
		}
	}
}

func TestOnlyWhatAnInstallationWroteIsTakenOut(t *testing.T) {
	by := func(manager string, operation metav1.ManagedFieldsOperationType) *unstructured.Unstructured {
		o := &unstructured.Unstructured{Object: map[string]any{}}
		o.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: "other", Operation: metav1.ManagedFieldsOperationApply}, {Manager: manager, Operation: operation}})
		return o
	}
	if !installed(by(Manager, metav1.ManagedFieldsOperationApply)) {
		t.Error("what was installed is not known")
	}
	if installed(by(Manager, metav1.ManagedFieldsOperationUpdate)) || installed(by("kubectl", metav1.ManagedFieldsOperationApply)) {
		t.Error("what somebody else wrote counts as installed")
	}
	for _, kind := range []string{"Namespace", "CustomResourceDefinition", "Secret", "Repo", "App", "Cluster", "Pod"} {
		if removable(kind) {
			t.Errorf("%s may be taken out", kind)
		}
	}
}

// An installation that follows an uninstallation closely finds definitions that are still being deleted. What was written to one would
// go with it, so nothing is before it is gone.
func TestWhatIsBeingDeletedIsWaitedFor(t *testing.T) {
	const crd = `{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"repos.plumb.dev"%s},"status":{"conditions":[{"type":"Established","status":"True"}]}}`
	var asked, written atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.Method == http.MethodPatch:
			if asked.Load() < 3 {
				t.Error("it was written to what is being deleted")
			}
			written.Add(1)
			fmt.Fprintf(w, crd, "")
		case asked.Add(1) < 3:
			fmt.Fprintf(w, crd, `,"deletionTimestamp":"2026-11-27T12:00:00Z"`)
		case written.Load() == 0:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}`)
		default:
			fmt.Fprintf(w, crd, "")
		}
	}))
	defer server.Close()
	installer, err := New(&rest.Config{Host: server.URL}, "test")
	if err != nil {
		t.Fatal(err)
	}
	o := &unstructured.Unstructured{}
	if err := o.UnmarshalJSON(fmt.Appendf(nil, crd, "")); err != nil {
		t.Fatal(err)
	}
	results, err := installer.Apply(t.Context(), []*unstructured.Unstructured{o})
	if err != nil || results[0].Did != Created || written.Load() != 1 {
		t.Errorf("%v %v, written %d times", results, err, written.Load())
	}
}
