package expression

import (
	"fmt"
	"regexp"
	"regexp/syntax"

	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/interpreter"
)

// The bounds of one step. CEL's own count of costs comes after a step was taken, does not see how deep a value is, and costs more
// the longer it counts; it is not used (docs/design/policy.md).
const (
	maxWeight       = 100_000   // values that one comparison looks at
	maxTextBytes    = 256 << 10 // bytes of a text that a function makes
	maxPatternSize  = 2000      // instructions of a compiled regular expression
	maxPatternSteps = 5_000_000 // instructions times bytes of one match
	maxPatterns     = 32        // patterns that an expression keeps
	bytesPerUnit    = 16        // of a text, for one unit of cost
	stepsPerUnit    = 64        // of a match, for one unit of cost
	keysPerUnit     = 4         // of a map, for one unit of cost
)

// guard watches over the steps of one expression: it counts what each of them looks at and makes, and takes the place of those
// that could run away. It serves one evaluation at a time.
type guard struct {
	left     int // units that may still be spent
	patterns map[string]pattern
}

// pattern is a regular expression and how large it is.
type pattern struct {
	compiled *regexp.Regexp
	size     int
	err      error
}

// spend takes units, and ends the evaluation when there are none left.
func (g *guard) spend(units int) {
	if g.left -= units; g.left < 0 {
		panic(interpreter.EvalCancelledError{Cause: interpreter.CostLimitExceeded, Message: fmt.Sprintf("it costs more than %d units", MaxCost)})
	}
}

// spendOn takes what a value costs that was read or made: a text by its length, a map by its keys, which a loop over it lists.
func (g *guard) spendOn(v ref.Val) ref.Val {
	units := 1 + textBytes(v)/bytesPerUnit
	if m, ok := v.(traits.Mapper); ok {
		units += length(m) / keysPerUnit
	}
	g.spend(units)
	return v
}

func length(v traits.Sizer) int {
	n, _ := v.Size().(types.Int)
	return int(n)
}

// counted is a step that is counted.
type counted struct {
	interpreter.InterpretableV2
	guard *guard
}

// Exec takes the step and counts it.
func (c *counted) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	return c.guard.spendOn(c.InterpretableV2.Exec(frame))
}

// Eval is Exec for callers of the older interface.
func (c *counted) Eval(vars interpreter.Activation) ref.Val { return c.Exec(interpreter.AsFrame(vars)) }

// countedField is a field that is read, and counted. What is planned on top of it must see what it is.
type countedField struct {
	interpreter.InterpretableAttribute
	guard *guard
}

// Exec reads the field and counts that.
func (c *countedField) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	return c.guard.spendOn(c.InterpretableAttribute.Exec(frame))
}

// Eval is Exec for callers of the older interface.
func (c *countedField) Eval(vars interpreter.Activation) ref.Val {
	return c.Exec(interpreter.AsFrame(vars))
}

// guarded is a step in the place of another: it knows its arguments before it is taken.
type guarded struct {
	interpreter.InterpretableCall
	guard *guard
	apply func(args []ref.Val) ref.Val
}

// Exec evaluates the arguments once, and then the step.
func (g *guarded) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	args := make([]ref.Val, 0, 2)
	for _, a := range g.Args() {
		v := a.Exec(frame)
		if types.IsUnknownOrError(v) {
			return v
		}
		args = append(args, v)
	}
	return types.LabelErrNode(g.ID(), g.guard.spendOn(g.apply(args)))
}

// Eval is Exec for callers of the older interface.
func (g *guarded) Eval(vars interpreter.Activation) ref.Val { return g.Exec(interpreter.AsFrame(vars)) }

// decorate has every step counted but constants.
func (g *guard) decorate(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	switch step := i.(type) {
	case *counted, *countedField, *guarded, interpreter.InterpretableConst:
		return i, nil
	case interpreter.InterpretableAttribute:
		return &countedField{step, g}, nil
	case interpreter.InterpretableCall:
		if apply := g.replacement(step); apply != nil {
			return &guarded{step, g, apply}, g.checkPattern(step)
		}
	}
	return &counted{i, g}, nil
}

// replacement gives what takes the place of a call; nil if nothing does.
func (g *guard) replacement(call interpreter.InterpretableCall) func(args []ref.Val) ref.Val {
	if call.Function() == "join" {
		return g.join
	}
	if len(call.Args()) != 2 {
		return nil
	}
	switch call.Function() {
	case operators.Equals:
		return func(args []ref.Val) ref.Val { return g.equal(args, types.True) }
	case operators.NotEquals:
		return func(args []ref.Val) ref.Val { return g.equal(args, types.False) }
	case operators.In:
		return g.within
	case operators.Add:
		return g.add
	case overloads.Matches:
		return g.matches
	}
	return nil
}

// checkPattern refuses a regular expression that is none while the rule is read.
func (g *guard) checkPattern(call interpreter.InterpretableCall) error {
	if call.Function() != overloads.Matches {
		return nil
	}
	if constant, ok := call.Args()[1].(interpreter.InterpretableConst); ok {
		if text, ok := constant.Value().(types.String); ok {
			return g.pattern(string(text)).err
		}
	}
	return nil
}

