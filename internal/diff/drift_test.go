package diff

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/value"

	"plumb.dev/plumb/internal/object"
)

const ours = "plumb:plumb/web"

// sample reads an object that was recorded from an API server (Kubernetes 1.37), with its managedFields.
func sample(t testing.TB, name string) (object.Object, []metav1.ManagedFieldsEntry) {
	t.Helper()
	data, err := os.ReadFile("testdata/live/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	objects, _, err := object.Parse(data, name)
	if err != nil {
		t.Fatal(err)
	}
	var meta struct{ Metadata metav1.ObjectMeta }
	if err := json.Unmarshal(data, &meta); err != nil {
		t.Fatal(err)
	}
	return objects[0], meta.Metadata.ManagedFields
}

// inGit is the object that all samples were made from by an apply as ours.
func inGit(t testing.TB) object.Object {
	t.Helper()
	data, err := os.ReadFile("testdata/web.yaml")
	if err != nil {
		t.Fatal(err)
	}
	objects, _, err := object.Parse(data, "web.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return objects[0]
}

func lines(changes []Change) []string {
	var out []string
	for _, c := range changes {
		s := fmt.Sprintf("%s %s: %s → %s", c.Kind, c.Field, object.Canonical(c.Git), object.Canonical(c.Live))
		if c.Manager != "" {
			s += fmt.Sprintf(" by %s %s", c.Manager, c.Operation)
		}
		if c.Subresource != "" {
			s += " " + c.Subresource
		}
		out = append(out, s)
	}
	return out
}

func TestDrift(t *testing.T) {
	const app, side = "spec.template.spec.containers[name=app]", "spec.template.spec.containers[name=side]"
	for _, tt := range []struct {
		reason string
		sample string
		drift  []string
		added  []string
	}{
		{"nobody touched it", "untouched", nil, nil},
		{"scaled by hand", "scaled", []string{"changed spec.replicas: 3 → 9 by kubectl Update scale"}, nil},
		{"another image", "image-set", []string{"changed " + app + `.image: "example.com/app:1" → "example.com/app:2" by kubectl-set Update`}, nil},
		{"kubectl rollout restart stays", "restarted", nil, nil},
		{"labels and annotations of others stay", "labelled", nil, nil},
		{"our label was taken off", "label-off", []string{`label metadata.labels["plumb.dev/managed"]: "true" → null`}, nil},
		{"a container, an env entry and a field were added", "patched-additions", nil, []string{
			"added " + app + `.env[name=DEBUG]: null → {"name":"DEBUG","value":"1"} by kubectl-patch Update`,
			`added spec.template.spec.containers[name=debug]: null → {"image":"busybox","imagePullPolicy":"Always","name":"debug","resources":{},"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File"} by kubectl-patch Update`,
			"added spec.template.spec.hostNetwork: null → true by kubectl-patch Update",
		}},
		{"an env entry was removed, a list that is one value changed", "patched-removal", []string{
			"changed " + app + `.args: ["-v"] → ["-x"] by kubectl-patch Update`,
			"removed " + app + `.env[name=B]: {"name":"B","value":"2"} → null`,
		}, nil},
		{"changed and added at once, and a list that was not there", "env-set", []string{
			"changed " + app + `.env[name=A].value: "1" → "9" by kubectl-set Update`,
		}, []string{
			"added " + app + `.env[name=C]: null → {"name":"C","value":"3"} by kubectl-set Update`,
			"added " + side + `.env: null → [{"name":"A","value":"9"},{"name":"C","value":"3"}] by kubectl-set Update`,
		}},
		{"a rollout that a person paused", "paused", nil, []string{"added spec.paused: null → true by kubectl-rollout Update"}},
		{"managedFields was stripped: the values are compared, 1000m is 1", "stripped", []string{
			"removed metadata.managedFields: null → null", "changed spec.replicas: 3 → 2",
		}, nil},
		{"an apply by our own manager's name, of the same fields", "own-manager", []string{"changed spec.replicas: 3 → 4 by plumb:plumb/web Apply"}, nil},
		{"a container was removed", "container-removed", []string{"removed " + side + `: {"image":"example.com/side:1","name":"side"} → null`}, nil},
		{"a controller replaced the list of containers; what it added stays", "controller", []string{
			"removed " + app + `.args: ["-v"] → null`,
			"removed " + app + `.env: [{"name":"A","value":"1"},{"name":"B","value":"2"}] → null`,
			"removed " + app + `.ports: [{"containerPort":80},{"containerPort":53,"protocol":"UDP"}] → null`,
			"changed " + app + `.resources.requests.cpu: "1000m" → "2" by vpa-recommender Update`,
			"removed " + side + `: {"image":"example.com/side:1","name":"side"} → null`,
		}, nil},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			live, entries := sample(t, tt.sample)
			if diff := cmp.Diff(tt.drift, lines(Drift(inGit(t), live, entries, ours))); diff != "" {
				t.Error(diff)
			}
			added := Foreign(inGit(t), entries, ours)
			if diff := cmp.Diff(tt.added, lines(AddedChanges(live, added))); diff != "" {
				t.Error(diff)
			}
			patch, err := RemovalPatch(live, added)
			if err != nil || (patch == nil) != (tt.added == nil) {
				t.Fatalf("patch %s, %v", patch, err)
			}
			healed := patched(t, live, patch)
			for _, a := range added {
				if _, ok := object.Get(healed, a.Path); ok {
					t.Errorf("%s is still there", a.Path)
				}
			}
			if diff := cmp.Diff(lines(Drift(inGit(t), live, nil, ours)), lines(Drift(inGit(t), healed, nil, ours))); diff != "" {
				t.Errorf("the patch touched what is ours: %s", diff)
			}
		})
	}
}

