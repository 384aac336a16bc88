package fleet

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
)

func TestByHand(t *testing.T) {
	no := false
	files := tree("plumb.yaml=defaults: {heal: false, prune: false}", "guestbook/x.yaml", "guestbook/plumb.yaml=skip: true\nprune: true",
		"chart/Chart.yaml", "chart/values.yaml", "chart/values-prod.yaml",
		"apps/cart/plumb.yaml=namespace: shop", "apps/cart/envs/prod/x.yaml", "apps/cart/envs/prod/plumb.yaml=sync: manual",
		"apps/cart/envs/prod/clusters/us-1/x.yaml", "broken/x.yaml", "broken/plumb.yaml=heel: 1", "empty/README.md=", ".hidden/x.yaml",
		"both/Chart.yaml", "both/Kustomization")
	for _, row := range []struct {
		reason string
		name   string
		spec   v1alpha1.AppSpec
		fault  fault.Reason
		want   App // Kind, Namespace, Values, Outside and the settings that matter
		check  func(v1alpha1.Settings) bool
	}{
		{
			reason: "the root's defaults and the folder's file count; its skip is for discovery only",
			spec:   v1alpha1.AppSpec{Path: "guestbook"}, want: App{Kind: Plain, Namespace: "guestbook"},
			check: func(s v1alpha1.Settings) bool { return !*s.Heal && *s.Prune },
		},
		{
			reason: "spec.settings wins", spec: v1alpha1.AppSpec{Path: "guestbook", Settings: &v1alpha1.Settings{Prune: &no, Namespace: "{app}-x"}},
			want:  App{Kind: Plain, Namespace: "guestbook-x"},
			check: func(s v1alpha1.Settings) bool { return !*s.Prune },
		},
		{
			reason: "spec.namespace wins over all", spec: v1alpha1.AppSpec{Path: "guestbook", Namespace: "mine", Settings: &v1alpha1.Settings{Namespace: "other"}},
			want: App{Kind: Plain, Namespace: "mine"},
		},
		{
			reason: "a chart takes the values of spec.env", spec: v1alpha1.AppSpec{Path: "chart", App: "c", Env: "prod"},
			want: App{Kind: Helm, Namespace: "c-prod", Values: []string{"values.yaml", "values-prod.yaml"}},
		},
		{
			reason: "above an environment's folder the app's file counts", spec: v1alpha1.AppSpec{Path: "apps/cart/envs/prod"},
			want:  App{Kind: Plain, Namespace: "shop", Outside: []string{"clusters"}},
			check: func(s v1alpha1.Settings) bool { return s.Sync == "manual" },
		},
		{
			reason: "above a cluster's folder the environment's and the app's", spec: v1alpha1.AppSpec{Path: "apps/cart/envs/prod/clusters/us-1", Cluster: "us-1"},
			want:  App{Kind: Plain, Namespace: "shop"},
			check: func(s v1alpha1.Settings) bool { return s.Sync == "manual" },
		},
		{reason: "a file that is broken", spec: v1alpha1.AppSpec{Path: "broken"}, fault: fault.InvalidSettings},
		{reason: "spec.settings that are wrong", spec: v1alpha1.AppSpec{Path: "guestbook", Settings: &v1alpha1.Settings{Sync: "x"}}, fault: fault.InvalidSettings},
		{reason: "no such folder", spec: v1alpha1.AppSpec{Path: "nowhere/at/all"}, fault: fault.PathNotFound},
		{reason: "a folder that renders nothing", spec: v1alpha1.AppSpec{Path: "empty"}, fault: fault.PathNotFound},
		{reason: "a hidden folder", spec: v1alpha1.AppSpec{Path: ".hidden"}, fault: fault.PathNotFound},
		{reason: "outside the repository", spec: v1alpha1.AppSpec{Path: "../x"}, fault: fault.PathNotFound},
		{reason: "not clean", spec: v1alpha1.AppSpec{Path: "guestbook/"}, fault: fault.PathNotFound},
		{reason: "a folder that fits two", spec: v1alpha1.AppSpec{Path: "both"}, fault: fault.Ambiguous},
		{reason: "a folder that fits two, said", spec: v1alpha1.AppSpec{Path: "both", Settings: &v1alpha1.Settings{Render: Kustomize}}, want: App{Kind: Kustomize, Namespace: "guestbook"}},
		{reason: "an environment that is no name", spec: v1alpha1.AppSpec{Path: "guestbook", Env: "A"}, fault: fault.NameInvalid},
		{reason: "an object's name that is no namespace", name: "a.b", spec: v1alpha1.AppSpec{Path: "guestbook"}, fault: fault.NameInvalid},
	} {
		t.Run(row.reason, func(t *testing.T) {
			name := row.name
			if name == "" {
				name = "guestbook"
			}
			got := ByHand(files, &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: row.spec})
			if got.Fault != got.App.Fault || (got.Fault == nil) != (row.fault == "") || got.Fault != nil && got.Fault.Reason != row.fault {
				t.Fatalf("fault %v, want %q", got.Fault, row.fault)
			}
			if got.Fault != nil {
				return
			}
			seen := []any{got.App.Kind, got.App.Namespace, got.App.Values, got.App.Outside}
			if diff := cmp.Diff([]any{row.want.Kind, row.want.Namespace, row.want.Values, row.want.Outside}, seen); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if row.check != nil && !row.check(got.App.Settings) {
				t.Errorf("settings: %s", asJSON(t, got.App.Settings))
			}
			if got.Root.Defaults.Heal == nil {
				t.Error("the root file is not told")
			}
		})
	}
}

