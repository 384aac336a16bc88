package plan_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plumb.dev/plumb/internal/plan"
)

func TestParseConsents(t *testing.T) {
	one := func(c plan.Consent) []plan.Consent { c.Commit = "77ab410"; return []plan.Consent{c} }
	for _, row := range []struct {
		reason, body string
		want         []plan.Consent
		refused      []string
	}{
		{"an app", "Plumb-Allow-Delete: cart", one(plan.Consent{App: "cart"}), nil},
		{"an environment", "Plumb-Allow-Delete: cart/prod", one(plan.Consent{App: "cart", Env: "prod"}), nil},
		{"a cluster", "Plumb-Allow-Delete: cart/prod@eu-1", one(plan.Consent{App: "cart", Env: "prod", Cluster: "eu-1"}), nil},
		{"a cluster of an app without environments", "Plumb-Allow-Delete: cart@eu-1", one(plan.Consent{App: "cart", Cluster: "eu-1"}), nil},
		{"an object", "Plumb-Allow-Delete: cart/prod PersistentVolumeClaim/data-cart-0",
			one(plan.Consent{App: "cart", Env: "prod", Kind: "PersistentVolumeClaim", Name: "data-cart-0"}), nil},
		{"an object with its namespace", "Plumb-Allow-Delete: cart/prod StatefulSet/shop/cart",
			one(plan.Consent{App: "cart", Env: "prod", Kind: "StatefulSet", Namespace: "shop", Name: "cart"}), nil},
		{"a name with a colon", "Plumb-Allow-Delete: cart ClusterRole/system:cart",
			one(plan.Consent{App: "cart", Kind: "ClusterRole", Name: "system:cart"}), nil},
		{"a squashed message, Windows line ends, any case",
			"Merge\r\n\r\n* first\r\n  * plumb-allow-delete:   cart  \r\n\tmore\r\n", one(plan.Consent{App: "cart"}), nil},
		{"several", "x\n\nPlumb-Allow-Delete: cart\nSigned-off-by: x\n    - Plumb-Allow-Delete: web/dev\n",
			[]plan.Consent{{Commit: "77ab410", App: "cart"}, {Commit: "77ab410", App: "web", Env: "dev"}}, nil},
		{"anything behind it is refused, not guessed", "Plumb-Allow-Delete: cart/prod and web", nil, []string{"Plumb-Allow-Delete: cart/prod and web"}},
		{"three words", "Plumb-Allow-Delete: cart Secret/a Secret/b", nil, []string{"Plumb-Allow-Delete: cart Secret/a Secret/b"}},
		{"a wildcard", "Plumb-Allow-Delete: *", nil, []string{"Plumb-Allow-Delete: *"}},
		{"nothing", "Plumb-Allow-Delete:", nil, []string{"Plumb-Allow-Delete:"}},
		{"a half address", "Plumb-Allow-Delete: cart/", nil, []string{"Plumb-Allow-Delete: cart/"}},
		{"a full stop", "Plumb-Allow-Delete: cart/prod.", nil, []string{"Plumb-Allow-Delete: cart/prod."}},
		{"a full stop behind an app", "Plumb-Allow-Delete: cart.", nil, []string{"Plumb-Allow-Delete: cart."}},
		{"a comma behind an object", "Plumb-Allow-Delete: cart Secret/a,", nil, []string{"Plumb-Allow-Delete: cart Secret/a,"}},
		{"in the middle of a sentence it is no consent", "we could add Plumb-Allow-Delete: cart", nil, nil},
		{"a quotation is no consent", "> Plumb-Allow-Delete: cart", nil, nil},
		{"another word", "Plumb-Allow-Deletes: cart", nil, nil},
	} {
		t.Run(row.reason, func(t *testing.T) {
			if diff := cmp.Diff(row.want, plan.ParseConsents("77ab410", row.body)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(row.refused, plan.RefusedConsents(row.body)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// FuzzParseConsents: what is parsed is written back as the same consent, and nothing panics.
func FuzzParseConsents(f *testing.F) {
	f.Add("Plumb-Allow-Delete: cart/prod@eu-1 PersistentVolumeClaim/shop/data-cart-0")
	f.Add("* \tplumb-allow-delete:cart@local\r\n")
	f.Fuzz(func(t *testing.T, body string) {
		for _, c := range plan.ParseConsents("x", body) {
			again := plan.ParseConsents("x", c.String())
			if diff := cmp.Diff([]plan.Consent{c}, again); diff != "" {
				t.Errorf("%q: %s", c, diff)
			}
			if !strings.Contains(body, c.App) {
				t.Errorf("%q is not in the text", c.App)
			}
		}
	})
}
