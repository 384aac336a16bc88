package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func init() {
	kinds["Gauge"] = schema.GroupVersionResource{Group: "truth.example.com", Version: "v1", Resource: "gauges"}
	for kind, of := range map[string]schema.GroupVersionResource{
		"CronJob": {Group: "batch", Version: "v1", Resource: "cronjobs"}, "NetworkPolicy": {Group: "networking.k8s.io", Version: "v1", Resource: "networkpolicies"},
		"PodDisruptionBudget": {Group: "policy", Version: "v1", Resource: "poddisruptionbudgets"},
	} {
		kinds[kind] = of
	}
	kinds["Dial"] = schema.GroupVersionResource{Group: "truth.example.com", Version: "v1", Resource: "dials"}
}

// predicted is what plumb diff says of one object.
type predicted struct {
	Change string
	Object struct{ Kind, Namespace, Name string }
	Risks  []string
	Notes  []string
	Fields []struct {
		Field, Kind string
		From, To    any
	}
}

func (p predicted) id() string {
	return strings.Replace(p.Object.Kind+"/"+p.Object.Namespace+"/"+p.Object.Name, "//", "/", 1)
}

// piece is one part of what a commit holds: an object, or several, in several variants; "" is none.
type piece struct {
	app, file string
	ids       []string
	variants  []string
}

