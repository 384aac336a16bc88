package preview

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
	"plumb.dev/plumb/internal/report"
)

const (
	web    = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\n"
	set    = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db, namespace: shop}\n"
	volume = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data, namespace: shop}\n"
	role   = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: r}\n"
	bound  = "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: b, namespace: shop}\nroleRef: {kind: Role, name: r}\n"
)

// TestRisks: what happens besides, when an object changes.
func TestRisks(t *testing.T) {
	scaler := plan.Autoscaler{
		ID:     object.ID{Group: "autoscaling", Kind: "HorizontalPodAutoscaler", Namespace: "shop", Name: "web"},
		Target: object.ID{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}, Count: true,
	}
	for _, row := range []struct {
		reason  string
		was, is string
		scalers []plan.Autoscaler
		want    []string
	}{
		{"nothing of the pods", web + "spec: {minReadySeconds: 1}", web + "spec: {minReadySeconds: 2}", nil, nil},
		{"another template", web + "spec: {replicas: 3, template: {a: 1}}", web + "spec: {replicas: 3, template: {a: 2}}", nil, []string{"restart: rolling restart of 3 pods"}},
		{"of no pods at all", web + "spec: {replicas: 0, template: {a: 1}}", web + "spec: {replicas: 0, template: {a: 2}}", nil, nil},
		{"of a number that Git does not say", web + "spec: {template: {a: 1}}", web + "spec: {template: {a: 2}}", nil, []string{"restart: rolling restart of its pods"}},
		{"none are left", web + "spec: {replicas: 2}", web + "spec: {replicas: 0}", nil, []string{"downtime: stops all its pods: 0 are left"}},
		{"all at once", web + "spec: {replicas: 1, template: {a: 1}, strategy: {type: Recreate}}", web + "spec: {replicas: 1, template: {a: 2}, strategy: {type: Recreate}}", nil,
			[]string{"downtime: stops 1 pod before new ones start"}},
		{"by hand", "apiVersion: apps/v1\nkind: DaemonSet\nspec: {template: {a: 1}, updateStrategy: {type: OnDelete}}", "apiVersion: apps/v1\nkind: DaemonSet\nspec: {template: {a: 2}, updateStrategy: {type: OnDelete}}", nil,
			[]string{"restart: takes effect on a pod when somebody deletes it"}},
		{"a number that an autoscaler sets", web + "spec: {replicas: 1}", web + "spec: {replicas: 2}", []plan.Autoscaler{scaler},
			[]string{"autoscaler: HorizontalPodAutoscaler/shop/web sets how many there are: spec.replicas of Git does not stay"}},
		{"other pods behind a Service", "apiVersion: v1\nkind: Service\nspec: {selector: {a: b}}", "apiVersion: v1\nkind: Service\nspec: {selector: {a: c}}", nil, []string{"selector: it selects other pods"}},
		{"other pods that a NetworkPolicy locks", "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nspec: {podSelector: {a: b}}", "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nspec: {podSelector: {}}", nil, []string{"selector: it selects other pods"}},
		{"a kind of the same name of somebody else", "apiVersion: serving.knative.dev/v1\nkind: Service\nspec: {selector: {a: b}}", "apiVersion: serving.knative.dev/v1\nkind: Service\nspec: {selector: {a: c}}", nil, nil},
		{"a template of a kind without pods", "apiVersion: v1\nkind: ConfigMap\nspec: {template: {a: 1}}", "apiVersion: v1\nkind: ConfigMap\nspec: {template: {a: 2}}", nil, nil},
		{"a volume that is to shrink", volume + "spec: {resources: {requests: {storage: 10Gi}}}", volume + "spec: {resources: {requests: {storage: 5Gi}}}", nil, []string{"shrink: no volume can become smaller: 10Gi to 5Gi"}},
		{"a volume that grows", volume + "spec: {resources: {requests: {storage: 5Gi}}}", volume + "spec: {resources: {requests: {storage: 5120Mi}}}", nil, nil},
		{"a volume that goes with its claim from now on", "apiVersion: v1\nkind: PersistentVolume\nspec: {persistentVolumeReclaimPolicy: Retain}", "apiVersion: v1\nkind: PersistentVolume\nspec: {persistentVolumeReclaimPolicy: Delete}", nil,
			[]string{"data-loss: its data goes when its claim goes, from now on"}},
		{"volumes that go with their set from now on", set + "spec: {replicas: 1}", set + "spec: {replicas: 1, persistentVolumeClaimRetentionPolicy: {whenDeleted: Delete}}", nil,
			[]string{"data-loss: its volumes are deleted with it, from now on"}},
		{"volumes of the pods that go", set + "spec: {replicas: 3, persistentVolumeClaimRetentionPolicy: {whenScaled: Delete}}", set + "spec: {replicas: 1, persistentVolumeClaimRetentionPolicy: {whenScaled: Delete}}", nil,
			[]string{"data-loss: DELETES DATA: the volumes of the pods that go are deleted"}},
	} {
		was, is := parse(t, row.was), parse(t, row.is)
		if got := wordsOf(risks(pair{was, is, was, is}, row.scalers)); !slices.Equal(got, row.want) {
			t.Errorf("%s: %q, want %q", row.reason, got, row.want)
		}
	}
}

