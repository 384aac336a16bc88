package agent

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
)

func TestWhoMadeAnApp(t *testing.T) {
	yes := true
	owner := func(kind, name string) []metav1.OwnerReference {
		return []metav1.OwnerReference{{Kind: kind, Name: name, Controller: &yes}}
	}
	labels := map[string]string{v1alpha1.LabelRepo: "fleet"}
	for _, row := range []struct {
		reason string
		meta   metav1.ObjectMeta
		want   string
	}{
		{"made by a Repo", metav1.ObjectMeta{Labels: labels, OwnerReferences: owner("Repo", "fleet")}, "fleet"},
		{"by hand, with a copied label", metav1.ObjectMeta{Labels: labels}, ""},
		{"by hand, owned by something else", metav1.ObjectMeta{Labels: labels, OwnerReferences: owner("Deployment", "fleet")}, ""},
		{"label and owner differ", metav1.ObjectMeta{Labels: labels, OwnerReferences: owner("Repo", "other")}, ""},
		{"by hand", metav1.ObjectMeta{}, ""},
	} {
		if got := makerOf(&v1alpha1.App{ObjectMeta: row.meta}); got != row.want {
			t.Errorf("%s: %q", row.reason, got)
		}
	}
}
