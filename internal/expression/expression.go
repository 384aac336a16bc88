// Package expression is CEL (https://github.com/google/cel-spec) for what people write into a repository: rules about objects,
// judged by the process that delivers everybody's apps. An expression ends, however it is written: guard.go counts every step
// of it and bounds what a step looks at and makes, which CEL's own count does not. It has no I/O, no clock and no time zones.
//
// Start at New and Language.Compile.
package expression

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
	MaxBytes = 4 << 10   // of its text
	maxNodes = 2000      // of the syntax tree, those that macros make included
	MaxCost  = 1_000_000 // units of one evaluation, as many as the API server has for one call (k8s.io/apiserver/pkg/apis/cel, PerCallLimit)
)

// Answer is what an expression must give.
type Answer struct {
	kind *cel.Type
	word string
}

// The answers.
var (
	Bool = Answer{cel.BoolType, "true or false"}
	Text = Answer{cel.StringType, "a text"}
)

// Variable is a name that expressions may use.
type Variable struct {
	Name string
	// Fields are the texts that it has, and no others; nil: anything.
	Fields []string
}

// Language is CEL with the variables of one use.
type Language struct {
	env       *cel.Env
	variables []Variable
}

// common is built on first use, once: it is some megabytes. It is the language of the specification without the functions that
// read a time zone from a file, with optional values, and with functions (functions.go).
var common = sync.OnceValues(func() (*cel.Env, error) {
	clocks := make([]*env.Function, 0, 10)
	for _, name := range []string{"getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getHours", "getMinutes", "getSeconds", "getMilliseconds"} {
		clocks = append(clocks, env.NewFunction(name))
	}
	options := []cel.EnvOption{
		cel.StdLib(cel.StdLibSubset(&env.LibrarySubset{ExcludeFunctions: clocks})),
		cel.OptionalTypes(),
		cel.CrossTypeNumericComparisons(true),
		cel.ExpressionNodeLimit(maxNodes),
	}
	return cel.NewCustomEnv(append(options, functions()...)...)
})

// New makes a language. It costs some megabytes the first time.
func New(variables ...Variable) (*Language, error) {
	base, err := common()
	if err != nil {
		return nil, err
	}
	var options []cel.EnvOption
	for _, v := range variables {
		kind := cel.DynType
		if v.Fields != nil {
			kind = cel.MapType(cel.StringType, cel.StringType)
		}
		options = append(options, cel.Variable(v.Name, kind))
	}
	extended, err := base.Extend(options...)
	if err != nil {
		return nil, err
	}
	return &Language{extended, variables}, nil
}

// Expression is a compiled expression. Evaluations of one wait for each other: the guard counts one at a time.
type Expression struct {
	program cel.Program
	want    Answer

	mu    sync.Mutex
	guard *guard
}

// Compile checks an expression and makes it ready. It never evaluates any of it. The error says what is wrong, and where in the
// text.
func (l *Language) Compile(text string, want Answer) (*Expression, error) {
	if len(text) > MaxBytes {
		return nil, fmt.Errorf("it has %d bytes, more than the limit of %d", len(text), MaxBytes)
	}
	checked, issues := l.env.Compile(text)
	if err := issues.Err(); err != nil {
		return nil, firstIssue(issues)
	}
	if out := checked.OutputType(); !out.IsExactType(want.kind) && !out.IsExactType(cel.DynType) {
		return nil, fmt.Errorf("it gives %s, not %s", out, want.word)
	}
	if err := l.checkFields(checked); err != nil {
		return nil, err
	}
	g := &guard{patterns: map[string]pattern{}}
	program, err := l.env.Program(checked, cel.CustomDecoratorV2(g.decorate))
	if err != nil {
		return nil, err
	}
	return &Expression{program: program, want: want, guard: g}, nil
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

// checkFields refuses a field that a variable does not have: it would be an error with every object.
func (l *Language) checkFields(checked *cel.Ast) error {
	var bad error
	ast.PostOrderVisit(checked.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.SelectKind || e.AsSelect().Operand().Kind() != ast.IdentKind {
			return
		}
		of, field := e.AsSelect().Operand().AsIdent(), e.AsSelect().FieldName()
		for _, v := range l.variables {
			if v.Name == of && v.Fields != nil && !slices.Contains(v.Fields, field) {
				bad = fmt.Errorf("%s has no field %.80s; it has %s", of, field, strings.Join(v.Fields, ", "))
			}
		}
	}))
	return bad
}

// Eval gives what the expression says, a bool or a string, and what it cost in units.
func (e *Expression) Eval(variables map[string]any) (answer any, cost int, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.guard.left = MaxCost
	value, _, err := e.program.Eval(variables)
	cost = 1 + MaxCost - max(e.guard.left, 0)
	if err != nil {
		return nil, cost, err
	}
	switch v := value.Value().(type) {
	case bool:
		if e.want == Bool {
			return v, cost, nil
		}
	case string:
		if e.want == Text {
			return v, cost, nil
		}
	}
	return nil, cost, errors.New("it gives " + value.Type().TypeName() + ", not " + e.want.word)
}
