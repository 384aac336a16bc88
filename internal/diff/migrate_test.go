package diff

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

func TestMigrate(t *testing.T) {
	scale := entry("kubectl", "Update", `{"f:spec":{"f:replicas":{}}}`)
	scale.Subresource = "scale"
	old := entry("kubectl", "Update", `{"f:spec":{"f:x":{}}}`)
	old.APIVersion = "v1beta1"
	for _, tt := range []struct {
		reason  string
		entries []metav1.ManagedFieldsEntry
		from    []string
		want    []metav1.ManagedFieldsEntry // nil: nothing changes
	}{
		{"nothing to move", []metav1.ManagedFieldsEntry{entry("kubelet", "Update", `{"f:status":{}}`)}, []string{"kubectl"}, nil},
		{"an entry becomes ours, and an Apply", []metav1.ManagedFieldsEntry{entry("kubectl-create", "Update", `{"f:spec":{"f:a":{}}}`)}, []string{"kubectl-create"},
			[]metav1.ManagedFieldsEntry{entry(ours, "Apply", `{"f:spec":{"f:a":{}}}`)}},
		{"into the entry that we have", []metav1.ManagedFieldsEntry{entry("kubectl", "Update", `{"f:spec":{"f:a":{}}}`), entry(ours, "Apply", `{"f:spec":{"f:b":{}}}`)}, []string{"kubectl"},
			[]metav1.ManagedFieldsEntry{entry(ours, "Apply", `{"f:spec":{"f:a":{},"f:b":{}}}`)}},
		{"a server-side apply of Helm 4 or kubectl too", []metav1.ManagedFieldsEntry{entry("helm", "Apply", `{"f:spec":{"f:a":{}}}`)}, []string{"helm"},
			[]metav1.ManagedFieldsEntry{entry(ours, "Apply", `{"f:spec":{"f:a":{}}}`)}},
		{"what was created by an Update under our own name", []metav1.ManagedFieldsEntry{entry(ours, "Update", `{"f:spec":{"f:a":{}}}`)}, []string{ours},
			[]metav1.ManagedFieldsEntry{entry(ours, "Apply", `{"f:spec":{"f:a":{}}}`)}},
		{"kubectl's copy of the object does not become ours", []metav1.ManagedFieldsEntry{entry("kubectl-client-side-apply", "Update", `{"f:metadata":{"f:annotations":{"f:a":{},"f:kubectl.kubernetes.io/last-applied-configuration":{}}}}`)}, []string{"kubectl-client-side-apply"},
			[]metav1.ManagedFieldsEntry{entry(ours, "Apply", `{"f:metadata":{"f:annotations":{"f:a":{}}}}`)}},
		{"a subresource stays", []metav1.ManagedFieldsEntry{scale}, []string{"kubectl"}, nil},
		{"another version stays", []metav1.ManagedFieldsEntry{entry(ours, "Apply", `{}`), old}, []string{"kubectl"}, nil},
		{"controllers stay, in their order", []metav1.ManagedFieldsEntry{entry("x", "Update", `{"f:x":{}}`), entry("kubectl", "Update", `{"f:a":{}}`), entry("y", "Update", `{"f:y":{}}`)}, []string{"kubectl"},
			[]metav1.ManagedFieldsEntry{entry(ours, "Apply", `{"f:a":{}}`), entry("x", "Update", `{"f:x":{}}`), entry("y", "Update", `{"f:y":{}}`)}},
		{"an entry that cannot be read stays", []metav1.ManagedFieldsEntry{entry("kubectl", "Update", `{`)}, []string{"kubectl"}, nil},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			before := slices.Clone(tt.entries)
			got, changed := Migrate(tt.entries, ours, tt.from)
			want := tt.want
			if want == nil {
				want = tt.entries
			}
			if diff := cmp.Diff(want, got); diff != "" || changed != (tt.want != nil) {
				t.Errorf("changed %v: %s", changed, diff)
			}
			if diff := cmp.Diff(before, tt.entries); diff != "" {
				t.Errorf("the original was changed: %s", diff)
			}
		})
	}
}

