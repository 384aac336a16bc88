package fleet

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plumb.dev/plumb/api/v1alpha1"
)

func TestExplainJSON(t *testing.T) {
	var b strings.Builder
	if err := ExplainJSON(&b, Explain(Input{Tree: tree("apps/cart/x.yaml", "apps/web/plumb.yaml=heel: 1", "apps/web/x.yaml")})); err != nil {
		t.Fatal(err)
	}
	var got struct {
		APIVersion, Kind, Summary string
		Apps                      []struct{ Name, Kind, Namespace string }
		Explained                 []struct{ Path, Rule string }
		Faults                    []struct {
			App   string
			Fault struct {
				Reason string
				Place  struct{ File string }
			}
		}
	}
	if err := json.Unmarshal([]byte(b.String()), &got); err != nil {
		t.Fatal(err)
	}
	want := `cli.plumb/v1 AppsExplanation "2 apps, 1 fault" [{cart plain cart} {web plain web}] web InvalidSettings apps/web/plumb.yaml`
	f := got.Faults[0]
	said := got.APIVersion + " " + got.Kind + ` "` + got.Summary + `" [{` + got.Apps[0].Name + " " + got.Apps[0].Kind + " " + got.Apps[0].Namespace + "} {" +
		got.Apps[1].Name + " " + got.Apps[1].Kind + " " + got.Apps[1].Namespace + "}] " + f.App + " " + f.Fault.Reason + " " + f.Fault.Place.File
	if diff := cmp.Diff(want, said); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

type full struct{}

var errFull = errors.New("no space left")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestExplainTellsThatItCouldNotWrite(t *testing.T) {
	if err := ExplainText(full{}, Explain(Input{Tree: tree("apps/cart/x.yaml")})); !errors.Is(err, errFull) {
		t.Errorf("%v", err)
	}
}

// A fault of a folder holds for every app that was in it, and for no other: none of them looks gone.
func TestFaultOf(t *testing.T) {
	r := Discover(Input{Tree: tree("apps/cart/envs/prod/x.yaml", "apps/cart/overlays/dev/x.yaml", "apps/web/x.yaml", "apps/prod/api/x.yaml",
		"apps/shop/envs/dev/x.yaml", "apps/shop/envs/prod/x.yaml", "apps/shop/envs/prod/plumb.yaml=heel: 1")})
	for _, row := range []struct {
		reason, app, env, path string
		faulty                 bool
	}{
		{"its folder is Ambiguous", "cart", "prod", "apps/cart/envs/prod", true},
		{"also for an environment that is gone", "cart", "qa", "apps/cart/envs/qa", true},
		{"an app that patterns made of the folder", "api", "prod", "apps/prod/api", true},
		{"a good app", "web", "", "apps/web", false},
		{"an app that is gone", "old", "", "apps/old", false},
		{"its environment's file is broken", "shop", "prod", "apps/shop/envs/prod", true},
		{"another environment's file is broken", "shop", "dev", "apps/shop/envs/dev", false},
	} {
		t.Run(row.reason, func(t *testing.T) {
			f := r.FaultOf(Address{App: row.app, Env: row.env}, row.path)
			if (f != nil) != row.faulty {
				t.Errorf("%v", f)
			}
		})
	}
}

func TestSuggestedYAMLQuotes(t *testing.T) {
	patterns := []v1alpha1.Pattern{as("on", "yes"), as("1e3", "0x1"), as("a b/c#d", "null"), as("-x", "~"), {Path: "{app}", Namespace: "{app}-x", Exclude: true}}
	if diff := cmp.Diff(patterns, pasted(t, patterns)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
