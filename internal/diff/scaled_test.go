package diff_test

import (
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/internal/diff"
)

func managedBy(manager, subresource, fields string) metav1.ManagedFieldsEntry {
	return metav1.ManagedFieldsEntry{Manager: manager, Operation: "Update", APIVersion: "apps/v1", Subresource: subresource, FieldsType: "FieldsV1",
		FieldsV1: metav1.NewFieldsV1(fields)}
}

func TestScaled(t *testing.T) {
	const number = `{"f:spec":{"f:replicas":{}}}`
	const size = `{"f:spec":{"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"web\"}":{"f:image":{},"f:resources":{"f:requests":{"f:cpu":{}}}}}}}}}`
	rows := []struct {
		reason string
		entry  metav1.ManagedFieldsEntry
		want   []diff.ScaledField
	}{
		{"an HPA", managedBy("kube-controller-manager", "scale", number), []diff.ScaledField{{Field: "spec.replicas", Manager: "kube-controller-manager", Count: true}}},
		{"KEDA", managedBy("keda", "scale", number), []diff.ScaledField{{Field: "spec.replicas", Manager: "keda", Count: true}}},
		{"a number that was not set through scale", managedBy("some-operator", "", number), nil},
		{"a VPA: sizes, and nothing else of it", managedBy("vpa-updater", "", size),
			[]diff.ScaledField{{Field: "spec.template.spec.containers[name=web].resources.requests.cpu", Manager: "vpa-updater"}}},
		{"sizes by somebody else", managedBy("some-operator", "", size), nil},
		{"our own", managedBy("plumb:plumb-system/web", "scale", number), nil},
		{"status", managedBy("kube-controller-manager", "status", `{"f:status":{"f:replicas":{}}}`), nil},
		{"fields that cannot be read", managedBy("keda", "scale", `{`), nil},
	}
	for _, row := range rows {
		got := diff.Scaled([]metav1.ManagedFieldsEntry{row.entry}, "plumb:plumb-system/web")
		if !slices.Equal(got, row.want) {
			t.Errorf("%s: %+v, want %+v", row.reason, got, row.want)
		}
		if again := diff.ReadScaled(diff.ScaledText(got)); !slices.Equal(again, got) {
			t.Errorf("%s: written and read it is %+v", row.reason, again)
		}
	}
}
