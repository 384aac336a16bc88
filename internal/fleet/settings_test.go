package fleet

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plumb.dev/plumb/internal/fault"
)

// What is refused in a plumb.yaml, where, and what is said.
func TestRefusedSettings(t *testing.T) {
	for _, row := range []struct {
		reason string
		root   bool
		text   string
		fault  fault.Reason
		at     string // line:column
		says   string
		next   string
	}{
		{reason: "an unknown field names the nearest known one", text: "heal: true\nheel: false", fault: fault.InvalidSettings, at: "2:1", says: "heel is not a field", next: "did you mean heal?"},
		{reason: "case counts", text: "Helm: {}", fault: fault.InvalidSettings, at: "1:1", says: "Helm is not a field", next: "did you mean helm?"},
		{reason: "far from any field: all are named", text: "annotations: {}", fault: fault.InvalidSettings, at: "1:1", says: "annotations is not a field", next: "the fields here are after, heal, health, helm, ignore, kustomize, namespace, onFailure, plain, prune, render, replace, skip, sync, wait"},
		{reason: "inside a list", text: "ignore:\n  - kind: A\n    feild: x\n    why: y", fault: fault.InvalidSettings, at: "3:5", says: "ignore[0].feild is not a field", next: "did you mean field?"},
		{reason: "the root file's fields belong at the root", text: "environments: []", fault: fault.InvalidSettings, at: "1:1", says: "environments is not a field", next: "it belongs in the plumb.yaml at the root of the repository"},
		{reason: "an app's fields stand under defaults at the root", root: true, text: "heal: false", fault: fault.InvalidSettings, at: "1:1", says: "heal is not a field", next: "at the root of the repository it stands under defaults: defaults.heal"},
		{reason: "after that is no address", text: "after:\n  - ledger\n  - Ledger/prod", fault: fault.InvalidSettings, at: "3:5", says: "after[1] is \"Ledger/prod\", which is not the address of an app"},
		{reason: "reserved: soak", root: true, text: "environments:\n- name: a\n  soak: 10m", fault: fault.Unsupported, at: "3:3", says: "environments[0].soak is not supported yet"},
		{reason: "reserved: waves", root: true, text: "environments: [{waves: []}]", fault: fault.Unsupported, at: "1:17", says: "environments[0].waves is not supported yet"},
		{reason: "reserved: approve", root: true, text: "environments: [{approve: x}]", fault: fault.Unsupported, at: "1:17", says: "environments[0].approve is not supported yet"},
		{reason: "reserved: window", root: true, text: "environments: [{window: x}]", fault: fault.Unsupported, at: "1:17", says: "environments[0].window is not supported yet"},
		{reason: "a key twice", text: "heal: true\n\nheal: false", fault: fault.InvalidSettings, at: "3:1", says: "heal is written twice, first in line 1"},
		{reason: "a key twice in free values", text: "helm:\n  inline:\n    a: 1\n    a: 2", fault: fault.InvalidSettings, at: "4:5", says: "a is written twice in helm.inline, first in line 3"},
		{reason: "a flag that is a text", text: "heal: yes", fault: fault.InvalidSettings, at: "1:7", says: `heal must be true or false, not "yes"`},
		{reason: "a text that is a number", text: "helm:\n  set: {replicas: 3}", fault: fault.InvalidSettings, at: "2:19", says: "helm.set.replicas must be a text, not the number 3", next: `write it in quotes: "3"`},
		{reason: "a text that is a list", text: "namespace: [a]", fault: fault.InvalidSettings, at: "1:12", says: "namespace must be a text, not a list"},
		{reason: "a list that is a mapping", text: "ignore: {kind: A}", fault: fault.InvalidSettings, at: "1:9", says: "ignore must be a list, not a mapping"},
		{reason: "a mapping that is a text", text: "helm: cart", fault: fault.InvalidSettings, at: "1:7", says: `helm must be a mapping of fields, not "cart"`},
		{reason: "a number that is none", root: true, text: "limits: {deletions: {count: many}}", fault: fault.InvalidSettings, at: "1:29", says: `limits.deletions.count must be a whole number, not "many"`},
		{reason: "a number too large", root: true, text: "limits: {deletions: {count: 99999999999999999999}}", fault: fault.InvalidSettings, at: "1:29", says: "limits.deletions.count must be a whole number, not the number 99999999999999999999"},
		{reason: "the whole file is a list", text: "- a", fault: fault.InvalidSettings, at: "1:1", says: "the file must be a mapping of fields, not a list"},
		{reason: "two documents", text: "heal: true\n---\nheal: false", fault: fault.InvalidSettings, at: "2:1", says: "a second document begins here"},
		{reason: "no YAML", text: "heal: true\n  prune: [", fault: fault.InvalidSettings, at: "2:0", says: "not valid YAML: mapping values are not allowed in this context"},
		{reason: "a merge key", text: "<<: {heal: true}", fault: fault.InvalidSettings, at: "1:1", says: "a merge key (<<) is not understood here"},
		{reason: "too long", text: "# " + strings.Repeat("x", maxSettings), fault: fault.InvalidSettings, at: "0:0", says: "the file has 262146 bytes, more than the limit of 262144"},
		{reason: "free values nested absurdly deep", text: "helm: {inline: {a: " + strings.Repeat("[", 70) + strings.Repeat("]", 70) + "}}", fault: fault.InvalidSettings, at: "1:84", says: "helm.inline is nested deeper than 64"},
		{reason: "a word that is none of the allowed", text: "sync: manuel", fault: fault.InvalidSettings, at: "1:1", says: `sync is "manuel", but must be auto or manual`, next: "did you mean manual?"},
		{reason: "a render that does not exist", text: "render: jsonnet", fault: fault.InvalidSettings, at: "1:1", says: `render is "jsonnet", but must be helm, kustomize or plain`},
		{reason: "a duration that is none", text: "wait:\n  timeout: 10", fault: fault.InvalidSettings, at: "2:12", says: "wait.timeout must be a text, not the number 10"},
		{reason: "a revert that is none", text: "onFailure: {revert: yes-please}", fault: fault.InvalidSettings, at: "1:13", says: `onFailure.revert is "yes-please", but must be pr or none`},
		{reason: "a window that is too long", text: "onFailure: {revert: pr, within: 48h}", fault: fault.InvalidSettings, at: "1:25", says: `onFailure.within is "48h", which is not a duration of 1m to 24h`},
		{reason: "a duration without unit", text: "wait:\n  timeout: \"10\"", fault: fault.InvalidSettings, at: "2:3", says: `wait.timeout is "10", which is not a duration`},
		{reason: "ignore without why", text: "ignore:\n- {kind: A, field: b}", fault: fault.InvalidSettings, at: "2:3", says: "ignore[0] needs a why"},
		{reason: "ignore without kind", text: "ignore:\n- {field: b, why: c}", fault: fault.InvalidSettings, at: "2:3", says: "ignore[0] needs a kind"},
		{reason: "ignore with field and manager", text: "ignore:\n- {kind: A, field: b, manager: c, why: d}", fault: fault.InvalidSettings, at: "2:3", says: "ignore[0] has a field and a manager; a rule has one of the two"},
		{reason: "health without rule", text: "health: [{kind: A}]", fault: fault.InvalidSettings, at: "1:10", says: "health[0] needs at least one of healthy, degraded, suspended"},
		{reason: "health without kind", text: "health: [{healthy: a}]", fault: fault.InvalidSettings, at: "1:10", says: "health[0] needs a kind"},
		{reason: "replace of what holds data", text: "replace: [{kind: apps/StatefulSet}]", fault: fault.InvalidSettings, at: "1:12", says: "replace[0].kind is StatefulSet, which is never deleted and created again"},
		{reason: "a namespace template without its end", text: "namespace: \"{app\"", fault: fault.InvalidSettings, at: "1:1", says: `namespace is "{app", which has a { without its }`},
		{reason: "an environment without name", root: true, text: "environments:\n- clusters: {a: b}", fault: fault.InvalidSettings, at: "2:3", says: "environments[0] needs a name"},
		{reason: "an environment that is no name", root: true, text: "environments:\n- name: Prod", fault: fault.NameInvalid, at: "2:3", says: `environments[0].name is "Prod", which is not a DNS label of at most 40 characters`},
		{reason: "an environment twice", root: true, text: "environments: [{name: a}, {name: a}]", fault: fault.InvalidSettings, at: "1:28", says: `environments[1].name is "a" again, as in environments[0]`},
		{reason: "a selector that is none", root: true, text: "environments: [{name: a, clusters: {matchExpressions: [{key: a, operator: Near}]}}]", fault: fault.InvalidSettings, at: "1:26", says: `environments[0].clusters is not a label selector: "Near" is not a valid label selector operator`},
		{reason: "a selector of numbers", root: true, text: "environments: [{name: a, clusters: {tier: 1}}]", fault: fault.InvalidSettings, at: "1:26", says: "environments[0].clusters is not a label selector: the values of labels are texts: write them in quotes"},
		{reason: "a limit below zero", root: true, text: "limits: {deletions: {count: -1}}", fault: fault.InvalidSettings, at: "1:22", says: "limits.deletions.count must not be negative"},
		{reason: "a percentage beyond all", root: true, text: "limits: {deletions: {percent: 101}}", fault: fault.InvalidSettings, at: "1:22", says: "limits.deletions.percent must be between 0 and 100"},
	} {
		t.Run(row.reason, func(t *testing.T) {
			_, bad := ParseSettings("f.yaml", []byte(row.text))
			if row.root {
				_, bad = ParseRoot("f.yaml", []byte(row.text))
			}
			if bad == nil {
				t.Fatal("it is accepted")
			}
			at := strings.TrimPrefix(fault.Place{File: "x", Line: max(bad.Place.Line, 1), Column: max(bad.Place.Column, 1)}.String(), "x:")
			if bad.Place.Line == 0 || bad.Place.Column == 0 {
				at = map[bool]string{true: "0:0", false: strings.Split(at, ":")[0] + ":0"}[bad.Place.Line == 0]
			}
			if bad.Reason != row.fault || bad.Message != row.says || at != row.at || bad.Place.File != "f.yaml" {
				t.Errorf("%s at %s: %s\nwant %s at %s: %s", bad.Reason, at, bad.Message, row.fault, row.at, row.says)
			}
			if row.next != "" && bad.Next != row.next {
				t.Errorf("next %q, want %q", bad.Next, row.next)
			}
		})
	}
}

