package policy

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"plumb.dev/plumb/internal/fault"
)

func TestRead(t *testing.T) {
	rule := func(rest string) string { return "rules:\n- name: r\n  level: deny\n  expression: 'true'\n" + rest }
	for _, tt := range []struct{ reason, text, want string }{
		{"an empty file has no rules", "", ""},
		{"the least", rule(""), ""},
		{"no YAML", "rules: [", "policies/p.yaml:1: not valid YAML"},
		{"a field that does not exist", rule("  when: x\n"), "policies/p.yaml:5:3: rules[0].when is not a field"},
		{"a field that nearly exists", rule("  massage: x\n"), "did you mean message?"},
		{"no field of a file", "name: x\n", "policies/p.yaml:1:1: name is not a field"},
		{"an empty field", "rules:\n- '': x\n", "is not a field"},
		{"a rule without a name", "rules:\n- {level: deny, expression: 'true'}\n", "policies/p.yaml:2:3: rules[0].name is"},
		{"a name with a slash, which ours have", "rules:\n- {name: plumb/limit, level: deny, expression: 'true'}\n", "which is not a name"},
		{"a name twice", rule("- {name: r, level: warn, expression: 'true'}\n"), "policies/p.yaml:5:4: rules[1].name is r again, as at policies/p.yaml:2:3"},
		{"no level", "rules:\n- {name: r, expression: 'true'}\n", `rules[0].level is "", but must be deny, warn, approve`},
		{"a level that does not exist", "rules:\n- {name: r, level: error, expression: 'true'}\n", `policies/p.yaml:2:13: rules[0].level is "error"`},
		{"approval of nobody", "rules:\n- {name: r, level: approve, expression: 'true'}\n", "names no groups"},
		{"approval of a group that does not exist", "rules:\n- {name: r, level: approve, groups: [sre], expression: 'true'}\n", "which is no group"},
		{"groups of a rule that denies", rule("  groups: [sre]\n"), "belongs to the level approve"},
		{"a group of nobody", "groups: [{name: sre}]\n", "must be 1 to 100 names"},
		{"no expression", "rules:\n- {name: r, level: deny}\n", "needs an expression"},
		{"an expression that does not parse", "rules:\n- name: r\n  level: deny\n  expression: object.spec ==\n", "policies/p.yaml:4:3: rules[0].expression is not an expression"},
		{"where in the expression", "rules:\n- name: r\n  level: deny\n  expression: |\n    object.a == 1 &&\n    nothing == 2\n", "undeclared reference to 'nothing' (in container ''), at 2:1 of it"},
		{"an expression of a type that only the object knows", "rules:\n- {name: r, level: deny, expression: object.kind}\n", ""},
		{"an expression that always gives a number", "rules:\n- {name: r, level: deny, expression: '1 + 1'}\n", "it gives int, not true or false"},
		{"a field that app does not have", "rules:\n- {name: r, level: deny, expression: app.enviroment == 'x'}\n", "app has no field enviroment; it has name, env, cluster, namespace"},
		{"a clock", "rules:\n- {name: r, level: deny, expression: 'timestamp(object.x).getHours(\"Europe/Berlin\") > 8'}\n", "undeclared reference to 'getHours'"},
		{"a regular expression that is none", "rules:\n- {name: r, level: deny, expression: \"object.kind.matches('(')\"}\n", "missing closing"},
		{"a message twice", rule("  message: a\n  messageExpression: \"'b'\"\n"), "a rule has one of the two"},
		{"a message that is no text", rule("  messageExpression: 1 + 1\n"), "it gives int, not a text"},
		{"a link that runs", rule("  link: \"javascript:alert(1)\"\n"), "which is no https address"},
		{"a link", rule("  link: https://wiki.example.com/x\n"), ""},
		{"a pattern that is none", rule("  match: {names: ['[']}\n"), "policies/p.yaml:5:19: rules[0].match.names[0] is"},
		{"an app that is none", rule("  match: {apps: [a/b/c]}\n"), "not the address of an app"},
		{"a change that is none", rule("  match: {changes: [update]}\n"), "must be create, change or delete"},
		{"an exception", rule("exceptions: [{rule: r, app: cart, reason: x, by: ann, expires: 2027-01-31}]\n"), ""},
		{"an exception without an end", rule("exceptions: [{rule: r, app: cart, reason: x, by: ann}]\n"), "needs expires"},
		{"an exception that ends in words", rule("exceptions: [{rule: r, app: cart, reason: x, by: ann, expires: soon}]\n"), "which is not a day"},
		{"an exception without a reason", rule("exceptions: [{rule: r, app: cart, reason: ' ', by: ann, expires: 2027-01-31}]\n"), "needs reason"},
		{"an exception of nobody", rule("exceptions: [{rule: r, app: cart, reason: x, expires: 2027-01-31}]\n"), "needs by"},
		{"an exception for everything", rule("exceptions: [{rule: r, reason: x, by: ann, expires: 2027-01-31}]\n"), "needs app, object or both"},
		{"an exception for no object", rule("exceptions: [{rule: r, object: cart, reason: x, by: ann, expires: 2027-01-31}]\n"), "write Kind/name"},
		{"an exception from no rule", rule("exceptions: [{rule: q, app: cart, reason: x, by: ann, expires: 2027-01-31}]\n"), "policies/p.yaml:5:14: the exception is for q, which is no rule"},
		{"an exception from ours", rule("exceptions: [{rule: plumb/deprecated-api, app: cart, reason: x, by: ann, expires: 2027-01-31}]\n"), ""},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			_, bad := Read(tree(tt.text))
			switch {
			case tt.want == "" && bad != nil:
				t.Error(bad)
			case tt.want != "" && bad == nil:
				t.Error("it is accepted")
			case tt.want != "" && (!strings.Contains(bad.Error(), tt.want) || bad.Reason != fault.InvalidSettings || bad.Place.File == ""):
				t.Errorf("%s: %v, not %q", bad.Reason, bad, tt.want)
			}
		})
	}
}

