package policy

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
)

var now = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// tree is a repository whose only policy file holds text.
func tree(text string) fs.FS {
	return fstest.MapFS{"plumb.yaml": {Data: []byte("policies: [policies/*.yaml]\n")}, "policies/p.yaml": {Data: []byte(text)}}
}

func read(t testing.TB, text string) *Set {
	t.Helper()
	set, bad := Read(tree(text))
	if bad != nil {
		t.Fatal(bad)
	}
	return set
}

func parse(t testing.TB, text string) *object.Object {
	t.Helper()
	if text == "" {
		return nil
	}
	objects, _, err := object.Parse([]byte(text), "apps/cart/all.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return &objects[0]
}

var cart = App{Name: "cart", Env: "prod", Cluster: "local", Namespace: "shop"}

// oneRule is a file with one rule.
func oneRule(level, match, expression string) string {
	return fmt.Sprintf("rules:\n- name: r\n  level: %s\n  match: %s\n  expression: %q\n  message: no\n", level, match, expression)
}

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, labels: {tier: gold}}
spec:
  replicas: 2
  template:
    spec:
      containers:
      - {name: cart, image: "registry.example.com/cart:1.2", resources: {limits: {memory: 512Mi, cpu: 1}}}
`

func TestExpressions(t *testing.T) {
	secret := "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {password: hunter2}\n"
	for _, tt := range []struct {
		reason, expression, object, before string
		kept                               bool
	}{
		{reason: "a field", expression: "object.spec.replicas >= 2", object: deployment, kept: true},
		{reason: "a field of every container", expression: "object.spec.template.spec.containers.all(c, !c.image.endsWith(':latest'))", object: deployment, kept: true},
		{reason: "a rule that does not hold", expression: "object.spec.replicas >= 3", object: deployment},
		{reason: "a field that is not there is an error, and an error is a finding", expression: "object.spec.paused == false", object: deployment},
		{reason: "has asks for a field", expression: "!has(object.spec.paused)", object: deployment, kept: true},
		{reason: "so does an optional", expression: "object.spec.?paused.orValue(false) == false", object: deployment, kept: true},
		{reason: "quantities are compared as amounts", expression: "quantity(object.spec.template.spec.containers[0].resources.limits.memory).isLessThan(quantity('1Gi'))", object: deployment, kept: true},
		{reason: "a number is a quantity too", expression: "quantity(object.spec.template.spec.containers[0].resources.limits.cpu) == quantity('1000m')", object: deployment, kept: true},
		{reason: "what is no quantity", expression: "isQuantity('1 apple')", object: deployment},
		{reason: "an exponent of a billion is no quantity, and costs nothing", expression: "isQuantity('1e999999999')", object: deployment},
		{reason: "the app", expression: "app.env == 'prod' && app.name == 'cart' && app.namespace == 'shop'", object: deployment, kept: true},
		{reason: "a new object has no before", expression: "before == null", object: deployment, kept: true},
		{reason: "what changes", expression: "before == null || object.spec.replicas >= before.spec.replicas", object: deployment, before: strings.Replace(deployment, "replicas: 2", "replicas: 5", 1)},
		{reason: "objects are compared whole", expression: "object == before", object: deployment, before: deployment, kept: true},
		{reason: "objects that differ", expression: "object != before", object: deployment, before: strings.Replace(deployment, "1.2", "1.3", 1), kept: true},
		{reason: "texts", expression: "object.spec.template.spec.containers[0].image.split('/')[0].upperAscii().replace('EXAMPLE', 'x').indexOf('x') == 9", object: deployment, kept: true},
		{reason: "more texts", expression: "['a', ' b '].map(s, s.trim()).join('-').substring(1) == '-b' && 'Ä1x'.lastIndexOf('x') == 2 && 'AbÄ'.lowerAscii() == 'abÄ'", object: deployment, kept: true},
		{reason: "a regular expression", expression: "object.metadata.name.matches('^[a-z]+$')", object: deployment, kept: true},
		{reason: "membership of a list and of a map", expression: "object.metadata.name in ['cart', 'x'] && 'tier' in object.metadata.labels && ![1].exists(x, dyn(x) in [[1]])", object: deployment, kept: true},
		{reason: "the keys of a Secret are seen", expression: "'password' in object.stringData", object: secret, kept: true},
		{reason: "its values are not", expression: "object.stringData.password.contains('hunter')", object: secret},
		{reason: "an index that is not there", expression: "object.spec.template.spec.containers[3].image == ''", object: deployment},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			set := read(t, oneRule("deny", "{}", tt.expression))
			found := Evaluate(set, []Change{{App: cart, Object: parse(t, tt.object), Before: parse(t, tt.before)}}, now)
			if kept := len(found) == 0; kept != tt.kept {
				t.Errorf("kept %v: %+v", kept, found)
			}
		})
	}
}

func TestMatch(t *testing.T) {
	for _, tt := range []struct {
		reason, match string
		fits          bool
	}{
		{"nothing said fits all", "{}", true},
		{"a kind of any group", "{kinds: [Service, Deployment]}", true},
		{"a kind of a group", "{kinds: [apps/Deployment]}", true},
		{"every kind", `{kinds: ["*"]}`, true},
		{"a kind of another group", "{kinds: [extensions/Deployment]}", false},
		{"an API version", "{apiVersions: [apps/v1]}", true},
		{"another API version", "{apiVersions: [apps/v1beta1]}", false},
		{"a pattern of names", `{names: ["c*"]}`, true},
		{"another name", "{names: [ledger]}", false},
		{"an object that names no namespace is in the app's", `{namespaces: ["sh*"]}`, true},
		{"another namespace", "{namespaces: [bank]}", false},
		{"a label", "{labels: {tier: gold}}", true},
		{"all labels", "{labels: {tier: gold, team: pay}}", false},
		{"an app in every environment", "{apps: [ledger, cart]}", true},
		{"an app in one environment", "{apps: [cart/prod]}", true},
		{"an app in another environment", "{apps: [cart/dev]}", false},
		{"an app on another cluster", "{apps: [cart/prod@eu]}", false},
		{"an environment", "{envs: [prod]}", true},
		{"another environment", "{envs: [dev]}", false},
		{"everything that is said must fit", "{envs: [prod], kinds: [Service]}", false},
		{"new objects", "{changes: [create]}", true},
		{"objects that go", "{changes: [delete]}", false},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			found := Evaluate(read(t, oneRule("warn", tt.match, "false")), []Change{{App: cart, Object: parse(t, deployment)}}, now)
			if fits := len(found) == 1; fits != tt.fits {
				t.Errorf("fits %v", fits)
			}
		})
	}
	t.Run("an object that goes has no object, only a before", func(t *testing.T) {
		set := read(t, oneRule("deny", "{changes: [delete]}", "object == null && before.kind != 'Deployment'"))
		found := Evaluate(set, []Change{{App: cart, Before: parse(t, deployment)}}, now)
		if len(found) != 1 || found[0].Object.Name != "cart" {
			t.Errorf("%+v", found)
		}
	})
}

const rulesOfShop = `groups:
- {name: sre, members: [ann, Bob]}
rules:
- name: no-latest
  level: deny
  match: {kinds: [Deployment]}
  expression: object.spec.template.spec.containers.all(c, !c.image.endsWith(":1.2"))
  messageExpression: '"the image of " + object.metadata.name + " is too old"'
  link: https://wiki.example.com/images