// What is accepted, and what it means.
func TestAcceptedSettings(t *testing.T) {
	for _, row := range []struct {
		reason string
		text   string
		want   string
	}{
		{"an empty file sets nothing", "", "{}"},
		{"so do comments", "# nothing\n", "{}"},
		{"a field without a value is not set", "heal:\nhelm:\nnamespace: ~\n", "{}"},
		{"false is set", "heal: false\nskip: False", `{"skip":false,"heal":false}`},
		{"an anchor may be used again", "ignore:\n- &a {kind: A, manager: b, why: c}\n- *a", `{"ignore":[{"kind":"A","manager":"b","why":"c"},{"kind":"A","manager":"b","why":"c"}]}`},
		{"free values keep their numbers and follow Helm's YAML", "helm: {inline: {a: 1.50, b: on, c: 9007199254740993, d: 2001-01-01, e: null}}", `{"helm":{"inline":{"a":1.5,"b":true,"c":9007199254740993,"d":"2001-01-01","e":null}}}`},
		{"a byte order mark and Windows' line ends", "\ufeffheal: true\r\nprune: false\r\n", `{"heal":true,"prune":false}`},
	} {
		t.Run(row.reason, func(t *testing.T) {
			s, bad := ParseSettings("f.yaml", []byte(row.text))
			if bad != nil {
				t.Fatal(bad)
			}
			got := strings.NewReplacer("\n", "", " ", "").Replace(asJSON(t, s))
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
