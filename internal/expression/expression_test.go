package expression

import (
	"strings"
	"testing"
)

func TestCompile(t *testing.T) {
	l, err := New(Variable{Name: "self"}, Variable{Name: "app", Fields: []string{"name", "env"}})
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		reason, text string
		want         Answer
		refused      string
	}{
		"any field":     {"what an object has is not known beforehand", "self.status.phase == 'Done'", Bool, ""},
		"a known field": {"those of app are", "app.env == 'prod'", Bool, ""},
		"unknown field": {"a slip would be an error with every object", "app.environment == 'prod'", Bool, "app has no field environment; it has name, env"},
		"unknown name":  {"a variable of another use", "object.kind == 'Pod'", Bool, "undeclared reference to 'object' (in container ''), at 1:1 of it"},
		"wrong answer":  {"a number judges nothing", "1 + 1", Bool, "it gives int, not true or false"},
		"text":          {"a message is a text", "'a' + app.name", Text, ""},
		"long":          {"the text is bounded", strings.Repeat(" ", MaxBytes) + "true", Bool, "more than the limit"},
		"the clock":     {"time zones are files", "timestamp('2026-11-20T00:00:00Z').getHours() == 1", Bool, "undeclared reference to 'getHours'"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := l.Compile(c.text, c.want)
			switch {
			case c.refused == "" && err != nil:
				t.Errorf("%s: %v", c.reason, err)
			case c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused)):
				t.Errorf("%s: %v, want %q", c.reason, err, c.refused)
			}
		})
	}
}

// An evaluation tells what it cost, and ends at its limit.
func TestEval(t *testing.T) {
	l, err := New(Variable{Name: "self"})
	if err != nil {
		t.Fatal(err)
	}
	eval := func(text string, want Answer, self any) (any, int, error) {
		t.Helper()
		e, err := l.Compile(text, want)
		if err != nil {
			t.Fatal(err)
		}
		return e.Eval(map[string]any{"self": self})
	}
	few, many := make([]any, 10), make([]any, 5000)
	_, cheap, err := eval("self.all(x, x == null)", Bool, few)
	answer, dear, err2 := eval("self.all(x, x == null)", Bool, many)
	if err != nil || err2 != nil || answer != true || dear < 100*cheap {
		t.Errorf("%v after %d units, ten of them cost %d: %v, %v", answer, dear, cheap, err, err2)
	}
	if answer, cost, err := eval("self.all(x, self.all(y, x == y))", Bool, many); err == nil || cost < MaxCost || !strings.Contains(err.Error(), "costs more than") {
		t.Errorf("%v after %d units: %v", answer, cost, err)
	}
	if answer, _, err := eval("self", Text, int64(3)); err == nil || answer != nil {
		t.Errorf("a number for a text is %v, %v", answer, err)
	}
}