// patched applies a JSON patch of test and remove.
func patched(t failer, o object.Object, patch []byte) object.Object {
	if patch == nil {
		return o
	}
	var ops []struct {
		Op, Path string
		Value    any
	}
	if err := json.Unmarshal(patch, &ops); err != nil {
		t.Fatalf("%v", err)
	}
	root := any(object.Clone(o.Fields))
	for i, op := range ops {
		tokens := strings.Split(op.Path, "/")[1:]
		for j := range tokens {
			tokens[j] = strings.NewReplacer("~1", "/", "~0", "~").Replace(tokens[j])
		}
		switch {
		case (op.Op == "test") != (i == 0):
			t.Fatalf("operation %d is %s", i, op.Op)
		case op.Op == "remove":
			root = removed(t, root, tokens)
		}
	}
	return object.Object{Fields: root.(map[string]any), Place: o.Place}
}

func removed(t failer, v any, tokens []string) any {
	switch v := v.(type) {
	case map[string]any:
		if _, ok := v[tokens[0]]; !ok {
			t.Fatalf("no %v", tokens)
		}
		if len(tokens) == 1 {
			delete(v, tokens[0])
			return v
		}
		v[tokens[0]] = removed(t, v[tokens[0]], tokens[1:])
		return v
	case []any:
		i, err := strconv.Atoi(tokens[0])
		if err != nil || i >= len(v) {
			t.Fatalf("no %v", tokens)
		}
		if len(tokens) == 1 {
			return slices.Delete(v, i, i+1)
		}
		v[i] = removed(t, v[i], tokens[1:])
		return v
	}
	t.Fatalf("%v leads into a scalar", tokens)
	return nil
}

type failer interface{ Fatalf(string, ...any) }

