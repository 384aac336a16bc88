package diff

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// FuzzManagedFields: whoever may write an object writes what its managedFields say. No reader of them panics, and an entry that cannot be
// read is nobody's.
func FuzzManagedFields(f *testing.F) {
	applied, entries := sample(f, "created")
	for _, e := range entries {
		f.Add(e.FieldsV1.GetRawString(), e.Manager, string(e.Operation), e.Subresource)
	}
	for _, text := range []string{`{"f:spec":null}`, `{"k:{\"name\":1}":{}}`, `{"v:":{}}`, `{"i:99999999999":{}}`, `{".":1}`, `[]`, `{"f:spec":{"f:template":{"f:spec":{"f:containers":{"k:{}":{".":{}}}}}}}`} {
		f.Add(text, "kubectl-edit", "Update", "")
	}
	f.Fuzz(func(_ *testing.T, fields, manager, operation, subresource string) {
		all := append(append([]metav1.ManagedFieldsEntry{}, entries...), metav1.ManagedFieldsEntry{
			Manager: manager, Operation: metav1.ManagedFieldsOperationType(operation), Subresource: subresource, APIVersion: "apps/v1",
			FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(fields),
		})
		for _, who := range []string{ours, manager} {
			_ = Drift(applied, applied, all, who)
			_ = Foreign(applied, all, who)
			_ = Dropped(entries, all, who, []string{manager})
			_ = Owned(all, who)
			_ = AddedDigest(all, who)
			_ = PathsOf(all, who)
			_ = Scaled(all, who)
			_, _ = Migrate(all, who, []string{manager})
			_ = Return(all, who, "helm", metav1.ManagedFieldsOperationUpdate)
			_ = OwnsReplicas(all, who)
		}
	})
}