func TestRenders(t *testing.T) {
	for _, row := range []struct {
		reason string
		tree   fstest.MapFS
		kind   string
		ok     bool
		fault  fault.Reason
	}{
		{"a chart", tree("d/Chart.yaml", "d/x.yaml"), Helm, true, ""},
		{"kustomization.yaml, beside manifests", tree("d/kustomization.yaml", "d/x.yaml"), Kustomize, true, ""},
		{"Kustomization", tree("d/Kustomization=x"), Kustomize, true, ""},
		{"a manifest", tree("d/x.yml=" + manifest), Plain, true, ""},
		{"the second document is one", tree("d/x.yaml=a: 1\n--- # next\n" + manifest), Plain, true, ""},
		{"flow style", tree("d/x.yaml={apiVersion: v1, kind: A}"), Plain, true, ""},
		{"indented as a whole", tree("d/x.yaml=  apiVersion: v1\n  kind: A\n"), Plain, true, ""},
		{"Windows' line ends", tree("d/x.yaml=apiVersion: v1\r\nkind: A\r\n"), Plain, true, ""},
		{"a manifest that is broken further down is still one", tree("d/x.yaml=apiVersion: v1\nkind: A\nx: [\n"), Plain, true, ""},
		{"a JSON manifest that is broken further down too", tree(`d/x.json={"apiVersion": "v1", "kind": "A", x`), Plain, true, ""},
		{"only in a folder below", tree("d/e/x.yaml"), "", false, ""},
		{"only plumb.yaml", tree("d/plumb.yaml=" + manifest), "", false, ""},
		{"kind and apiVersion further in", tree("d/x.yaml=a:\n  apiVersion: v1\n  kind: A\n"), "", false, ""},
		{"in a text", tree("d/x.yaml=a: |\n  apiVersion: v1\n  kind: A\n"), "", false, ""},
		{"in two documents", tree("d/x.yaml=apiVersion: v1\n---\nkind: A\n"), "", false, ""},
		{"a template", tree("d/x.yaml=apiVersion: v1\nkind: A\nname: {{ .x }}\n"), "", false, ""},
		{"a template of its kind", tree("d/x.yaml=apiVersion: {{ .v }}\nkind: A\n"), "", false, ""},
		{"braces in a text", tree("d/x.yaml=apiVersion: v1\nkind: A\nname: '{{ .x }}'\n"), Plain, true, ""},
		{"a list in JSON", tree(`d/x.json=[{"apiVersion": "v1", "kind": "A"}]`), "", false, ""},
		{"no such folder", tree("x.yaml"), "", false, ""},
		{"two kinds", tree("d/Chart.yaml", "d/kustomization.yml"), "", true, fault.Ambiguous},
	} {
		t.Run(row.reason, func(t *testing.T) {
			kind, ok, err := Renders(row.tree, "d")
			if kind != row.kind || ok != row.ok || (err != nil) != (row.fault != "") || err != nil && !fault.Is(err, row.fault) {
				t.Errorf("%q, %v, %v; want %q, %v, %s", kind, ok, err, row.kind, row.ok, row.fault)
			}
		})
	}
}