func wordsOf(found []risk) []string {
	var words []string
	for _, r := range found {
		words = append(words, string(r.word)+": "+r.text)
	}
	return words
}

// TestRights: who may do more than before is told, and that somebody may do less is not.
func TestRights(t *testing.T) {
	reads := role + "rules: [{apiGroups: [''], resources: [pods, configmaps], verbs: [get, list]}]\n"
	for _, row := range []struct {
		reason  string
		was, is string
		want    string
	}{
		{"a new role", "", reads, "get, list of pods; get, list of configmaps"},
		{"the same, written otherwise", reads, role + "rules: [{apiGroups: [''], resources: [configmaps], verbs: [list, get]}, {apiGroups: [''], resources: [pods], verbs: [get]}]", ""},
		{"less", reads, role + "rules: []", ""},
		{"a verb more", reads, strings.Replace(reads, "[get, list]", "[get, list, delete]", 1), "delete of pods; delete of configmaps"},
		{"a resource more", reads, strings.Replace(reads, "configmaps]", "configmaps, secrets]", 1), "get, list of secrets"},
		{"of another group", reads, strings.Replace(reads, "['']", "['', apps]", 1), "get, list of pods.apps; get, list of configmaps.apps"},
		{"everything", reads, role + "rules: [{apiGroups: ['*'], resources: ['*'], verbs: ['*']}]", "* of *.*"},
		{"something of everything", role + "rules: [{apiGroups: ['*'], resources: ['*'], verbs: ['*']}]", reads, ""},
		{"all names where one was named", role + "rules: [{apiGroups: [''], resources: [secrets], resourceNames: [a], verbs: [get]}]", role + "rules: [{apiGroups: [''], resources: [secrets], verbs: [get]}]", "get of secrets"},
		{"another name", role + "rules: [{apiGroups: [''], resources: [secrets], resourceNames: [a], verbs: [get]}]", role + "rules: [{apiGroups: [''], resources: [secrets], resourceNames: [b], verbs: [get]}]", "get of secrets named b"},
		{"one name where all were meant", role + "rules: [{apiGroups: [''], resources: [secrets], verbs: [get]}]", role + "rules: [{apiGroups: [''], resources: [secrets], resourceNames: [b], verbs: [get]}]", ""},
		{"a subresource of all", role + "rules: [{apiGroups: [apps], resources: ['*/scale'], verbs: [get]}]", role + "rules: [{apiGroups: [apps], resources: [deployments/scale], verbs: [get]}]", ""},
		{"an address", role + "rules: [{nonResourceURLs: ['/healthz/*'], verbs: [get]}]", role + "rules: [{nonResourceURLs: ['/healthz/a', '/metrics'], verbs: [get]}]", "get of /metrics"},
		{"it becomes part of another role", reads, strings.Replace(reads, "{name: r}", "{name: r, labels: {rbac.authorization.k8s.io/aggregate-to-admin: 'true'}}", 1), "its rights become part of admin"},
		{"it gathers others", reads, reads + "aggregationRule: {clusterRoleSelectors: [{matchLabels: {a: b}}]}", "whatever other roles say that it gathers"},
		{"one more who may", bound + "subjects: [{kind: User, name: ann}]", bound + "subjects: [{kind: User, name: ann}, {kind: ServiceAccount, namespace: shop, name: web}]", "Role/r for ServiceAccount/shop/web"},
		{"one less", bound + "subjects: [{kind: User, name: ann}, {kind: User, name: bob}]", bound + "subjects: [{kind: User, name: ann}]", ""},
		{"another role for the same", bound + "subjects: [{kind: User, name: ann}]", strings.Replace(bound, "name: r}", "name: s}", 1) + "subjects: [{kind: User, name: ann}]", "Role/s for User/ann"},
		{"a few are named", "", role + "rules: [{apiGroups: [''], resources: [a, b, c, d, e], verbs: [get]}]", "get of a; get of b; get of c; 2 more"},
	} {
		var was object.Object
		if row.was != "" {
			was = parse(t, row.was)
		}
		got := strings.Join(wordsOf(rights(was, parse(t, row.is))), "|")
		want := row.want
		if want != "" {
			want = "rights: WIDENS RIGHTS: " + want
		}
		if got != want {
			t.Errorf("%s: %q, want %q", row.reason, got, want)
		}
	}
	huge := role + "rules:\n- {apiGroups: [" + strings.Repeat("a,", 300) + "], resources: [" + strings.Repeat("b,", 300) + "], verbs: [get]}\n"
	if got := fmt.Sprint(rights(object.Object{}, parse(t, huge))); !strings.Contains(got, "more rights than can be compared") {
		t.Error("rights without end are compared one by one")
	}
}

