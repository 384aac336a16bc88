package diff

import (
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestDropped: what goes from an object when our apply follows a migration.
func TestDropped(t *testing.T) {
	for _, row := range []struct {
		reason        string
		before, after []metav1.ManagedFieldsEntry
		want          []string
	}{
		{"what Git has stays", []metav1.ManagedFieldsEntry{entry(ours, "Apply", `{"f:data":{"f:a":{}}}`)},
			[]metav1.ManagedFieldsEntry{entry(ours, "Apply", `{"f:data":{"f:a":{}}}`)}, nil},
		{"a field that only a migrated manager had goes", []metav1.ManagedFieldsEntry{entry(ours, "Apply", `{"f:data":{"f:a":{},"f:b":{}}}`)},
			[]metav1.ManagedFieldsEntry{entry(ours, "Apply", `{"f:data":{"f:a":{}}}`), entry("kubectl", "Update", `{"f:data":{"f:b":{}}}`)}, []string{"data.b"}},
		{"what a controller has too stays", []metav1.ManagedFieldsEntry{entry(ours, "Apply", `{"f:data":{"f:a":{},"f:b":{}}}`)},
			[]metav1.ManagedFieldsEntry{entry(ours, "Apply", `{"f:data":{"f:a":{}}}`), entry("operator", "Update", `{"f:data":{"f:b":{}}}`)}, nil},
		{"a map that is left by name stays for what is in it", []metav1.ManagedFieldsEntry{entry(ours, "Apply", `{"f:data":{".":{},"f:a":{},"f:b":{}}}`)},
			[]metav1.ManagedFieldsEntry{entry(ours, "Apply", `{"f:data":{"f:a":{}}}`)}, []string{"data.b"}},
		{"a list entry goes as one", []metav1.ManagedFieldsEntry{entry(ours, "Apply", `{"f:spec":{"f:containers":{"k:{\"name\":\"a\"}":{".":{},"f:image":{},"f:name":{}},"k:{\"name\":\"b\"}":{".":{},"f:image":{},"f:name":{}}}}}`)},
			[]metav1.ManagedFieldsEntry{entry(ours, "Apply", `{"f:spec":{"f:containers":{"k:{\"name\":\"a\"}":{".":{},"f:image":{},"f:name":{}}}}}`)}, []string{"spec.containers[name=b]"}},
		{"unless a controller has something in it", []metav1.ManagedFieldsEntry{entry(ours, "Apply", `{"f:spec":{"f:containers":{"k:{\"name\":\"b\"}":{".":{},"f:image":{},"f:name":{}}}}}`)},
			[]metav1.ManagedFieldsEntry{entry(ours, "Apply", `{"f:spec":{}}`), entry("operator", "Update", `{"f:spec":{"f:containers":{"k:{\"name\":\"b\"}":{"f:env":{}}}}}`)},
			[]string{"spec.containers[name=b].image", "spec.containers[name=b].name"}},
		{"without an answer nothing is known", []metav1.ManagedFieldsEntry{entry(ours, "Apply", `{"f:data":{"f:a":{}}}`)}, nil, nil},
	} {
		var got []string
		for _, path := range Dropped(row.before, row.after, ours, []string{"kubectl"}) {
			got = append(got, path.String())
		}
		if !slices.Equal(got, row.want) {
			t.Errorf("%s: %q, want %q", row.reason, got, row.want)
		}
	}
}

// TestReturn: what we had goes to one manager, without our marks, and what controllers have stays.
func TestReturn(t *testing.T) {
	status := entry(ours, "Update", `{"f:status":{}}`)
	status.Subresource = "status"
	entries := []metav1.ManagedFieldsEntry{
		entry(ours, "Apply", `{"f:data":{"f:a":{}},"f:metadata":{"f:annotations":{"f:b":{},"f:plumb.dev/owner":{}},"f:labels":{"f:plumb.dev/managed":{}}}}`),
		entry("argocd-controller", "Apply", `{"f:data":{"f:c":{}}}`), entry("operator", "Update", `{"f:data":{"f:d":{}}}`), status,
	}
	got := Return(entries, ours, "argocd-controller", "Apply")
	want := []metav1.ManagedFieldsEntry{
		entry("argocd-controller", "Apply", `{"f:data":{"f:a":{},"f:c":{}},"f:metadata":{"f:annotations":{"f:b":{}}}}`), entry("operator", "Update", `{"f:data":{"f:d":{}}}`), status,
	}
	if len(got) != len(want) {
		t.Fatalf("%v", got)
	}
	for i := range want {
		if got[i].Manager != want[i].Manager || got[i].FieldsV1.GetRawString() != want[i].FieldsV1.GetRawString() {
			t.Errorf("entry %d is %s %s, want %s %s", i, got[i].Manager, got[i].FieldsV1.GetRawString(), want[i].Manager, want[i].FieldsV1.GetRawString())
		}
	}
	if back, changed := Migrate(got, ours, []string{"argocd-controller"}); !changed || own(back, ours) == nil {
		t.Errorf("it cannot be taken over again: %v", back)
	}
}
