package object

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"plumb.dev/plumb/internal/fault"
)

func parseOne(t *testing.T, text string) Object {
	t.Helper()
	objects, _, err := Parse([]byte(text), "f.yaml")
	if err != nil || len(objects) != 1 {
		t.Fatalf("%d objects, %v", len(objects), err)
	}
	return objects[0]
}

func TestNormalise(t *testing.T) {
	const pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: c\n    image: x\n"
	for _, tt := range []struct {
		reason   string
		in, want string
		warnings []string // parts of messages
	}{
		{"stringData becomes data and wins", "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {a: eA==, b: eQ==}\nstringData: {a: hello}\n",
			"apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {a: aGVsbG8=, b: eQ==}\n", nil},
		{"base64 with line breaks is written as the server keeps it", "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata:\n  a: |\n    aGVs\n    bG8=\n",
			"apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {a: aGVsbG8=}\n", nil},
		{"what kubectl get -o yaml adds goes, with a warning", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, uid: u, resourceVersion: \"1\", creationTimestamp: \"2020-01-01T00:00:00Z\", generation: 1, managedFields: [{manager: x}]}\nstatus: {a: b}\n",
			configMap, []string{"metadata.managedFields, metadata.uid, metadata.resourceVersion, metadata.generation, metadata.creationTimestamp, status"}},
		{"kubectl's copy of the object, which may hold a Secret's values", "apiVersion: v1\nkind: Secret\nmetadata: {name: a, annotations: {kubectl.kubernetes.io/last-applied-configuration: '{}'}}\n",
			"apiVersion: v1\nkind: Secret\nmetadata: {name: a, annotations: {}}\n", []string{"last-applied-configuration"}},
		{"what generators write empty goes without a word", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, creationTimestamp: null}\nstatus: {}\n", configMap, nil},
		{"the status of a CRD too", "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a}\nstatus: {conditions: [], storedVersions: [v1]}\n",
			"apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a}\n", nil},
		{"null is not set in a built-in kind", "apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: null, annotations: {x: null}}\nspec: {nodeName: null, containers: [{name: c, env: null}]}\n",
			"apiVersion: v1\nkind: Pod\nmetadata: {name: a, annotations: {}}\nspec: {containers: [{name: c}]}\n", nil},
		{"null can be a value of a custom resource", "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: a, labels: null}\nspec: {values: {x: null}}\n",
			"apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: a}\nspec: {values: {x: null}}\n", nil},
		{"null can be a default in a CRD", "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a}\nspec: {default: null}\n",
			"apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a}\nspec: {default: null}\n", nil},
		{"empty maps stay", "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {volumes: [{name: v, emptyDir: {}}]}\n",
			"apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {volumes: [{name: v, emptyDir: {}}]}\n", nil},
		{"of an env name the last counts, where it stands", pod + "    env: [{name: A, value: '1'}, {name: B, value: $(A)}, {name: A, value: '2'}]\n",
			pod + "    env: [{name: B, value: $(A)}, {name: A, value: '2'}]\n", []string{"spec.containers[name=c].env[name=A] stands more than once"}},
		{"ports that differ in their name only", pod + "    ports: [{containerPort: 80, name: http}, {containerPort: 80, name: web, protocol: TCP}, {containerPort: 80, protocol: UDP}]\n",
			pod + "    ports: [{containerPort: 80, name: web, protocol: TCP}, {containerPort: 80, protocol: UDP}]\n", []string{"the name http is gone"}},
		{"in a CronJob's pods", "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: a}\nspec: {jobTemplate: {spec: {template: {spec: {imagePullSecrets: [{name: s}, {name: s}]}}}}}\n",
			"apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: a}\nspec: {jobTemplate: {spec: {template: {spec: {imagePullSecrets: [{name: s}]}}}}}\n", []string{"imagePullSecrets[name=s]"}},
		{"host aliases of one address are both written", "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {hostAliases: [{ip: 1.1.1.1, hostnames: [a]}, {ip: 1.1.1.1, hostnames: [b]}]}\n",
			"apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {hostAliases: [{ip: 1.1.1.1, hostnames: [a, b]}]}\n", []string{"hostAliases"}},
		{"the lists of kinds that we do not know stay", "apiVersion: example.com/v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a}, {name: a}]}\n",
			"apiVersion: example.com/v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a}, {name: a}]}\n", nil},
		{"a hook may have only generateName", "apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: a-, annotations: {plumb.dev/hook: PreSync}}\n",
			"apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: a-, annotations: {plumb.dev/hook: PreSync}}\n", nil},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			o := parseOne(t, tt.in)
			before := o.Digest()
			got, warnings, err := Normalise(o)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(parseOne(t, tt.want).Fields, got.Fields); diff != "" {
				t.Error(diff)
			}
			if len(warnings) != len(tt.warnings) {
				t.Errorf("warnings %v", warnings)
			}
			for i, w := range tt.warnings {
				if i < len(warnings) && (!strings.Contains(warnings[i].Message, w) || warnings[i].Place.Line != 1) {
					t.Errorf("%v does not say %q", warnings[i], w)
				}
			}
			again, _, err := Normalise(got)
			if err != nil || again.Digest() != got.Digest() || o.Digest() != before {
				t.Error("not stable, or the original was changed", err)
			}
		})
	}
}