func TestMigrateSamples(t *testing.T) {
	for name, manager := range map[string]string{"csa": "kubectl-client-side-apply", "created": "kubectl-create"} {
		live, entries := sample(t, name)
		if former := Former(entries, nil); !slices.Equal(former, []string{manager}) {
			t.Errorf("%s: former %v", name, former)
		}
		moved, changed := Migrate(entries, ours, Former(entries, nil))
		if !changed || own(moved, ours) == nil || AddedDigest(moved, ours) != "" {
			t.Errorf("%s: %v", name, moved)
		}
		if drift := Drift(inGit(t), live, moved, ours); name == "created" && len(drift) > 0 {
			t.Errorf("%s: %v", name, lines(drift))
		}
	}
}

// Every field that somebody owned before is owned after, and only the entries named have moved.
func TestMigrateKeepsTheUnion(t *testing.T) {
	managers := []string{ours, "kubectl", "helm", "kubelet", "before-first-apply"}
	paths := rapid.SliceOf(rapid.SliceOfN(rapid.SampledFrom([]string{"spec", "metadata", "a", "b", "c"}), 1, 4))
	rapid.Check(t, func(t *rapid.T) {
		var entries []metav1.ManagedFieldsEntry
		for i := range rapid.IntRange(0, 5).Draw(t, "entries") {
			s := fieldpath.NewSet()
			for _, p := range paths.Draw(t, "paths") {
				path := fieldpath.Path{}
				for _, name := range p {
					path = append(path, fieldpath.FieldNameElement(name))
				}
				s.Insert(path)
			}
			e := entry(rapid.SampledFrom(managers).Draw(t, "manager"), rapid.SampledFrom([]string{"Apply", "Update"}).Draw(t, "operation"), string(raw(s)))
			e.Subresource = rapid.SampledFrom([]string{"", "", "status"}).Draw(t, "subresource")
			if e.Operation == "Apply" && slices.ContainsFunc(entries, func(o metav1.ManagedFieldsEntry) bool {
				return o.Manager == e.Manager && o.Operation == e.Operation && o.Subresource == e.Subresource
			}) {
				continue // an API server keeps one
			}
			_ = i
			entries = append(entries, e)
		}
		from := rapid.SliceOf(rapid.SampledFrom(managers)).Draw(t, "from")
		moved, changed := Migrate(entries, ours, from)
		all := func(metav1.ManagedFieldsEntry) bool { return true }
		if !union(owners(entries, all)).Equals(union(owners(moved, all))) {
			t.Fatalf("%v became %v", entries, moved)
		}
		for _, e := range moved {
			if e.Subresource == "" && slices.Contains(from, e.Manager) && !(e.Manager == ours && e.Operation == "Apply") {
				t.Fatalf("%s %s did not move", e.Manager, e.Operation)
			}
		}
		if again, twice := Migrate(moved, ours, from); twice || changed && len(again) > len(entries) {
			t.Fatal("a second migration changes it again")
		}
	})
}

func TestFormer(t *testing.T) {
	entries := []metav1.ManagedFieldsEntry{entry("Go-http-client", "Update", `{}`), entry("kubectl", "Update", `{}`), entry("kubectl", "Apply", `{}`), entry("before-first-apply", "Update", `{}`), entry("op", "Update", `{}`)}
	if got := Former(entries, nil); !slices.Equal(got, []string{"before-first-apply", "kubectl"}) {
		t.Error(got)
	}
	if got := Former(entries, map[string]string{"app.kubernetes.io/managed-by": "Helm"}); !slices.Equal(got, []string{"Go-http-client", "before-first-apply", "kubectl"}) {
		t.Error(got)
	}
}
