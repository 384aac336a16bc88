package object_test

import (
	"testing"

	"plumb.dev/plumb/internal/object"
)

func TestNormaliseLeavesOutWhatOthersWrite(t *testing.T) {
	webhook := func(bundle, annotation string) object.Object {
		meta := map[string]any{"name": "x"}
		if annotation != "" {
			meta["annotations"] = map[string]any{annotation: "true"}
		}
		return object.Object{Fields: map[string]any{
			"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration", "metadata": meta,
			"webhooks": []any{map[string]any{"name": "a.example.com", "clientConfig": map[string]any{"caBundle": bundle, "url": "https://x"}}},
		}}
	}
	role := func(aggregation map[string]any, rules []any) object.Object {
		return object.Object{Fields: map[string]any{
			"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": map[string]any{"name": "x"},
			"aggregationRule": aggregation, "rules": rules,
		}}
	}
	selectors := map[string]any{"clusterRoleSelectors": []any{map[string]any{}}}
	bundlePath := "webhooks[0].clientConfig.caBundle"
	rows := []struct {
		reason string
		object object.Object
		path   string
		stays  bool
		warns  int
	}{
		{"a real bundle is Git's", webhook("bm90aGluZw==", ""), bundlePath, true, 0},
		{"an empty one is a placeholder", webhook("", ""), bundlePath, false, 0},
		{"a line end is kubebuilder's placeholder", webhook("Cg==", ""), bundlePath, false, 0},
		{"cert-manager is asked to write it", webhook("bm90aGluZw==", "cert-manager.io/inject-ca-from"), bundlePath, false, 0},
		{"OpenShift is asked to write it", webhook("bm90aGluZw==", "service.beta.openshift.io/inject-cabundle"), bundlePath, false, 0},
		{"another annotation asks for nothing", webhook("bm90aGluZw==", "example.com/note"), bundlePath, true, 0},
		{"what is no base64 is for the API server to refuse", webhook("???", ""), bundlePath, true, 0},
		{"rules of an ordinary role", role(nil, []any{map[string]any{"verbs": []any{"get"}}}), "rules", true, 0},
		{"rules that are gathered", role(selectors, []any{}), "rules", false, 0},
		{"rules that would be lost are told", role(selectors, []any{map[string]any{"verbs": []any{"get"}}}), "rules", false, 1},
	}
	for _, row := range rows {
		path, err := object.ParsePath(row.path)
		if err != nil {
			t.Fatal(err)
		}
		got, warnings, err := object.Normalise(row.object)
		if err != nil {
			t.Errorf("%s: %v", row.reason, err)
			continue
		}
		if _, has := object.Get(got, path); has != row.stays || len(warnings) != row.warns {
			t.Errorf("%s: stays %v with %d warnings, want %v with %d", row.reason, has, len(warnings), row.stays, row.warns)
		}
	}
}
