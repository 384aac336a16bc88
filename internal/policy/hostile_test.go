package policy

import (
	"fmt"
	"strings"
	"testing"

	"plumb.dev/plumb/internal/expression"
	"plumb.dev/plumb/internal/object"
)

// large is an object with a list of n numbers, a text of n bytes and a tree of n values.
func large(n int) *object.Object {
	list, deep := make([]any, n), make([]any, 0, n/10)
	for i := range list {
		list[i] = int64(i)
	}
	for range n / 10 {
		deep = append(deep, map[string]any{"a": []any{"b", "c", map[string]any{"d": int64(1), "e": []any{int64(1)}}}})
	}
	return &object.Object{Fields: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "large"},
		"list": list, "text": strings.Repeat("a", n), "deep": deep,
	}}
}

// A rule of which each step is cheap and the whole is not ends as a finding, at its limit, and not as an agent that stands still.
// Without the limits most of these take hours or all memory.
func TestHostileRules(t *testing.T) {
	for _, tt := range []struct{ reason, expression string }{
		{"a loop in a loop in a loop", "object.list.all(a, object.list.all(b, object.list.all(c, a + b + c >= 0)))"},
		{"a text that doubles", "['a']" + strings.Repeat(".map(x, x + x)", 40) + "[0].size() > 0"},
		{"a text of unknown type that doubles", "[object.text]" + strings.Repeat(".map(x, x + x)", 40) + "[0].size() > 0"},
		{"a list that doubles", "[[1]]" + strings.Repeat(".map(x, x + x)", 40) + "[0].all(y, y == 1)"},
		{"a tree that doubles, compared", "[1]" + strings.Repeat(".map(x, [x, x])", 40) + " == [1]" + strings.Repeat(".map(x, [x, x])", 40)},
		{"a tree that doubles, searched for", "[1]" + strings.Repeat(".map(x, [x, x])", 40) + " in [[1]" + strings.Repeat(".map(x, [x, x])", 40) + "]"},
		{"a large value compared in a loop", "object.list.all(a, object.deep == before.deep)"},
		{"a large list searched in a loop", "object.list.all(a, object.list.all(b, !(-1 in object.list)))"},
		{"a text made large", "object.text.replace('a', object.text).size() > 0"},
		{"an empty text replaced", "object.text.replace('', object.text).size() > 0"},
		{"a list made one text", "object.list.map(x, object.text).join(object.text).size() > 0"},
		{"a regular expression that repeats", "object.text.matches('((a{1,30}){1,30}){1,30}b')"},
		{"a regular expression on a large text", "object.list.all(x, !object.text.matches('(a?){300}a{300}b'))"},
		{"a regular expression of the object", "object.list.all(x, !object.text.matches(object.text))"},
		{"a text cut in a loop", "object.list.all(x, object.text.split('').size() > 0)"},
		{"a text measured in a loop", "object.list.all(x, object.list.all(y, object.text.size() > 0))"},
		{"a text turned into bytes in a loop", "object.list.all(x, object.list.all(y, bytes(object.text) != b''))"},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			set, bad := Read(tree("rules:\n- name: r\n  level: deny\n  expression: |\n    " + tt.expression + "\n"))
			if bad != nil {
				return // refused beforehand is as good
			}
			o := large(20_000)
			found := Evaluate(set, []Change{{App: cart, Object: o, Before: large(20_000)}}, now)
			if len(found) != 1 || !strings.HasPrefix(found[0].Message, "the rule cannot be judged") || !found[0].Blocks() {
				t.Errorf("%+v", found)
			}
		})
	}
}

// What people write about large objects is judged.
func TestLargeObjectsAreJudged(t *testing.T) {
	for _, expression := range []string{
		"object.list.map(x, x + 1).filter(x, x > 5).size() > 10",
		"object.list.all(x, x >= 0) && object.list.exists(x, x == 19999)",
		"object.deep.all(d, d.a.exists(x, x == 'c')) && object.metadata == before.metadata",
		"object.text.matches('^a+$') && object.text.replace('a', 'b').size() == object.text.size()",
	} {
		if found := Evaluate(read(t, oneRule("deny", "{}", expression)), []Change{{App: cart, Object: large(20_000), Before: large(20_000)}}, now); len(found) > 0 {
			t.Errorf("%s: %+v", expression, found)
		}
	}
}

func TestHugeRules(t *testing.T) {
	for _, tt := range []struct{ reason, expression, want string }{
		{"a long expression", strings.Repeat("true || ", 2000) + "true", "more than the limit of 4096"},
		{"a deep expression", strings.Repeat("(", 1500) + "true" + strings.Repeat(")", 1500), "recursion"},
		{"macros that grow", strings.Repeat("object.?a", 1) + strings.Repeat(".optMap(x, x)", 200) + ".hasValue()", ""},
		{"macros in macros", strings.Repeat("object.all(x, ", 400) + "true" + strings.Repeat(")", 400), ""},
		{"a large regular expression", "object.kind.matches('((a{1,100}){1,100}){1,100}')", ""},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			_, bad := Read(tree(fmt.Sprintf("rules: [{name: r, level: deny, expression: %q}]\n", tt.expression)))
			if bad == nil || !strings.Contains(bad.Error(), tt.want) {
				t.Errorf("%v", bad)
			}
		})
	}
}

func TestManyRulesShareABudget(t *testing.T) {
	var rules strings.Builder
	rules.WriteString("rules:\n")
	for i := range maxRules {
		fmt.Fprintf(&rules, "- {name: r%d, level: deny, expression: 'object.list.all(a, object.list.all(b, true))'}\n", i)
	}
	set := read(t, rules.String())
	var changes []Change
	for range 3 {
		changes = append(changes, Change{App: cart, Object: large(2000)})
	}
	found := evaluate(set, changes, now, 2*expression.MaxCost)
	limit := found[0]
	for _, f := range found {
		if f.Rule == RuleLimit {
			limit = f
		}
	}
	if limit.Rule != RuleLimit || !limit.Blocks() || !strings.Contains(limit.Message, "objects were not judged") {
		t.Errorf("%+v", limit)
	}
}

func TestAliasesThatMultiply(t *testing.T) {
	text := "rules:\n- &r {name: r, level: deny, expression: 'true', match: {kinds: &k [" + strings.Repeat("a,", 5000) + "a]}}\n" + strings.Repeat("- *r\n", 5000)
	_, bad := Read(tree(text))
	if bad == nil || bad.Code != "YAML_EXPANDED_SIZE" {
		t.Error(bad)
	}
}
