package expression

import (
	"fmt"
	"reflect"
	"regexp"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"k8s.io/apimachinery/pkg/api/resource"
)

// quantityType is the type of quantities, called as Kubernetes calls it.
var quantityType = cel.OpaqueType("kubernetes.Quantity")

// quantity is an amount of a resource: 500m, 64Mi.
type quantity struct{ resource.Quantity }

// quantityForm is what looks like a quantity. The exponent is bounded: the parser would make a number of as many digits.
var quantityForm = regexp.MustCompile(`^[+-]?[0-9.]{1,40}([eE][+-]?[0-9]{1,2}|[KMGTPE]i|[numkMGTPE])?$`)

func parseQuantity(v ref.Val) (quantity, error) {
	text := ""
	switch v := v.(type) {
	case types.String:
		text = string(v)
	case types.Int, types.Double: // cpu: 1 is a number to YAML
		text = fmt.Sprint(v.Value())
	}
	if !quantityForm.MatchString(text) {
		return quantity{}, fmt.Errorf("%.80q is not a quantity", text)
	}
	parsed, err := resource.ParseQuantity(text)
	if err != nil {
		return quantity{}, fmt.Errorf("%.80q is not a quantity", text)
	}
	return quantity{parsed}, nil
}

// quantities are the functions on quantities.
func quantities() []cel.EnvOption {
	compare := func(name string, holds func(int) bool) cel.EnvOption {
		return cel.Function(name, cel.MemberOverload("quantity_"+name, []*cel.Type{quantityType, quantityType}, cel.BoolType,
			cel.BinaryBinding(func(a, b ref.Val) ref.Val {
				x, y := a.(quantity), b.(quantity)
				return types.Bool(holds(x.Cmp(y.Quantity)))
			})))
	}
	return []cel.EnvOption{
		cel.Function("isQuantity", cel.Overload("is_quantity", []*cel.Type{cel.DynType}, cel.BoolType, cel.UnaryBinding(func(v ref.Val) ref.Val {
			_, err := parseQuantity(v)
			return types.Bool(err == nil)
		}))),
		cel.Function("quantity", cel.Overload("to_quantity", []*cel.Type{cel.DynType}, quantityType, cel.UnaryBinding(func(v ref.Val) ref.Val {
			q, err := parseQuantity(v)
			if err != nil {
				return types.WrapErr(err)
			}
			return q
		}))),
		compare("isGreaterThan", func(c int) bool { return c > 0 }),
		compare("isLessThan", func(c int) bool { return c < 0 }),
		cel.Function("compareTo", cel.MemberOverload("quantity_compareTo", []*cel.Type{quantityType, quantityType}, cel.IntType,
			cel.BinaryBinding(func(a, b ref.Val) ref.Val {
				x, y := a.(quantity), b.(quantity)
				return types.Int(x.Cmp(y.Quantity))
			}))),
		cel.Function("asApproximateFloat", cel.MemberOverload("quantity_asApproximateFloat", []*cel.Type{quantityType}, cel.DoubleType,
			cel.UnaryBinding(func(a ref.Val) ref.Val {
				x := a.(quantity)
				return types.Double(x.AsApproximateFloat64())
			}))),
	}
}

// ConvertToNative gives no Go value but the quantity itself.
func (q quantity) ConvertToNative(want reflect.Type) (any, error) {
	if want == reflect.TypeFor[resource.Quantity]() {
		return q.Quantity, nil
	}
	return nil, fmt.Errorf("a quantity is no %s", want)
}

// ConvertToType knows the type itself, and texts.
func (q quantity) ConvertToType(to ref.Type) ref.Val {
	switch to {
	case quantityType:
		return q
	case types.StringType:
		return types.String(q.String())
	case types.TypeType:
		return quantityType
	}
	return types.NewErr("a quantity is no %s", to.TypeName())
}

// Equal compares amounts: 1 is 1000m.
func (q quantity) Equal(other ref.Val) ref.Val {
	o, ok := other.(quantity)
	return types.Bool(ok && q.Cmp(o.Quantity) == 0)
}

// Type is kubernetes.Quantity.
func (q quantity) Type() ref.Type { return quantityType }

// Value is the quantity.
func (q quantity) Value() any { return q.Quantity }
