package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/env"
)

// The bounds of an expression. A unit is one step, or what guard.go takes for one.
const (
	maxNodes  = 2000       // nodes of the syntax tree, those that macros make included
	maxCost   = 1_000_000  // of one evaluation, as many units as the API server has for one call (k8s.io/apiserver/pkg/apis/cel, PerCallLimit)
	maxBudget = 50_000_000 // of all evaluations of one Evaluate
)

// result is what an expression must give.
type result struct {
	kind *cel.Type
	word string
}

var (
	wantsBool = result{cel.BoolType, "true or false"}
	wantsText = result{cel.StringType, "a text"}
)

// fieldsOfApp are the fields of app.
var fieldsOfApp = []string{"name", "env", "cluster", "namespace"}

// environment is built on first use, once: it is some megabytes. It is the language of the specification without the functions
// that read a time zone from a file, with optional values, and with functions (functions.go).
var environment = sync.OnceValues(func() (*cel.Env, error) {
	clocks := make([]*env.Function, 0, 10)
	for _, name := range []string{"getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getHours", "getMinutes", "getSeconds", "getMilliseconds"} {
		clocks = append(clocks, env.NewFunction(name))
	}
	options := []cel.EnvOption{
		cel.StdLib(cel.StdLibSubset(&env.LibrarySubset{ExcludeFunctions: clocks})),
		cel.OptionalTypes(),
		cel.CrossTypeNumericComparisons(true),
		cel.ExpressionNodeLimit(maxNodes),
		cel.Variable("object", cel.DynType),
		cel.Variable("before", cel.DynType),
		cel.Variable("app", cel.MapType(cel.StringType, cel.StringType)),
	}
	return cel.NewCustomEnv(append(options, functions()...)...)
})

// expression is a compiled expression. Evaluations of one wait for each other: the guard counts one at a time.
type expression struct {
	program cel.Program
	want    result

	mu    sync.Mutex
	guard *guard
}

// compile checks an expression and makes it ready. It never evaluates any of it.
func compile(text string, want result) (*expression, error) {
	if len(text) > maxExpression {
		return nil, fmt.Errorf("it has %d bytes, more than the limit of %d", len(text), maxExpression)
	}
	e, err := environment()
	if err != nil {
		return nil, err
	}
	checked, issues := e.Compile(text)
	if err := issues.Err(); err != nil {
		return nil, firstIssue(issues)
	}
	if out := checked.OutputType(); !out.IsExactType(want.kind) && !out.IsExactType(cel.DynType) {
		return nil, fmt.Errorf("it gives %s, not %s", out, want.word)
	}
	if err := checkFields(checked); err != nil {
		return nil, err
	}
	g := &guard{patterns: map[string]pattern{}}
	program, err := e.Program(checked, cel.CustomDecoratorV2(g.decorate))
	if err != nil {
		return nil, err
	}
	return &expression{program: program, want: want, guard: g}, nil
}

// firstIssue gives the first thing that is wrong, with its line and column in the expression.
func firstIssue(issues *cel.Issues) error {
	found := issues.Errors()
	if len(found) == 0 {
		return issues.Err()
	}
	first := found[0]
	return fmt.Errorf("%s, at %d:%d of it", strings.TrimSuffix(first.Message, "."), first.Location.Line(), first.Location.Column()+1)
}

// checkFields refuses a field of app that there is not: it would be an error with every object.
func checkFields(checked *cel.Ast) error {
	var bad error
	ast.PostOrderVisit(checked.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.SelectKind {
			return
		}
		of := e.AsSelect().Operand()
		if of.Kind() == ast.IdentKind && of.AsIdent() == "app" && !slices.Contains(fieldsOfApp, e.AsSelect().FieldName()) {
			bad = fmt.Errorf("app has no field %s; it has %s", clip(e.AsSelect().FieldName()), strings.Join(fieldsOfApp, ", "))
		}
	}))
	return bad
}

// eval gives what the expression says, and what it cost.
func (e *expression) eval(variables map[string]any) (answer any, cost int, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.guard.left = maxCost
	value, _, err := e.program.Eval(variables)
	cost = 1 + maxCost - max(e.guard.left, 0)
	if err != nil {
		return nil, cost, err
	}
	switch v := value.Value().(type) {
	case bool:
		if e.want == wantsBool {
			return v, cost, nil
		}
	case string:
		if e.want == wantsText {
			return v, cost, nil
		}
	}
	return nil, cost, errors.New("it gives " + value.Type().TypeName() + ", not " + e.want.word)
}
