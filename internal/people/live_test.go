package people

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/internal/health"
	"plumb.dev/plumb/internal/object"
)

// Of a kind without a status only metadata is read, and the tree says the same of it as of the whole object.
func TestWhatExistsIsJudgedByItsMetadata(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	made := metav1.NewTime(now.Add(-time.Hour))
	gone := metav1.NewTime(now.Add(-2 * time.Minute))
	settings := group{id: object.ID{Kind: "ConfigMap", Namespace: "shop"}, version: "v1"}
	role := group{id: object.ID{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole"}, version: "v1"}
	for _, tt := range []struct {
		reason string
		g      group
		meta   metav1.ObjectMeta
		whole  map[string]any // its metadata, as the whole object has it
	}{
		{
			"there", settings,
			metav1.ObjectMeta{Name: "a", Namespace: "shop", UID: "1", CreationTimestamp: made, Generation: 3},
			map[string]any{"name": "a", "namespace": "shop", "uid": "1", "creationTimestamp": "2026-03-01T11:00:00Z", "generation": int64(3)},
		},
		{
			"of no namespace", role,
			metav1.ObjectMeta{Name: "a", UID: "2", CreationTimestamp: made},
			map[string]any{"name": "a", "uid": "2", "creationTimestamp": "2026-03-01T11:00:00Z"},
		},
		{
			"being deleted, and held by a finalizer", settings,
			metav1.ObjectMeta{Name: "a", Namespace: "shop", UID: "3", CreationTimestamp: made, DeletionTimestamp: &gone, Finalizers: []string{"x/y"}},
			map[string]any{
				"name": "a", "namespace": "shop", "uid": "3", "creationTimestamp": "2026-03-01T11:00:00Z",
				"deletionTimestamp": "2026-03-01T11:58:00Z", "finalizers": []any{"x/y"},
			},
		},
	} {
		whole := object.Object{Fields: map[string]any{"apiVersion": "v1", "kind": tt.g.id.Kind, "metadata": tt.whole}}
		if tt.g.id.Group != "" {
			whole.Fields["apiVersion"] = tt.g.id.Group + "/v1"
		}
		got := existing(tt.g, tt.meta)
		if got.ID() != whole.ID() {
			t.Errorf("%s: it is %s, want %s", tt.reason, got.ID(), whole.ID())
		}
		if got, want := health.Assess(got, nil, now), health.Assess(whole, nil, now); got != want {
			t.Errorf("%s: %+v, of the whole object %+v", tt.reason, got, want)
		}
		if a, b := metaOf(got), metaOf(whole); a.UID != b.UID || !a.CreationTimestamp.Equal(&b.CreationTimestamp) {
			t.Errorf("%s: %+v, of the whole object %+v", tt.reason, a, b)
		}
	}
}