func TestNormaliseRefuses(t *testing.T) {
	for _, tt := range []struct{ reason, in, code string }{
		{"no metadata", "apiVersion: v1\nkind: ConfigMap\n", "NAME_REQUIRED"},
		{"no name", "apiVersion: v1\nkind: ConfigMap\nmetadata: {labels: {a: b}}\n", "NAME_REQUIRED"},
		{"generateName of an object that is no hook", "apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: a-}\n", "NAME_REQUIRED"},
		{"a name that is a number", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: 1}\n", "METADATA_TYPE"},
		{"a label that is a boolean", configMap + "  labels: {a: yes}\n", "METADATA_TYPE"},
		{"annotations that are a list", configMap + "  annotations: [a]\n", "METADATA_TYPE"},
		{"an owner, which the garbage collector would miss", configMap + "  ownerReferences: [{uid: u}]\n", "FIELD_NOT_ALLOWED"},
		{"our label", configMap + "  labels: {plumb.dev/managed: 'true'}\n", "RESERVED_METADATA"},
		{"our annotation", configMap + "  annotations: {plumb.dev/owner: 'a/b:c'}\n", "RESERVED_METADATA"},
		{"our annotation, empty", configMap + "  annotations: {plumb.dev/owner: ''}\n", "RESERVED_METADATA"},
		{"Secret data that is not base64", "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {a: hunter2hunter2!}\n", "SECRET_DATA"},
		{"Secret text that is a number", "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {a: 48151623}\n", "SECRET_DATA"},
		{"Secret text that is no map", "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: hunter2\n", "SECRET_DATA"},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			_, _, err := Normalise(parseOne(t, tt.in))
			var f *fault.Fault
			if !errors.As(err, &f) || f.Reason != fault.InvalidObject || f.Code != tt.code || f.Place.Line != 1 {
				t.Fatalf("%v, want %s", err, tt.code)
			}
			if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "48151623") {
				t.Error("the message holds the secret:", err)
			}
		})
	}
}

// Whatever stands twice in a list of env, one of each name is left, and it is the last.
func TestNormaliseKeepsTheLast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOf(rapid.SampledFrom([]string{"A", "B", "C"})).Draw(t, "names")
		env := make([]any, len(names))
		last := map[string]int64{}
		for i, name := range names {
			env[i] = map[string]any{"name": name, "value": int64(i)}
			last[name] = int64(i)
		}
		o := Object{Fields: map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": "a"},
			"spec": map[string]any{"containers": []any{map[string]any{"name": "c", "env": env}}}}}
		got, warnings, err := Normalise(o)
		if err != nil {
			t.Fatal(err)
		}
		kept := Find(got, Path{Field("spec"), Field("containers"), Any(), Field("env"), Any()})
		if len(kept) != len(last) || len(warnings) != len(names)-len(last) {
			t.Fatalf("%v of %v, %d warnings", kept, names, len(warnings))
		}
		for _, e := range kept {
			entry := e.(map[string]any)
			if entry["value"] != last[entry["name"].(string)] {
				t.Fatalf("%v of %v", kept, names)
			}
		}
	})
}
