package e2e

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

func init() {
	kinds["StorageClass"] = schema.GroupVersionResource{Group: "storage.k8s.io", Version: "v1", Resource: "storageclasses"}
	kinds["IngressClass"] = schema.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: "ingressclasses"}
	kinds["PriorityClass"] = schema.GroupVersionResource{Group: "scheduling.k8s.io", Version: "v1", Resource: "priorityclasses"}
	kinds["RuntimeClass"] = schema.GroupVersionResource{Group: "node.k8s.io", Version: "v1", Resource: "runtimeclasses"}
	kinds["Sprocket"] = schema.GroupVersionResource{Group: "fixed.example.com", Version: "v1", Resource: "sprockets"}
}

// The words in which the API server refuses a change differ from kind to kind. Each is known: the object keeps its place,
// the message names the field and the next step, and the rest of the commit is applied.
func TestImmutableFieldsOfManyKinds(t *testing.T) {
	t.Parallel()
	workload := func(kind, selector string) string {
		return "apiVersion: apps/v1\nkind: " + kind + "\nmetadata: {name: x}\nspec:\n  selector: {matchLabels: {app: " + selector + "}}\n  template:\n    metadata: {labels: {app: " + selector + "}}\n    spec: {containers: [{name: x, image: \"registry.example/x:1\"}]}\n"
	}
	rows := []struct {
		name, id, field, next string
		in                    string
		from, to              string // what the commit changes
	}{
		{"deployment", "Deployment/fields-deployment/x", "spec.selector", "replace: [{kind: Deployment, name: x}]", workload("Deployment", "one"), "app: one", "app: two"},
		{"daemonset", "DaemonSet/fields-daemonset/x", "spec.selector", "replace: [{kind: DaemonSet, name: x}]", workload("DaemonSet", "one"), "app: one", "app: two"},
		{"service", "Service/fields-service/x", "spec.clusterIPs[0]", "replace: [{kind: Service, name: x}]",
			"apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec:\n  ports: [{port: 80}]\n", "spec:\n", "spec:\n  clusterIP: None\n"},
		{"claim", "PersistentVolumeClaim/fields-claim/x", "spec", "never replaced",
			"apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: x}\nspec: {storageClassName: standard, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n", "ReadWriteOnce", "ReadWriteMany"},
		{"secret", "Secret/fields-secret/x", "type", "replace: [{kind: Secret, name: x}]", "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\ntype: example.com/a\n", "example.com/a", "example.com/b"},
		{"binding", "RoleBinding/fields-binding/x", "roleRef", "replace: [{kind: RoleBinding, name: x}]",
			"apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: x}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}\nsubjects: []\n", "name: view", "name: edit"},
		{"storage", "StorageClass/fields-storage", "provisioner", "replace: [{kind: StorageClass, name: fields-storage}]",
			"apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: fields-storage}\nprovisioner: example.com/a\n", "example.com/a", "example.com/b"},
		{"ingressclass", "IngressClass/fields-ingressclass", "spec.controller", "replace: [{kind: IngressClass, name: fields-ingressclass}]",
			"apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: fields-ingressclass}\nspec: {controller: example.com/a}\n", "example.com/a", "example.com/b"},
		{"priority", "PriorityClass/fields-priority", "value", "replace: [{kind: PriorityClass, name: fields-priority}]",
			"apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: fields-priority}\nvalue: 10\n", "value: 10", "value: 20"},
		{"runtime", "RuntimeClass/fields-runtime", "handler", "replace: [{kind: RuntimeClass, name: fields-runtime}]",
			"apiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata: {name: fields-runtime}\nhandler: a\n", "handler: a", "handler: b"},
		{"volume", "PersistentVolume/fields-volume", "spec.persistentvolumesource", "replace: [{kind: PersistentVolume, name: fields-volume}]",
			"apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: fields-volume}\nspec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], storageClassName: fields, hostPath: {path: /tmp/a}}\n", "/tmp/a", "/tmp/b"},
		{"pod", "Pod/fields-pod/x", "spec", "replace: [{kind: Pod, name: x}]", "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {hostname: a, containers: [{name: x, image: \"registry.example/x:1\"}]}\n", "hostname: a", "hostname: b"},
		{"custom", "Sprocket/fields-custom/x", "spec.size", "replace: [{kind: Sprocket, name: x}]", documentsOf(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: sprockets.fixed.example.com}
spec:
  group: fixed.example.com
  names: {kind: Sprocket, plural: sprockets}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: integer, x-kubernetes-validations: [{rule: self == oldSelf, message: size is immutable}]}}}}}}
`, "apiVersion: fixed.example.com/v1\nkind: Sprocket\nmetadata: {name: x}\nspec: {size: 1}\n"), "spec: {size: 1}", "spec: {size: 2}"},
	}
	s := newScenario(t, shared(t), "fields")
	before, after := files{}, files{}
	for _, row := range rows {
		path := "apps/fields-" + row.name + "/"
		before[path+"a.yaml"], before[path+"b.yaml"] = row.in, configMap("other", "a", "1")
		after[path+"a.yaml"], after[path+"b.yaml"] = strings.ReplaceAll(row.in, row.from, row.to), configMap("other", "a", "2")
	}
	first := s.commit("as they are", before)
	for _, row := range rows {
		s.applied("fields-"+row.name, first)
	}
	mark := s.now(t)
	s.commit("as they cannot be", after)
	for _, row := range rows {
		s.run(row.name, func(s *scenario) {
			status := s.until("fields-"+row.name, func(a appStatus) error {
				if reason, message := a.ready(); a.State != "failed" || reason != "ImmutableField" {
					return errNotYet("%s: %s", a, message)
				}
				return nil
			})
			_, message := status.ready()
			s.says(message, row.id+": "+row.field+" cannot be changed", row.next, "apps/fields-"+row.name+"/a.yaml")
			s.has("ConfigMap/fields-"+row.name+"/other", "data.a", "2")
			s.live(row.id)
			s.noDeletes(s.T, mark, "fields-"+row.name)
		})
	}
}

// What is listed for replacement is replaced, unless it holds data: the list cannot even name those kinds. A new object that
// the API server would refuse does not cost the old one.
func TestReplacementIsRehearsed(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "rehearse")
	service := func(spec string) string {
		return "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {" + spec + "}\n"
	}
	s.ok("rehearse", s.commit("a service", files{
		"apps/rehearse/a.yaml": service("ports: [{port: 80}]"), "apps/rehearse/plumb.yaml": "replace: [{kind: Service, name: web}]\n"}))
	before := s.live("Service/rehearse/web")
	s.commit("wrong twice", files{"apps/rehearse/a.yaml": service("clusterIP: None, ports: [{port: 80, protocol: NONE}]")})
	s.until("rehearse", func(a appStatus) error {
		if a.State != "failed" {
			return errNotYet("%s", a)
		}
		return nil
	})
	s.same(before)
	s.ok("rehearse", s.commit("right", files{"apps/rehearse/a.yaml": service("clusterIP: None, ports: [{port: 80}]")}))
	if s.live("Service/rehearse/web").GetUID() == before.GetUID() {
		t.Error("it was not replaced")
	}
	s.commit("what is never replaced", files{"apps/rehearse/plumb.yaml": "replace: [{kind: StatefulSet, name: db}]\n"})
	status := s.is("rehearse", "failed", "InvalidSettings")
	s.says(status.Summary, "StatefulSet")
}