func TestRoots(t *testing.T) {
	for _, row := range []struct {
		reason string
		apps   []v1alpha1.Pattern
		want   []string
	}{
		{"the convention", nil, []string{"apps", "plumb.yaml"}},
		{"a variable at once", []v1alpha1.Pattern{{Path: "{app}"}}, []string{"."}},
		{"the fixed beginnings, each once", []v1alpha1.Pattern{{Path: "a/b/{app}"}, as("c-*/d", "x"), exclude("e")}, []string{"."}},
		{"literal folders", []v1alpha1.Pattern{{Path: "a/b/{app}"}, as("d", "x"), as("d", "y"), exclude("e")}, []string{"a/b", "d", "plumb.yaml"}},
		{"patterns that are wrong", []v1alpha1.Pattern{{Path: "/x"}}, []string{"plumb.yaml"}},
	} {
		t.Run(row.reason, func(t *testing.T) {
			if diff := cmp.Diff(row.want, Roots(row.apps)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestRefusedPatterns(t *testing.T) {
	for _, row := range []struct {
		reason string
		entry  v1alpha1.Pattern
		says   string
	}{
		{"no path", v1alpha1.Pattern{App: "x"}, "needs a path that is relative"},
		{"absolute", as("/x", "x"), "needs a path that is relative"},
		{"out of the repository", as("../x", "x"), "needs a path that is relative"},
		{"not clean", as("a//b", "x"), "needs a path that is relative"},
		{"a hidden name", as(".github/x", "x"), "never visited"},
		{"two stars", as("**/x", "x"), "has **"},
		{"a variable within a name", v1alpha1.Pattern{Path: "{app}-x"}, "a variable binds a whole name"},
		{"a brace alone", v1alpha1.Pattern{Path: "{app"}, "a variable binds a whole name"},
		{"a variable that cannot be a label", v1alpha1.Pattern{Path: "{a b}/{app}"}, "is not a variable"},
		{"a variable twice", v1alpha1.Pattern{Path: "{app}/{app}"}, "binds {app} twice"},
		{"nothing that names the app", v1alpha1.Pattern{Path: "x/{team}"}, "has no {app} in its path"},
		{"an app of an unknown variable", as("{team}/{app}", "{taem}-{app}"), "did you mean {team}?"},
		{"a namespace of an unknown variable", v1alpha1.Pattern{Path: "{app}", Namespace: "{team}"}, "namespace: uses {team}, which is not bound"},
		{"an exclusion with a name", v1alpha1.Pattern{Path: "x", App: "x", Exclude: true}, "can do one of the two"},
	} {
		t.Run(row.reason, func(t *testing.T) {
			r := Discover(Input{Tree: tree("apps/cart/x.yaml"), Apps: []v1alpha1.Pattern{{Path: "{app}"}, row.entry}})
			bad := r.Blocked()
			if bad == nil || bad.Reason != fault.InvalidSettings || !strings.Contains(bad.Message, row.says) || !strings.HasPrefix(bad.Message, "spec.apps[1]") {
				t.Errorf("%v; want %q", bad, row.says)
			}
		})
	}
}

func TestGlob(t *testing.T) {
	for _, row := range []struct {
		glob, name string
		want       bool
	}{
		{"legacy-*", "legacy-web", true}, {"legacy-*", "legacy-", true}, {"legacy-*", "web-legacy-x", false}, {"*", "", true},
		{"*-x", "a-x", true}, {"*-x", "-x", true}, {"*-x", "x", false}, {"a*b*c", "abc", true}, {"a*b*c", "axxbyybc", true}, {"a*b*c", "acb", false},
		{"a*a", "a", false}, {"[a]", "a", false}, {"a?", "ab", false}, {"plain", "plain", true},
	} {
		if got := matchGlob(row.glob, row.name); got != row.want {
			t.Errorf("%q matches %q: %v", row.glob, row.name, got)
		}
	}
}
