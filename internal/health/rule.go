package health

import (
	"fmt"
	"strings"
	"sync"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/expression"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
)

// language is what own rules are written in, made when the first one is compiled.
var language = sync.OnceValues(func() (*expression.Language, error) { return expression.New(expression.Variable{Name: "self"}) })

// Compiled is an own rule that is ready to judge.
type Compiled struct {
	kind                                  string
	healthy, degraded, suspended, message *expression.Expression
}

// Compile checks own rules (resources.md §6.2) and makes them ready. The first error is InvalidSettings and names the rule.
func Compile(rules []v1alpha1.HealthRule) ([]Compiled, error) {
	compiled := make([]Compiled, 0, len(rules))
	for i, rule := range rules {
		c := Compiled{kind: rule.Kind}
		if rule.Kind == "" {
			return nil, invalid(i, rule, "kind", "it names no kind")
		}
		if rule.Healthy == "" && rule.Degraded == "" && rule.Suspended == "" {
			return nil, invalid(i, rule, "healthy", "it has none of healthy, degraded and suspended")
		}
		for _, e := range []struct {
			name, text string
			want       expression.Answer
			into       **expression.Expression
		}{
			{"healthy", rule.Healthy, expression.Bool, &c.healthy}, {"degraded", rule.Degraded, expression.Bool, &c.degraded},
			{"suspended", rule.Suspended, expression.Bool, &c.suspended}, {"message", rule.Message, expression.Text, &c.message},
		} {
			var err error
			if *e.into, err = compile(e.text, e.want); err != nil {
				return nil, invalid(i, rule, e.name, err.Error())
			}
		}
		compiled = append(compiled, c)
	}
	return compiled, nil
}

func invalid(i int, rule v1alpha1.HealthRule, field, why string) error {
	return fault.New(fault.InvalidSettings, "health[%d].%s, the rule for %q: %s", i, field, rule.Kind, oneLine(why)).WithCode("HEALTH_RULE").
		WithNext("expressions are CEL over self, for example self.status.phase == \"Done\"")
}

// compile gives nil for an empty text.
func compile(text string, want expression.Answer) (*expression.Expression, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	l, err := language()
	if err != nil {
		return nil, err
	}
	return l.Compile(text, want)
}

func (c Compiled) matches(group, kind string) bool {
	return c.kind == kind || c.kind == group+"/"+kind
}

// assess asks degraded, suspended and healthy, in this order. None true is Progressing. A field that is not there (yet)
// makes an expression not true; any other error of evaluation is Unknown.
func (c Compiled) assess(o object.Object) Verdict {
	said := c.say(o)
	missing := ""
	for _, question := range []struct {
		name   string
		rule   *expression.Expression
		health v1alpha1.Health
	}{{"degraded", c.degraded, v1alpha1.Degraded}, {"suspended", c.suspended, v1alpha1.Suspended}, {"healthy", c.healthy, v1alpha1.Healthy}} {
		if question.rule == nil {
			continue
		}
		answer, _, err := question.rule.Eval(selfOf(o))
		switch {
		case err != nil && isMissing(err):
			missing = fmt.Sprintf("%s: %v", question.name, err)
		case err != nil:
			return Verdict{v1alpha1.Unknown, fmt.Sprintf("the health rule for %s, %s: %v", c.kind, question.name, err)}
		case answer == true:
			return Verdict{question.health, said}
		}
	}
	return progressing("%s", first(said, missing))
}

// say gives what the rule's message says; nothing if it fails, for the verdict does not depend on it.
func (c Compiled) say(o object.Object) string {
	if c.message == nil {
		return ""
	}
	answer, _, err := c.message.Eval(selfOf(o))
	if s, ok := answer.(string); ok && err == nil {
		return s
	}
	return ""
}

// selfOf is what own rules see.
func selfOf(o object.Object) map[string]any { return map[string]any{"self": o.Fields} }

// isMissing knows the error of a key that a map does not have.
func isMissing(err error) bool { return strings.Contains(err.Error(), "no such key") }