// TestLoss: a deletion that takes more than the object with it says so.
func TestLoss(t *testing.T) {
	keeps := parse(t, set+"spec: {persistentVolumeClaimRetentionPolicy: {whenDeleted: Delete}}")
	for _, row := range []struct {
		reason string
		id     object.ID
		live   object.Object
		want   report.Risk
	}{
		{"what is stored", object.ID{Kind: "PersistentVolumeClaim"}, object.Object{}, report.RiskDataLoss},
		{"all of a namespace", object.ID{Kind: "Namespace"}, object.Object{}, report.RiskContents},
		{"all of a kind", object.ID{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}, object.Object{}, report.RiskContents},
		{"a set that takes its volumes along", keeps.ID(), keeps, report.RiskDataLoss},
		{"a set that does not", keeps.ID(), parse(t, set+"spec: {replicas: 1}"), ""},
		{"nothing else", object.ID{Kind: "ConfigMap"}, object.Object{}, ""},
		{"somebody's kind of that name", object.ID{Group: "example.com", Kind: "Namespace"}, object.Object{}, ""},
	} {
		var got report.Risk
		if found := loss(row.id, row.live); len(found) > 0 {
			got = found[0].word
		}
		if got != row.want {
			t.Errorf("%s: %q, want %q", row.reason, got, row.want)
		}
	}
}

// TestRenderedRisks: what the manifests alone tell of a change.
func TestRenderedRisks(t *testing.T) {
	scaler := "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web, namespace: shop}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}\n"
	before := []object.Object{parse(t, web+"spec: {replicas: 3, template: {a: 1}}"), parse(t, volume), parse(t, scaler)}
	after := []object.Object{parse(t, web+"spec: {replicas: 3, template: {a: 2}}"), parse(t, bound+"subjects: [{kind: User, name: ann}]"), parse(t, scaler)}
	var got []string
	for _, d := range RenderedRisks(before, after) {
		got = append(got, fmt.Sprint(d.Change, " ", d.Object, " ", d.Risks))
	}
	want := []string{"changed Deployment/shop/web [autoscaler restart]", "added RoleBinding/shop/b [rights]", "deleted PersistentVolumeClaim/shop/data [data-loss]"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