func (g *guard) join(args []ref.Val) ref.Val {
	if list, ok := args[0].(traits.Lister); ok {
		g.spend(length(list))
	}
	return join(args...)
}

// add counts the right side: the left one is not copied.
func (g *guard) add(args []ref.Val) ref.Val {
	left, ok := args[0].(traits.Adder)
	if !ok {
		return types.MaybeNoSuchOverloadErr(args[0])
	}
	if list, ok := args[1].(traits.Lister); ok {
		g.spend(length(list))
	}
	return left.Add(args[1])
}

func (g *guard) equal(args []ref.Val, yes types.Bool) ref.Val {
	units := weigh(args, maxWeight)
	g.spend(units)
	if units > maxWeight {
		return types.NewErr("the values are too large to be compared")
	}
	if types.Equal(args[0], args[1]) == types.True {
		return yes
	}
	return !yes
}

// weigh counts what a comparison of two values may look at, until it is more than room. Only two collections are looked into.
func weigh(args []ref.Val, room int) int {
	if !isCollection(args[0]) || !isCollection(args[1]) {
		return 1 + min(textBytes(args[0]), textBytes(args[1]))/bytesPerUnit
	}
	first := weight(args[0], room)
	return first + weight(args[1], room-first)
}

func isCollection(v ref.Val) bool {
	if o, ok := v.(*types.Optional); ok {
		return o.HasValue() && isCollection(o.GetValue())
	}
	switch v.(type) {
	case traits.Mapper, traits.Lister:
		return true
	}
	return false
}

// weight counts the values inside of a value, texts by their length, until there are more than room.
func weight(v ref.Val, room int) int {
	total := 1 + textBytes(v)/bytesPerUnit
	if o, ok := v.(*types.Optional); ok && o.HasValue() {
		return total + weight(o.GetValue(), room-total)
	}
	switch c := v.(type) {
	case traits.Mapper:
		for it := c.Iterator(); total <= room && it.HasNext() == types.True; {
			key := it.Next()
			total += weight(key, room-total)
			total += weight(c.Get(key), room-total)
		}
	case traits.Lister:
		for it := c.Iterator(); total <= room && it.HasNext() == types.True; {
			total += weight(it.Next(), room-total)
		}
	}
	return total
}

// textBytes gives the length of a text, 0 of anything else.
func textBytes(v ref.Val) int {
	switch t := v.(type) {
	case types.String:
		return len(t)
	case types.Bytes:
		return len(t)
	}
	return 0
}

func (g *guard) within(args []ref.Val) ref.Val {
	container, ok := args[1].(traits.Container)
	if !ok {
		return types.MaybeNoSuchOverloadErr(args[1])
	}
	units, ok := searchWeight(args)
	if !ok {
		return types.NewErr("the list is too large to be searched")
	}
	g.spend(units)
	return container.Contains(args[0])
}

// searchWeight counts what a search for a value looks at; it is false if that is too much. Of a map only a key is looked up.
func searchWeight(args []ref.Val) (units int, ok bool) {
	each := 1 + textBytes(args[0])/bytesPerUnit
	if isCollection(args[0]) {
		each = weight(args[0], maxWeight)
	}
	list, isList := args[1].(traits.Lister)
	if !isList {
		return each, each <= maxWeight
	}
	n := length(list)
	return n*each + 1, each <= maxWeight && n <= MaxCost
}

func (g *guard) matches(args []ref.Val) ref.Val {
	text, isText := args[0].(types.String)
	expression, isExpression := args[1].(types.String)
	if !isText || !isExpression {
		return types.MaybeNoSuchOverloadErr(args[0])
	}
	p := g.pattern(string(expression))
	switch {
	case p.err != nil:
		return types.WrapErr(p.err)
	case p.size*len(text) > maxPatternSteps:
		return types.NewErr("the text of %d bytes is too long for this regular expression", len(text))
	}
	g.spend(p.size * len(text) / stepsPerUnit)
	return types.Bool(p.compiled.MatchString(string(text)))
}

// pattern compiles a regular expression once. What it repeats counts as often as it is repeated.
func (g *guard) pattern(text string) pattern {
	p, known := g.patterns[text]
	if known {
		return p
	}
	p = compilePattern(text)
	if len(g.patterns) >= maxPatterns {
		clear(g.patterns)
	}
	g.patterns[text] = p
	return p
}

func compilePattern(text string) pattern {
	if len(text) > MaxBytes {
		return pattern{err: fmt.Errorf("the regular expression has %d bytes, more than %d", len(text), MaxBytes)}
	}
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return pattern{err: err}
	}
	program, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return pattern{err: err}
	}
	if len(program.Inst) > maxPatternSize {
		return pattern{err: fmt.Errorf("the regular expression %.80q is too large: %d instructions, more than %d", text, len(program.Inst), maxPatternSize)}
	}
	compiled, err := regexp.Compile(text)
	return pattern{compiled: compiled, size: len(program.Inst), err: err}
}
