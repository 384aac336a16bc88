package health

import (
	"fmt"
	"strings"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/ext"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
)

// costLimit bounds one evaluation, in units of CEL's cost model: about a second of a slow machine at worst.
const costLimit = 1_000_000

// environment is built on first use, once: it is some megabytes.
var environment = sync.OnceValues(func() (*cel.Env, error) {
	return cel.NewEnv(
		cel.Variable("self", cel.DynType),
		cel.OptionalTypes(),
		cel.CrossTypeNumericComparisons(true),
		ext.Strings(),
	)
})

// Compiled is an own rule that is ready to judge.
type Compiled struct {
	kind                                  string
	healthy, degraded, suspended, message *expression
}

type expression struct {
	name    string
	program cel.Program
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
			kind       *cel.Type
			into       **expression
		}{
			{"healthy", rule.Healthy, cel.BoolType, &c.healthy}, {"degraded", rule.Degraded, cel.BoolType, &c.degraded},
			{"suspended", rule.Suspended, cel.BoolType, &c.suspended}, {"message", rule.Message, cel.StringType, &c.message},
		} {
			compiledExpression, err := compile(e.name, e.text, e.kind)
			if err != nil {
				return nil, invalid(i, rule, e.name, err.Error())
			}
			*e.into = compiledExpression
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
func compile(name, text string, kind *cel.Type) (*expression, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	env, err := environment()
	if err != nil {
		return nil, err
	}
	ast, issues := env.Compile(text)
	if issues.Err() != nil {
		return nil, issues.Err()
	}
	if out := ast.OutputType(); !out.IsExactType(kind) && !out.IsExactType(cel.DynType) {
		return nil, fmt.Errorf("it gives %s, not %s", out, kind)
	}
	program, err := env.Program(ast, cel.CostLimit(costLimit))
	if err != nil {
		return nil, err
	}
	return &expression{name, program}, nil
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
		*expression
		health v1alpha1.Health
	}{{c.degraded, v1alpha1.Degraded}, {c.suspended, v1alpha1.Suspended}, {c.healthy, v1alpha1.Healthy}} {
		if question.expression == nil {
			continue
		}
		answer, err := question.eval(o)
		switch {
		case err != nil && isMissing(err):
			missing = fmt.Sprintf("%s: %v", question.name, err)
		case err != nil:
			return Verdict{v1alpha1.Unknown, fmt.Sprintf("the health rule for %s, %s: %v", c.kind, question.name, err)}
		case answer == true:
			return Verdict{question.health, said}
		case answer != false:
			return Verdict{v1alpha1.Unknown, fmt.Sprintf("the health rule for %s, %s: it gives no boolean", c.kind, question.name)}
		}
	}
	return progressing("%s", first(said, missing))
}

// say gives what the rule's message says; nothing if it fails, for the verdict does not depend on it.
func (c Compiled) say(o object.Object) string {
	if c.message == nil {
		return ""
	}
	answer, err := c.message.eval(o)
	if s, ok := answer.(string); ok && err == nil {
		return s
	}
	return ""
}

func (e *expression) eval(o object.Object) (any, error) {
	value, _, err := e.program.Eval(map[string]any{"self": o.Fields})
	if err != nil {
		return nil, err
	}
	return value.Value(), nil
}

// isMissing knows the error of a key that a map does not have.
func isMissing(err error) bool { return strings.Contains(err.Error(), "no such key") }