func TestDriftOfSecrets(t *testing.T) {
	git := object.Object{Fields: map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "a"}, "data": map[string]any{"p": "aHVudGVyMg=="}}}
	live := object.Object{Fields: map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "a"}, "data": map[string]any{"p": "b3RoZXI=", "q": "aHVudGVyMg=="}}}
	entries := []metav1.ManagedFieldsEntry{
		entry(ours, "Apply", `{"f:type":{}}`), entry("kubectl-edit", "Update", `{"f:data":{"f:p":{},"f:q":{}}}`),
	}
	changes := append(Drift(git, live, entries, ours), AddedChanges(live, Foreign(git, entries, ours))...)
	want := []string{`changed data.p: "‹redacted›" → "‹redacted›" by kubectl-edit Update`, `added data.q: null → "‹redacted›" by kubectl-edit Update`}
	if diff := cmp.Diff(want, lines(changes)); diff != "" {
		t.Error(diff)
	}
}

// Whose hand wrote a value is one thing, whether it is another value than Git's is another; of Secrets too, whose values nobody tells.
func TestDriftOfTheSameValue(t *testing.T) {
	git := object.Object{Fields: map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "a"}, "data": map[string]any{"p": "aHVudGVyMg==", "q": "b25l"}}}
	live := object.Object{Fields: map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "a"}, "data": map[string]any{"p": "aHVudGVyMg==", "q": "dHdv"}}}
	entries := []metav1.ManagedFieldsEntry{
		entry(ours, "Apply", `{"f:type":{}}`), entry("kubectl-edit", "Update", `{"f:data":{"f:p":{},"f:q":{}}}`),
	}
	got := map[string]bool{}
	for _, c := range Drift(git, live, entries, ours) {
		got[c.Field] = c.Same
	}
	if want := map[string]bool{"data.p": true, "data.q": false}; !cmp.Equal(got, want) {
		t.Errorf("the same as in Git: %v, want %v", got, want)
	}
}

func entry(manager, operation, fields string) metav1.ManagedFieldsEntry {
	return metav1.ManagedFieldsEntry{Manager: manager, Operation: metav1.ManagedFieldsOperationType(operation), APIVersion: "v1", FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(fields)}
}

func TestForeignByHandmadeEntries(t *testing.T) {
	mine := entry(ours, "Apply", `{"f:spec":{"f:ports":{"k:{\"port\":80,\"protocol\":\"TCP\"}":{".":{},"f:port":{}}},"f:replicas":{}}}`)
	sub := entry("kubectl", "Update", `{"f:spec":{"f:replicas":{}}}`)
	sub.Subresource = "scale"
	git := object.Object{Fields: map[string]any{"spec": map[string]any{"ports": []any{map[string]any{"port": int64(80)}}, "args": []any{"x"}}}}
	for _, tt := range []struct {
		reason  string
		entries []metav1.ManagedFieldsEntry
		want    string
	}{
		{"a value that we own too is no addition", []metav1.ManagedFieldsEntry{mine, entry("kubectl", "Apply", `{"f:spec":{"f:replicas":{}}}`)}, ""},
		{"what came through scale stays", []metav1.ManagedFieldsEntry{entry(ours, "Apply", `{}`), sub}, ""},
		{"what an unknown manager added stays", []metav1.ManagedFieldsEntry{mine, entry("some-operator", "Update", `{"f:spec":{"f:x":{}}}`)}, ""},
		{"what a controller owns too stays", []metav1.ManagedFieldsEntry{mine, entry("some-operator", "Update", `{"f:spec":{"f:x":{}}}`), entry("k9s", "Update", `{"f:spec":{"f:x":{},"f:y":{}}}`)}, "spec.y"},
		{"status stays", []metav1.ManagedFieldsEntry{mine, entry("k9s", "Update", `{"f:status":{"f:x":{}},"f:metadata":{"f:finalizers":{"v:\"a\"":{}}}}`)}, ""},
		{"of a map that a controller has written into only the person's part goes", []metav1.ManagedFieldsEntry{mine, entry("k9s", "Update", `{"f:spec":{"f:m":{".":{},"f:a":{}}}}`), entry("op", "Update", `{"f:spec":{"f:m":{"f:b":{}}}}`)}, "spec.m.a"},
		{"a port beside ours", []metav1.ManagedFieldsEntry{mine, entry("Mozilla", "Update", `{"f:spec":{"f:ports":{"k:{\"port\":81,\"protocol\":\"TCP\"}":{".":{},"f:port":{}}}}}`)}, "spec.ports[port=81,protocol=TCP]"},
		{"a person's server-side apply", []metav1.ManagedFieldsEntry{mine, entry("kubectl", "Apply", `{"f:spec":{"f:x":{}}}`)}, "spec.x"},
		{"what Git has was changed, not added", []metav1.ManagedFieldsEntry{mine, entry("kubectl-edit", "Update", `{"f:spec":{"f:args":{}}}`)}, ""},
		{"an entry that cannot be read", []metav1.ManagedFieldsEntry{mine, entry("kubectl-edit", "Update", `{`)}, ""},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			var got []string
			for _, a := range Foreign(git, tt.entries, ours) {
				got = append(got, a.Path.String())
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("%v, want %s", got, tt.want)
			}
			if digest := AddedDigest(tt.entries, ours); tt.want != "" && AddedManagers(digest) == "" {
				t.Errorf("digest %q", digest)
			}
		})
	}
}

