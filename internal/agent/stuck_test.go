package agent

import (
	"testing"

	"plumb.dev/plumb/internal/object"
)

func TestWhatKeeps(t *testing.T) {
	condition := func(kind, status, message string) map[string]any {
		return map[string]any{"type": kind, "status": status, "message": message}
	}
	rows := []struct {
		reason     string
		conditions []any
		want       string
	}{
		{"nothing is said yet", nil, ""},
		{"finalizers say more than content", []any{
			condition("NamespaceContentRemaining", "True", "Some resources are remaining: configmaps. has 1 resource instances"),
			condition("NamespaceFinalizersRemaining", "True", "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances."),
		}, "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances"},
		{"a condition that is false says nothing", []any{condition("NamespaceFinalizersRemaining", "False", "All content-preserving finalizers finished")}, ""},
		{"an API that does not answer", []any{condition("NamespaceDeletionDiscoveryFailure", "True", "Discovery failed for some groups")}, "Discovery failed for some groups"},
		{"what is no condition", []any{"x"}, ""},
	}
	for _, row := range rows {
		got := whatKeeps(object.Object{Fields: map[string]any{"status": map[string]any{"conditions": row.conditions}}})
		if got != row.want {
			t.Errorf("%s: %q, want %q", row.reason, got, row.want)
		}
	}
}
