package policy

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
)

// Kubernetes' own types say when they were deprecated and removed: the table says the same of all that are still among them.
func TestOutdatedAsTheTypesSay(t *testing.T) {
	compared := 0
	for _, row := range outdatedAPIs {
		for kind := range strings.FieldsSeq(row.kinds) {
			gv, err := schema.ParseGroupVersion(row.apiVersion)
			if err != nil {
				t.Fatal(err)
			}
			o, err := scheme.Scheme.New(gv.WithKind(kind))
			if err != nil {
				continue // its type is gone too
			}
			if d, ok := o.(interface{ APILifecycleDeprecated() (major, minor int) }); ok {
				if _, minor := d.APILifecycleDeprecated(); minor != row.deprecated {
					t.Errorf("%s %s is deprecated since 1.%d, not 1.%d", row.apiVersion, kind, minor, row.deprecated)
				}
				compared++
			}
			if r, ok := o.(interface{ APILifecycleRemoved() (major, minor int) }); ok {
				if _, minor := r.APILifecycleRemoved(); minor != row.removed {
					t.Errorf("%s %s is removed in 1.%d, not 1.%d", row.apiVersion, kind, minor, row.removed)
				}
			}
		}
	}
	if compared < 20 {
		t.Errorf("only %d types could be compared", compared)
	}
}