func TestOwned(t *testing.T) {
	_, untouched := sample(t, "untouched")
	base := Owned(untouched, ours)
	for _, tt := range []struct {
		reason string
		sample string
		same   bool
	}{
		{"the same entries, the same digest", "untouched", true},
		{"our fields are fewer", "scaled", false},
		{"no entry of ours", "stripped", false},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			_, entries := sample(t, tt.sample)
			if (Owned(entries, ours) == base) != tt.same {
				t.Error("wrong")
			}
		})
	}
	at := metav1.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	one := entry(ours, "Apply", `{"f:a b":{".":{}}}`)
	one.Time = &at
	digest := Owned([]metav1.ManagedFieldsEntry{one}, ours)
	for _, tt := range []struct {
		reason string
		change func(e *metav1.ManagedFieldsEntry)
		same   bool
	}{
		{"white space between tokens does not count", func(e *metav1.ManagedFieldsEntry) {
			e.FieldsV1 = metav1.NewFieldsV1("{ \"f:a b\": {\n\".\": { } } }\n")
		}, true},
		{"another time zone does not count", func(e *metav1.ManagedFieldsEntry) { e.Time = &metav1.Time{Time: at.In(time.FixedZone("x", 3600))} }, true},
		{"one more field counts", func(e *metav1.ManagedFieldsEntry) { e.FieldsV1 = metav1.NewFieldsV1(`{"f:a b":{".":{}},"f:z":{}}`) }, false},
		{"a blank in a name counts", func(e *metav1.ManagedFieldsEntry) { e.FieldsV1 = metav1.NewFieldsV1(`{"f:ab":{".":{}}}`) }, false},
		{"the time counts", func(e *metav1.ManagedFieldsEntry) { e.Time = &metav1.Time{Time: at.Add(time.Second)} }, false},
		{"the version counts", func(e *metav1.ManagedFieldsEntry) { e.APIVersion = "v2" }, false},
		{"an Update entry is not ours", func(e *metav1.ManagedFieldsEntry) { e.Operation = "Update" }, false},
		{"a subresource is not ours", func(e *metav1.ManagedFieldsEntry) { e.Subresource = "scale" }, false},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			e := *one.DeepCopy()
			tt.change(&e)
			if (Owned([]metav1.ManagedFieldsEntry{entry("kubectl", "Update", `{}`), e}, ours) == digest) != tt.same {
				t.Error("wrong")
			}
		})
	}
}