func TestReadFiles(t *testing.T) {
	rule := func(name string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte("rules: [{name: " + name + ", level: warn, expression: 'true'}]\n")}
	}
	root := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	many := fstest.MapFS{"plumb.yaml": root("policies: ['p/*.yaml']")}
	for i := range maxFiles + 1 {
		many[fmt.Sprintf("p/%d.yaml", i)] = rule(fmt.Sprintf("r%d", i))
	}
	for _, tt := range []struct {
		reason string
		tree   fstest.MapFS
		rules  int
		want   string
	}{
		{"no plumb.yaml", fstest.MapFS{}, 0, ""},
		{"a plumb.yaml without policies", fstest.MapFS{"plumb.yaml": root("defaults: {heal: false}")}, 0, ""},
		{"files in folders, each once", fstest.MapFS{"plumb.yaml": root("policies: [p/a.yaml, 'p/*.yaml', 'q/*.yml']"), "p/a.yaml": rule("a"), "q/b.yml": rule("b")}, 2, ""},
		{"a slip of the pen is not no policy", fstest.MapFS{"plumb.yaml": root("policies: [policy/*.yaml]"), "policies/a.yaml": rule("a")}, 0, "plumb.yaml: policies names policy/*.yaml, and there is no such file"},
		{"a path out of the repository", fstest.MapFS{"plumb.yaml": root("policies: [../a.yaml]")}, 0, "no path inside the repository"},
		{"a pattern in a folder's name", fstest.MapFS{"plumb.yaml": root("policies: ['*/a.yaml']")}, 0, "in the last segment only"},
		{"another kind of file", fstest.MapFS{"plumb.yaml": root("policies: [a.rego]")}, 0, "does not end with .yaml"},
		{"a folder of that name", fstest.MapFS{"plumb.yaml": root("policies: [p.yaml]"), "p.yaml/a": rule("a")}, 0, "it is not a file"},
		{"a name in two files", fstest.MapFS{"plumb.yaml": root("policies: ['p/*.yaml']"), "p/a.yaml": rule("a"), "p/b.yaml": rule("a")}, 0, "p/b.yaml:1:10: rules[0].name is a again, as at p/a.yaml:1:10"},
		{"too many files", many, 0, "more than 50 files"},
		{"a file that is too large", fstest.MapFS{"plumb.yaml": root("policies: [p.yaml]"), "p.yaml": root("# " + strings.Repeat("x", 300<<10))}, 0, "more than the limit"},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			set, bad := Read(tt.tree)
			switch {
			case tt.want == "" && (bad != nil || set.Rules() != tt.rules):
				t.Errorf("%d rules, %v", set.Rules(), bad)
			case tt.want != "" && (bad == nil || !strings.Contains(bad.Error(), tt.want)):
				t.Errorf("%v, not %q", bad, tt.want)
			}
		})
	}
}

// FuzzRead gives the reader any file, and judges by what it accepts.
func FuzzRead(f *testing.F) {
	f.Add(rulesOfShop)
	f.Add(oneRule("approve", "{kinds: ['*']}", "object.a.map(x, x + x).size() > 0"))
	f.Add("rules: &a [{name: r, level: deny, expression: 'true', match: {kinds: &k [a, b]}}]\nexceptions: *a\n")
	f.Add("groups: [{name: g, members: [a]}]\n")
	f.Fuzz(func(t *testing.T, text string) {
		set, bad := Read(tree(text))
		if bad != nil {
			if bad.Place.File == "" || bad.Message == "" {
				t.Errorf("a fault without a place: %+v", bad)
			}
			return
		}
		for _, finding := range Evaluate(set, []Change{{App: cart, Object: parse(t, deployment)}}, now) {
			if finding.Message == "" || len(finding.Message) > maxText || strings.ContainsAny(finding.Message, "\n\r\x1b") {
				t.Errorf("%q", finding.Message)
			}
		}
	})
}
