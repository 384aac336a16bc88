package fleet

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"plumb.dev/plumb/api/v1alpha1"
)

const manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"

// tree makes a file system of "path" or "path=content" words. A path ending in .yaml without content holds an object,
// except for a Chart.yaml, a values file or a plumb.yaml.
func tree(words ...string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for _, w := range words {
		name, content, said := strings.Cut(w, "=")
		base := name[strings.LastIndex(name, "/")+1:]
		if !said && base != "Chart.yaml" && base != SettingsFile && !strings.HasPrefix(base, "values") {
			content = manifest
		}
		fsys[name] = &fstest.MapFile{Data: []byte(content), Mode: 0o644}
	}
	return fsys
}

func addresses(apps []App) []string {
	var out []string
	for _, a := range apps {
		s := a.Address().String()
		if a.Fault != nil {
			s += " " + string(a.Fault.Reason)
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

func reasons(faults []Fault) []string {
	var out []string
	for _, f := range faults {
		out = append(out, strings.TrimSpace(Address{App: f.App, Env: f.Env, Cluster: f.Cluster}.String()+" "+string(f.Fault.Reason)))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func exclude(path string) v1alpha1.Pattern { return v1alpha1.Pattern{Path: path, Exclude: true} }

func as(path, app string) v1alpha1.Pattern { return v1alpha1.Pattern{Path: path, App: app} }

// The layouts of resources.md §4.2, row by row.
func TestLayouts(t *testing.T) {
	usOne := Cluster{Name: "us-1", Labels: map[string]string{"env": "prod"}}
	euOne := Cluster{Name: "eu-1", Labels: map[string]string{"env": "prod"}}
	for _, row := range []struct {
		reason   string
		tree     fstest.MapFS
		apps     []v1alpha1.Pattern
		clusters []Cluster
		want     []string
		faults   []string
	}{
		{
			reason: "a folder that renders is one app",
			tree:   tree("apps/cart/kustomization.yaml"),
			want:   []string{"cart"},
		},
		{
			reason: "one app per folder of envs/; base is an input",
			tree:   tree("apps/cart/base/kustomization.yaml", "apps/cart/envs/dev/kustomization.yaml", "apps/cart/envs/prod/kustomization.yaml"),
			want:   []string{"cart/dev", "cart/prod"},
		},
		{
			reason: "values files make environments, if their name is one",
			tree:   tree("apps/search/Chart.yaml", "apps/search/values.yaml", "apps/search/values-prod.yaml", "apps/search/values-nosql.yaml"),
			want:   []string{"search/prod"},
		},
		{
			reason:   "a cluster folder replaces the environment's there, and only there",
			tree:     tree("apps/cart/envs/prod/kustomization.yaml", "apps/cart/envs/prod/clusters/us-1/kustomization.yaml"),
			clusters: []Cluster{usOne, euOne},
			want:     []string{"cart/prod@eu-1", "cart/prod@us-1"},
		},
		{
			reason: "Flux's layout is not guessed",
			tree:   tree("apps/base/podinfo/kustomization.yaml", "apps/staging/kustomization.yaml", "apps/production/kustomization.yaml"),
			faults: []string{"base Ambiguous", "production Ambiguous", "staging Ambiguous"},
		},
		{
			reason: "Flux's layout, said",
			tree:   tree("apps/base/podinfo/kustomization.yaml", "apps/staging/kustomization.yaml", "apps/production/kustomization.yaml"),
			apps:   []v1alpha1.Pattern{exclude("apps/base"), as("apps/{env}", "podinfo")},
			want:   []string{"podinfo/production", "podinfo/staging"},
		},
		{
			reason: "every folder at the root is an app; a chart is one per values environment",
			tree: tree("guestbook/svc.yaml", "sock-shop/kustomization.yaml", "sock-shop/base/x.yaml",
				"helm-guestbook/Chart.yaml", "helm-guestbook/values.yaml", "helm-guestbook/values-production.yaml", "README.md="),
			apps: []v1alpha1.Pattern{{Path: "{app}"}},
			want: []string{"guestbook", "helm-guestbook/production", "sock-shop"},
		},
		{
			reason: "a variable between becomes a label",
			tree:   tree("teams/pay/cart/x.yaml", "teams/pay/ledger/x.yaml"),
			apps:   []v1alpha1.Pattern{{Path: "teams/{team}/{app}"}},
			want:   []string{"cart", "ledger"},
		},
	} {
		t.Run(row.reason, func(t *testing.T) {
			got := Discover(Input{Tree: row.tree, Apps: row.apps, Clusters: row.clusters})
			if diff := cmp.Diff(row.want, addresses(got.Apps)); diff != "" {
				t.Errorf("apps (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(row.faults, reasons(got.Faults)); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}