- name: crown-jewels
  level: approve
  groups: [sre]
  match: {labels: {tier: gold}}
  expression: "false"
  message: gold needs a second pair of eyes
- name: two
  level: warn
  match: {}
  expression: object.spec.replicas != 2
exceptions:
- {rule: no-latest, app: cart/prod, object: Deployment/cart, reason: waits for the vendor, by: ann, expires: 2026-11-27}
`

func TestEvaluate(t *testing.T) {
	set := read(t, rulesOfShop)
	change := Change{App: cart, Object: parse(t, deployment)}
	place := fault.Place{File: "apps/cart/all.yaml", Line: 1}
	id := object.ID{Group: "apps", Kind: "Deployment", Name: "cart"}
	approve := Finding{Rule: "crown-jewels", Level: Approve, App: "cart/prod", Object: id, Place: place, Message: "gold needs a second pair of eyes", Groups: []string{"sre"}}
	warn := Finding{Rule: "two", Level: Warn, App: "cart/prod", Object: id, Place: place, Message: "the rule two does not hold: object.spec.replicas != 2"}
	deny := Finding{Rule: "no-latest", Level: Deny, App: "cart/prod", Object: id, Place: place, Message: "the image of cart is too old", Link: "https://wiki.example.com/images"}
	excepted := deny
	excepted.Exception, excepted.Expires = "waits for the vendor (ann)", "2026-11-27"
	ended := deny
	ended.Message, ended.Expires = deny.Message+"; the exception ended on 2026-11-27", "2026-11-27"
	approved := approve
	approved.Approved = "bob"

	if diff := cmp.Diff([]Finding{approve, warn, excepted}, Evaluate(set, []Change{change}, now)); diff != "" {
		t.Error("on the last day of the exception", diff)
	}
	if diff := cmp.Diff([]Finding{ended, approve, warn}, Evaluate(set, []Change{change}, now.AddDate(0, 0, 1))); diff != "" {
		t.Error("the day after", diff)
	}
	dev := Evaluate(set, []Change{{App: App{Name: "cart", Env: "dev"}, Object: parse(t, deployment)}}, now)
	if len(dev) != 3 || dev[0].Rule != "no-latest" || !dev[0].Blocks() {
		t.Error("the exception is for prod alone", dev)
	}
	found := Evaluate(set, []Change{change}, now)
	if diff := cmp.Diff([]Finding{approved, warn, excepted}, Approved(set, found, []string{"eve", "bob"}, "ann")); diff != "" {
		t.Error("a member of the group agrees", diff)
	}
	if !Blocking(Approved(set, found, []string{"Ann", "eve"}, "ann")) {
		t.Error("the author's own approval counts")
	}
	if Blocking(Approved(set, found, []string{"bob"}, "ann")) {
		t.Error("what was approved or excepted stands in the way")
	}
}

func TestTheOrderOfChangesDoesNotMatter(t *testing.T) {
	set := read(t, rulesOfShop)
	var changes []Change
	for i := range 20 {
		changes = append(changes, Change{App: App{Name: fmt.Sprintf("a%d", i%5)}, Object: parse(t, strings.Replace(deployment, "name: cart,", fmt.Sprintf("name: d%d,", i), 1))})
	}
	want := Evaluate(set, changes, now)
	for range 10 {
		rand.Shuffle(len(changes), func(i, j int) { changes[i], changes[j] = changes[j], changes[i] })
		if diff := cmp.Diff(want, Evaluate(set, changes, now)); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestFindingsAreBounded(t *testing.T) {
	set := read(t, oneRule("deny", "{}", "false"))
	var changes []Change
	for i := range MaxFindings + 50 {
		changes = append(changes, Change{App: cart, Object: parse(t, fmt.Sprintf("{apiVersion: v1, kind: ConfigMap, metadata: {name: c%d}}", i))})
	}
	found := Evaluate(set, changes, now)
	last := found[len(found)-1]
	if len(found) != MaxFindings+1 || last.Rule != RuleLimit || last.Level != Deny || last.Message != "50 more findings are not shown" {
		t.Errorf("%d findings, the last is %+v", len(found), last)
	}
}

func TestDeprecated(t *testing.T) {
	for _, tt := range []struct {
		reason, version, apiVersion, kind string
		want                              Level
		says                              string
	}{
		{"no version is known", "", "batch/v1beta1", "CronJob", "", ""},
		{"a version that is here to stay", "1.37", "apps/v1", "Deployment", "", ""},
		{"gone with the next version", "1.31", "flowcontrol.apiserver.k8s.io/v1beta3", "FlowSchema", Warn, "1.32, the next version"},
		{"gone later", "v1.22.4", "batch/v1beta1", "CronJob", Warn, "deprecated since Kubernetes 1.21 and goes with 1.25: write batch/v1"},
		{"deprecated by the next version", "1.20+", "batch/v1beta1", "CronJob", Warn, "since Kubernetes 1.21"},
		{"not deprecated yet", "1.19", "batch/v1beta1", "CronJob", "", ""},
		{"not served any more", "v1.37.2+k3s1", "policy/v1beta1", "PodSecurityPolicy", Deny, "not served since Kubernetes 1.25; the cluster has 1.37"},
		{"another kind of the same version", "1.26", "storage.k8s.io/v1beta1", "CSIStorageCapacity", Warn, "write storage.k8s.io/v1"},
		{"a kind of that group that somebody else defines", "1.37", "storage.k8s.io/v1beta1", "Bucket", "", ""},
		{"not a version of Kubernetes", "2.4", "batch/v1beta1", "CronJob", "", ""},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			app := cart
			app.Version = tt.version
			found := Evaluate(nil, []Change{{App: app, Object: parse(t, fmt.Sprintf("{apiVersion: %s, kind: %s, metadata: {name: x}}", tt.apiVersion, tt.kind))}}, now)
			if tt.want == "" && len(found) > 0 || tt.want != "" && (len(found) != 1 || found[0].Level != tt.want || !strings.Contains(found[0].Message, tt.says)) {
				t.Errorf("%+v", found)
			}
		})
	}
	for i, o := range outdatedAPIs {
		if o.deprecated >= o.removed || o.deprecated == 0 {
			t.Errorf("row %d: deprecated in 1.%d, removed in 1.%d", i, o.deprecated, o.removed)
		}
	}
}

func TestReview(t *testing.T) {
	change := []Change{{App: cart, Object: parse(t, deployment)}}
	for _, tt := range []struct {
		reason, base, head string
		want               []string // rule level: the beginning of the message
	}{
		{"nothing changes", oneRule("warn", "{}", "true"), oneRule("warn", "{}", "true"), nil},
		{"a new rule judges after its merge", "{}", oneRule("deny", "{}", "false"), []string{"plumb/policy-change warn: the rule r (deny) is new"}},
		{"a rule that the change takes out still counts", oneRule("deny", "{}", "false"), "{}", []string{"r deny: no", "plumb/policy-change warn: the rule r (deny) is taken out"}},
		{"a rule that is made milder still counts", oneRule("deny", "{}", "false"), oneRule("warn", "{}", "false"), []string{"r deny: no", "plumb/policy-change warn: the rule r changes from deny to warn"}},
		{"another expression", oneRule("deny", "{}", "true"), oneRule("deny", "{}", "1 == 1"), []string{"plumb/policy-change warn: the rule r (deny) changes"}},
		{"an exception that the change brings does not count yet", oneRule("deny", "{}", "false"),
			oneRule("deny", "{}", "false") + "exceptions: [{rule: r, app: cart, reason: we like it, by: eve, expires: 2030-01-01}]\n",
			[]string{"r deny: no", "plumb/policy-change warn: an exception from r for cart until 2030-01-01 is new: we like it (eve)"}},
		{"who may approve", "groups: [{name: g, members: [a]}]", "groups: [{name: g, members: [a, b]}]", []string{"plumb/policy-change warn: the members of the group g change"}},
		{"a change that would leave no readable rules", oneRule("warn", "{}", "false"), "rules: 3", []string{"plumb/unreadable deny: the policies of this change", "r warn: no"}},
		{"rules that cannot be read are kept by nothing", "rules: 3", "{}", []string{"plumb/unreadable deny: the policies of the base"}},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			var got []string
			for _, f := range Review(tree(tt.base), tree(tt.head), change, now) {
				got = append(got, fmt.Sprintf("%s %s: %s", f.Rule, f.Level, f.Message))
			}
			if len(got) != len(tt.want) {
				t.Fatalf("%q", got)
			}
			for i, want := range tt.want {
				if !strings.HasPrefix(got[i], want) {
					t.Errorf("%q, not %q", got[i], want)
				}
			}
		})
	}
}