// truthDefinition writes the definition of a kind with defaults at several depths, numbers that may be text, and lists of
// each sort.
func truthDefinition(kind, plural string, more ...string) string {
	return strings.Replace(fmt.Sprintf(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: %[2]s.truth.example.com}
spec:
  group: truth.example.com
  names: {kind: %[1]s, plural: %[2]s, singular: %[3]s}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [size]
            properties:
              size: {type: integer, minimum: 1}
              unit: {type: string, default: metre}
              port: {x-kubernetes-int-or-string: true}
              steps: {type: array, items: {type: string}}
              marks: {type: array, x-kubernetes-list-type: set, items: {type: string}}
              parts:
                type: array
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [name]
                items: {type: object, required: [name], properties: {name: {type: string}, weight: {type: integer, default: 7}}}
              inner: {type: object, default: {}, properties: {mode: {type: string, default: slow}}}
`, kind, plural, strings.TrimSuffix(plural, "s")), "              port:", strings.Join(append(more, "              port:"), "\n"), 1)
}

func gauge(kind, name, spec string) string {
	return "apiVersion: truth.example.com/v1\nkind: " + kind + "\nmetadata: {name: " + name + "}\nspec: {" + spec + "}\n"
}

// truthWeb is a Deployment with what it leaves to defaults, and what it says of its container.
func truthWeb(spec, container string) string {
	return "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  " + spec + "\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n" +
		"    spec:\n      containers:\n      - {name: web, image: \"registry.example/web:1\"" + container + "}\n"
}

func gauges(spec string, more ...string) string {
	return documentsOf(truthDefinition("Gauge", "gauges", more...), gauge("Gauge", "gauge", spec))
}

func truthRights(resources, verbs, subjects string) string {
	const group = "apiVersion: rbac.authorization.k8s.io/v1\n"
	return documentsOf(group+"kind: Role\nmetadata: {name: reader}\nrules: [{apiGroups: [''], resources: "+resources+", verbs: "+verbs+"}]\n",
		group+"kind: RoleBinding\nmetadata: {name: reader}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}\nsubjects: "+subjects+"\n")
}

func truthScaler(spec string) string {
	return "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: set, annotations: {plumb.dev/health: ignore}}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: StatefulSet, name: absent}, " + spec + "}\n"
}

func truthSet(replicas int, image, spec string) string {
	return fmt.Sprintf("apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: set}\nspec: {replicas: %d, %s serviceName: set, selector: {matchLabels: {app: set}}, template: {metadata: {labels: {app: set}}, spec: {containers: [{name: db, image: \"%s\"}]}}}\n", replicas, spec, image)
}

func truthNightly(spec, image string) string {
	return fmt.Sprintf("apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: nightly}\nspec: {%s, jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: night, image: \"%s\"}]}}}}}\n", spec, image)
}

func truthBudget(spec string) string {
	return "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: web}\nspec: {selector: {matchLabels: {app: web}}, " + spec + "}\n"
}

func truthWall(spec string) string {
	return "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: wall}\nspec: {" + spec + "}\n"
}

// truthPieces are all that the generated commits are made of.
func truthPieces() []piece {
	const secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: keys}\n"
	locked := func(value string) string { return configMap("locked", "a", value) + "immutable: true\n" }
	job := func(image string) string {
		return "apiVersion: batch/v1\nkind: Job\nmetadata: {name: once}\nspec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: \"" + image + "\"}]}}}\n"
	}
	service := func(ports string) string {
		return "apiVersion: v1\nkind: Service\nmetadata: {name: front}\nspec: {selector: {app: web}, ports: [" + ports + "]}\n"
	}
	return []piece{
		{"truth", "web", []string{"Deployment/truth/web"}, []string{
			truthWeb("replicas: 1", ""),
			truthWeb("minReadySeconds: 0", ""),
			truthWeb("replicas: 2", ", args: [-a, -b]"),
			truthWeb("replicas: 2", ", args: [-b], ports: [{containerPort: 80}]"),
			truthWeb("replicas: 1", `, resources: {limits: {cpu: "1", memory: 1Gi}}`),
			truthWeb("replicas: 1", `, resources: {limits: {cpu: 1000m, memory: 1024Mi}}`),
			truthWeb("replicas: 1", `, resources: {limits: {cpu: 1500m}, requests: {cpu: 0.5}}`),
			truthWeb("revisionHistoryLimit: 3", ", env: [{name: A, value: x}, {name: B, value: 'y'}], imagePullPolicy: Always"),
			truthWeb("strategy: {type: Recreate}", ", env: [{name: B, value: z}, {name: A, value: x}], ports: [{containerPort: 80, protocol: UDP}, {containerPort: 80}]"),
			truthWeb("progressDeadlineSeconds: 60", ", readinessProbe: {httpGet: {port: 80}}}\n      - {name: side, image: 'registry.example/side:1'"),
		}},
		{"truth", "settings", []string{"ConfigMap/truth/settings"}, []string{
			configMap("settings", "a", "1"), configMap("settings", "a", "1", "b", "two\nlines\n"), configMap("settings", "b", "two\nother lines\n"),
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, labels: {tier: front}, annotations: {note: ''}}\ndata: {a: '1'}\nbinaryData: {c: AAE=}\n",
		}},
		{"truth", "goes", []string{"ConfigMap/truth/goes"}, []string{"", configMap("goes", "a", "1"), configMap("goes", "a", "2")}},
		{"truth", "keys", []string{"Secret/truth/keys"}, []string{
			secret + "stringData: {token: one}\n", secret + "data: {token: b25l}\n", secret + "stringData: {token: two}\ndata: {other: b25l}\n", secret + "data: {token: b25l}\nstringData: {token: two}\ntype: Opaque\n",
		}},
		{"truth", "front", []string{"Service/truth/front"}, []string{
			service("{port: 80}"), service("{port: 80, protocol: TCP, targetPort: 80}"), service("{port: 80, name: http, targetPort: web}, {port: 81, name: more}"), service("{port: 80, name: udp, protocol: UDP}, {port: 80, name: tcp}"),
		}},
		{"truth", "once", []string{"Job/truth/once"}, []string{job("registry.example/a:1"), job("registry.example/a:2"), strings.Replace(job("registry.example/a:2"), "spec: {template", "spec: {backoffLimit: 2, template", 1)}},
		{"truth", "locked", []string{"ConfigMap/truth/locked"}, []string{locked("1"), locked("2"), configMap("locked", "a", "2"), configMap("locked", "a", "3")}},
		{"truth", "stamped", []string{"ConfigMap/truth/stamped"}, []string{configMap("stamped", "a", "1"), configMap("stamped", "a", "2"), configMap("stamped", "a", "2", "stamp", "of Git")}},
		{"truth", "gauge", []string{"Gauge/truth/gauge", "CustomResourceDefinition/gauges.truth.example.com"}, []string{
			gauges("size: 1"), gauges("size: 1, unit: metre, inner: {mode: slow}"), gauges("size: 2, unit: yard, port: 80, steps: [a, b, a]"),
			gauges("size: 2, port: http, steps: [b, a], marks: [p, q], parts: [{name: a}, {name: b, weight: 1}]"), gauges("size: 2, marks: [q, r], parts: [{name: b}], inner: {mode: fast}"),
			gauges("size: 3, unit: null, steps: []"), gauges("size: 3, extra: x", "              extra: {type: string}"), gauges("size: 4, extra: x, port: 8", "              extra: {type: string}"),
		}},
		{"truth", "dial", []string{"CustomResourceDefinition/dials.truth.example.com", "Dial/truth/dial"}, []string{
			"", documentsOf(truthDefinition("Dial", "dials"), gauge("Dial", "dial", "size: 1")),
		}},
		{"truth", "room", []string{"Namespace/truth-room", "ConfigMap/truth-room/inside"}, []string{
			"", documentsOf("apiVersion: v1\nkind: Namespace\nmetadata: {name: truth-room}\n", strings.Replace(configMap("inside", "a", "1"), "name: inside", "name: inside\n  namespace: truth-room", 1)),
		}},
		{"truth", "rights", []string{"Role/truth/reader", "RoleBinding/truth/reader"}, []string{
			truthRights("[pods]", "[get]", "[{kind: User, name: ann}]"), truthRights("[pods, secrets]", "[get]", "[{kind: User, name: ann, apiGroup: rbac.authorization.k8s.io}]"),
			truthRights("[pods]", "[list, get]", "[{kind: ServiceAccount, name: bot, namespace: truth}, {kind: User, name: ann}]"),
		}},
		{"truth", "scaler", []string{"HorizontalPodAutoscaler/truth/set"}, []string{
			truthScaler("maxReplicas: 3"), truthScaler("maxReplicas: 3, minReplicas: 1"), truthScaler("maxReplicas: 4, metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}]"),
			truthScaler("maxReplicas: 4, behavior: {scaleDown: {stabilizationWindowSeconds: 60}}"),
		}},
		{"truth", "set", []string{"StatefulSet/truth/set"}, []string{
			truthSet(1, "registry.example/db:1", ""), truthSet(1, "registry.example/db:2", ""), truthSet(1, "registry.example/db:2", "podManagementPolicy: OrderedReady, updateStrategy: {type: OnDelete},"),
			truthSet(1, "registry.example/db:2", "minReadySeconds: 1, persistentVolumeClaimRetentionPolicy: {whenScaled: Retain},"),
		}},
		{"truth", "nightly", []string{"CronJob/truth/nightly"}, []string{
			truthNightly("schedule: '@daily'", "registry.example/n:1"), truthNightly("schedule: '0 0 * * *', suspend: false", "registry.example/n:1"), truthNightly("schedule: '0 0 * * *', concurrencyPolicy: Forbid", "registry.example/n:2"),
		}},
		{"truth", "budget", []string{"PodDisruptionBudget/truth/web"}, []string{
			truthBudget("minAvailable: 1"), truthBudget("minAvailable: 50%"), truthBudget("maxUnavailable: 1"), truthBudget("maxUnavailable: 1, unhealthyPodEvictionPolicy: AlwaysAllow"),
		}},
		{"truth", "wall", []string{"NetworkPolicy/truth/wall"}, []string{
			truthWall("podSelector: {}"), truthWall("podSelector: {matchLabels: {app: web}}, ingress: [{ports: [{port: 80}]}]"), truthWall("podSelector: {matchLabels: {app: web}}, policyTypes: [Egress, Ingress], ingress: [{ports: [{port: 80, protocol: TCP}, {port: web}]}]"),
		}},
		{"truth-base", "base", []string{"ConfigMap/truth-one/shared", "ConfigMap/truth-two/shared"}, []string{
			configMap("shared", "a", "1"), configMap("shared", "a", "2"), configMap("shared", "a", "2", "b", "3"),
		}},
	}
}

// TestPlanEqualsReality: whatever a commit changes, plumb diff says before the push exactly what the agent's apply then makes
// of the cluster: each object that comes, goes or is made anew, and each field with its value before and after. TRUTH_SEED
// makes another history of commits.
func TestPlanEqualsReality(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "truth")
	s.stamps()
	seed, _ := strconv.ParseUint(os.Getenv("TRUTH_SEED"), 10, 64)
	random := rand.New(rand.NewPCG(seed, 20))
	pieces := truthPieces()
	at := make([]int, len(pieces))
	for i := range pieces {
		if pieces[i].variants[0] == "" && pieces[i].file == "goes" {
			at[i] = 1
		}
	}
	head := s.commit("first", truthFiles(pieces, at, 0))
	s.settle(head)
	const rounds = 16
	for round := 1; round <= rounds && !t.Failed(); round++ {
		last := slices.Clone(at)
		for range 1 + random.IntN(6) {
			i := random.IntN(len(pieces))
			if pieces[i].file == "dial" || pieces[i].file == "room" {
				at[i] = 1 // a definition, and a namespace, that is to go is held
				continue
			}
			at[i] = random.IntN(len(pieces[i].variants))
		}
		s.others(random)
		s.write(truthFiles(pieces, at, round))
		told, refused := s.predicted()
		if refused {
			s.refusedToo(s.commit(fmt.Sprint("refused ", round), nil))
			copy(at, last)
			s.settle(s.commit(fmt.Sprint("back ", round), truthFiles(pieces, at, rounds+round)))
			continue
		}
		before := s.truths(pieces)
		s.settle(s.commit(fmt.Sprint("round ", round), nil))
		s.compareTruths(round, told, before, s.truths(pieces))
	}
}

// refusedToo waits until the API server has refused what it was said to refuse.
func (s *scenario) refusedToo(commit string) {
	s.Helper()
	s.until("truth", func(a appStatus) error {
		if a.State != "failed" || a.Target != commit {
			return fmt.Errorf("%s, want failed at %.7s", a, commit)
		}
		return nil
	})
}

// truthFiles writes the variants of the pieces. Every app has something that differs in each round, so that each is applied.
func truthFiles(pieces []piece, at []int, round int) files {
	mark := configMap("round", "number", fmt.Sprint(round))
	f := files{
		"apps/truth/plumb.yaml": "replace: [{kind: ConfigMap, name: locked}]\n", "apps/truth/round.yaml": mark, "base/kustomization.yaml": "resources: [base.yaml]\n",
	}
	for _, app := range []string{"truth-one", "truth-two"} {
		f["apps/"+app+"/kustomization.yaml"] = "resources: [../../base, round.yaml]\n"
		f["apps/"+app+"/round.yaml"] = mark
	}
	for i, p := range pieces {
		file := "apps/" + p.app + "/" + p.file + ".yaml"
		if p.app == "truth-base" {
			file = "base/base.yaml"
		}
		f[file] = p.variants[at[i]]
	}
	return f
}

// stamps has admission write into ConfigMaps what Git does not say, and over what it says.
func (s *scenario) stamps() {
	s.make(`
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: truth-stamps}
spec:
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: truth}}
    resourceRules:
      - {apiGroups: [""], apiVersions: [v1], resources: [configmaps], resourceNames: [stamped], operations: [CREATE, UPDATE]}
  reinvocationPolicy: Never
  failurePolicy: Fail
  mutations:
    - patchType: JSONPatch
      jsonPatch:
        expression: >-
          [JSONPatch{op: "add", path: "/data/stamp", value: "stamp of " + object.data.a}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: truth-stamps}