// The answer to an apply and the watch's event about it may list the ports of a Service in different orders.
func TestOwnedKnowsNoOrder(t *testing.T) {
	one := Owned([]metav1.ManagedFieldsEntry{entry(ours, "Apply", `{"f:ports":{"k:{\"port\":443}":{},"k:{\"port\":80}":{}}}`)}, ours)
	two := Owned([]metav1.ManagedFieldsEntry{entry(ours, "Apply", `{"f:ports":{"k:{\"port\":80}":{},"k:{\"port\":443}":{}}}`)}, ours)
	if one != two || one == "" {
		t.Errorf("%q and %q", one, two)
	}
}

func TestPersonsTool(t *testing.T) {
	for _, tt := range []struct {
		manager string
		want    bool
	}{
		{"kubectl", true}, {"kubectl-edit", true}, {"kubectl-client-side-apply", true}, {"helm", true}, {"k9s", true}, {"node-fetch", true}, {"Mozilla", true}, {"oc", true},
		{"kube-controller-manager", false}, {"kubelet", false}, {"kubectlish", false}, {"helm-controller", false}, {"vpa-recommender", false},
		{"keda-operator", false}, {"cert-manager-cainjector", false}, {"istiod", false}, {"argocd-controller", false}, {"Go-http-client", false}, {"plumb:a/b", false}, {"", false},
	} {
		if PersonsTool(tt.manager) != tt.want {
			t.Errorf("%q: want %v", tt.manager, tt.want)
		}
	}
}

// Whatever a person adds, the patch takes out exactly that.
func TestRemovalPatchRemovesExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := []string{"a", "b", "c", "d", "e"}
		base := map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": "x", "resourceVersion": "7"}, "spec": map[string]any{}}
		live := object.Clone(base)
		mine, theirs := fieldpath.NewSet(), fieldpath.NewSet()
		var baseList, liveList []any
		for _, name := range names {
			item, foreign := map[string]any{"name": name, "n/~": int64(1)}, rapid.Bool().Draw(t, name)
			at := []any{"spec", "containers", fieldpath.KeyByFields("name", name)}
			set := map[bool]*fieldpath.Set{false: mine, true: theirs}[foreign]
			for _, p := range [][]any{{}, {"name"}, {"n/~"}} {
				set.Insert(fieldpath.MakePathOrDie(append(slices.Clone(at), p...)...))
			}
			own := object.Clone(item)
			if rapid.Bool().Draw(t, name+" has one more field") {
				item["m/~"] = "x"
				theirs.Insert(fieldpath.MakePathOrDie(append(at, "m/~")...))
			}
			liveList = append(liveList, item)
			if !foreign {
				baseList = append(baseList, own)
			}
		}
		base["spec"].(map[string]any)["containers"] = append([]any{}, baseList...)
		live["spec"].(map[string]any)["containers"] = liveList
		if rapid.Bool().Draw(t, "set") {
			base["spec"].(map[string]any)["set"] = []any{"a"}
			live["spec"].(map[string]any)["set"] = []any{"a", "b", "c"}
			mine.Insert(fieldpath.MakePathOrDie("spec", "set", value.NewValueInterface("a")))
			theirs.Insert(fieldpath.MakePathOrDie("spec", "set", value.NewValueInterface("b")))
			theirs.Insert(fieldpath.MakePathOrDie("spec", "set", value.NewValueInterface("c")))
		}
		entries := []metav1.ManagedFieldsEntry{entry(ours, "Apply", string(raw(mine))), entry("k9s", "Update", string(raw(theirs)))}
		o := object.Object{Fields: live}
		patch, err := RemovalPatch(o, Foreign(object.Object{Fields: base}, entries, ours))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(base, patched(t, o, patch).Fields); diff != "" {
			t.Fatalf("%s\n%s", patch, diff)
		}
	})
}

func raw(s *fieldpath.Set) []byte {
	b, err := s.ToJSON()
	if err != nil {
		panic(err)
	}
	return b
}

func TestRemovalPatchNeedsAVersion(t *testing.T) {
	if _, err := RemovalPatch(object.Object{}, nil); err == nil {
		t.Error("a patch without a guard")
	}
}