spec: {policyName: truth-stamps}
`)
	s.make("apiVersion: v1\nkind: Namespace\nmetadata: {name: truth}\n")
	err := eventually(limit, func() error {
		o := documents(configMap("stamped", "a", "probe"))[0]
		made, err := s.admin.Resource(kinds["ConfigMap"]).Namespace("truth").Create(s.Context(), o, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err != nil {
			return err
		}
		if got := field(made, "data.stamp"); got != "stamp of probe" {
			return fmt.Errorf("the policy is not in force: %v", got)
		}
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
}

// others has controllers write fields of their own beside those of Git.
func (s *scenario) others(random *rand.Rand) {
	switch random.IntN(3) {
	case 0:
		s.patch("ConfigMap/truth/settings", "robot", fmt.Sprintf("data: {robot: \"%d\"}", random.IntN(100)))
	case 1:
		s.patch("Deployment/truth/web", "robot", fmt.Sprintf("metadata: {annotations: {robot: \"%d\"}}", random.IntN(100)))
	case 2:
		s.patch("Gauge/truth/gauge", "robot", fmt.Sprintf("metadata: {labels: {robot: \"n%d\"}}", random.IntN(100)))
	}
}

// settle waits until a commit is applied and the agent has said that it is the newest: what plumb diff compares with.
func (s *scenario) settle(commit string) {
	s.Helper()
	s.await(s.T, "Repo/"+system+"/"+s.name, func(o *unstructured.Unstructured) error {
		if got := field(o, "status.observed.revision"); got != commit {
			return fmt.Errorf("%v is the newest that was seen, want %s", got, commit)
		}
		return nil
	})
	for _, app := range []string{"truth", "truth-one", "truth-two"} {
		s.ok(app, commit)
	}
}

// predicted asks plumb diff what the working tree would change, and whether something would be refused.
func (s *scenario) predicted() (all map[string]predicted, refused bool) {
	s.Helper()
	r := s.command(s.T, s.repo.clone, "diff", "-o", "json")
	out := r.stdout
	var answer struct {
		Apps []struct {
			Address                 string
			Objects, Waiting, Drift []predicted
		}
	}
	if err := json.Unmarshal([]byte(out), &answer); err != nil {
		s.Fatalf("plumb diff says no JSON: %v\n%s", err, out)
	}
	all = map[string]predicted{}
	for _, app := range answer.Apps {
		if len(app.Waiting)+len(app.Drift) > 0 {
			s.Errorf("%s: what is applied is said to wait or to drift:\n%s", app.Address, out)
		}
		for _, o := range app.Objects {
			all[o.id()] = o
			refused = refused || o.Change == "refused"
		}
	}
	if refused != (r.code == 3) || r.code != 0 && r.code != 3 {
		s.Errorf("plumb diff ends with %d:\n%s%s", r.code, out, r.stderr)
	}
	return all, refused
}

// truths reads the objects of all pieces.
func (s *scenario) truths(pieces []piece) map[string]*unstructured.Unstructured {
	s.Helper()
	all := map[string]*unstructured.Unstructured{}
	ids := []string{"ConfigMap/truth/round", "ConfigMap/truth-one/round", "ConfigMap/truth-two/round"}
	for _, p := range pieces {
		ids = append(ids, p.ids...)
	}
	for _, id := range ids {
		if strings.HasPrefix(id, "Dial/") && all["CustomResourceDefinition/dials.truth.example.com"] == nil {
			continue // nobody serves it
		}
		all[id] = s.get(s.T, id)
	}
	return all
}

// compareTruths holds what was said against what became of it.
func (s *scenario) compareTruths(round int, told map[string]predicted, before, after map[string]*unstructured.Unstructured) {
	s.Helper()
	for id := range told {
		if _, known := after[id]; !known && before[id] == nil {
			s.Errorf("round %d: %s: %s is said of an object that there is not", round, id, told[id].Change)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(after)) {
		was, is := before[id], after[id]
		said, isSaid := told[id]
		want := ""
		switch {
		case was == nil && is == nil:
		case was == nil:
			want = "added"
		case is == nil:
			want = "deleted"
		case was.GetUID() != is.GetUID():
			want = "recreated"
		case !reflect.DeepEqual(plain(was), plain(is)):
			want = "changed"
		}
		switch {
		case said.Change != want:
			s.Errorf("round %d: %s: %q is said, and it is %q\nsaid: %+v\nbefore: %s\nafter: %s", round, id, said.Change, want, said, text(was), text(is))
		case isSaid && want == "changed" && !slices.Contains(said.Risks, "unchecked"): // its defaults are not known
			s.compareFields(round, id, said, was, is)
		}
	}
}

// compareFields makes the changes that were said to what was, and wants what is.
func (s *scenario) compareFields(round int, id string, said predicted, was, is *unstructured.Unstructured) {
	s.Helper()
	made := plain(was)
	for _, f := range said.Fields {
		path := fieldPath(f.Field)
		if strings.HasPrefix(id, "Secret/") && strings.HasPrefix(f.Field, "data") {
			f.From, f.To = lookUp(plain(was), path), lookUp(plain(is), path)
			if reflect.DeepEqual(f.From, f.To) {
				s.Errorf("round %d: %s: %s is said to change, and does not", round, id, f.Field)
			}
		}
		if f.Kind != "added" && !reflect.DeepEqual(lookUp(plain(was), path), f.From) {
			s.Errorf("round %d: %s: %s is said to be %v, and is %v", round, id, f.Field, f.From, lookUp(plain(was), path))
		}
		made = set(made, path, f.To, f.Kind == "removed")
	}
	if want := plain(is); !reflect.DeepEqual(ordered(made), ordered(want)) {
		s.Errorf("round %d: %s: what was said makes\n%s\nand it became\n%s\nfrom\n%s\nsaid: %+v", round, id, text(&unstructured.Unstructured{Object: made.(map[string]any)}), text(is), text(was), said.Fields)
	}
}

// plain gives an object as JSON has it, without what the API server, controllers and Plumb keep on it.
func plain(o *unstructured.Unstructured) any {
	o = o.DeepCopy()
	unstructured.RemoveNestedField(o.Object, "status")
	for _, name := range []string{"managedFields", "resourceVersion", "uid", "generation", "creationTimestamp"} {
		unstructured.RemoveNestedField(o.Object, "metadata", name)
	}
	for _, name := range []string{"deployment.kubernetes.io/revision", "plumb.dev/owner"} {
		unstructured.RemoveNestedField(o.Object, "metadata", "annotations", name)
	}
	unstructured.RemoveNestedField(o.Object, "metadata", "labels", "plumb.dev/managed")
	for _, name := range []string{"labels", "annotations"} {
		if m, _, _ := unstructured.NestedMap(o.Object, "metadata", name); len(m) == 0 {
			unstructured.RemoveNestedField(o.Object, "metadata", name)
		}
	}
	data, err := json.Marshal(o.Object)
	if err != nil {
		panic(err)
	}
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		panic(err)
	}
	return v
}

func text(o *unstructured.Unstructured) string {
	if o == nil {
		return "nothing"
	}
	data, _ := json.Marshal(plain(o))
	return string(data)
}
