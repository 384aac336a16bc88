package expression

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
)

// functions are the functions on texts that CEL's own extension has, by its names and meanings
// (https://pkg.go.dev/github.com/google/cel-go/ext#Strings), and on quantities, as Kubernetes has them
// (https://kubernetes.io/docs/reference/using-api/cel/). They are made here because what they make must be bounded.
func functions() []cel.EnvOption {
	text, number := cel.StringType, cel.IntType
	return append([]cel.EnvOption{
		member("lowerAscii", "string_lower_ascii", nil, text, func(a []ref.Val) ref.Val { return types.String(mapASCII(str(a[0]), 'A', 'Z')) }),
		member("upperAscii", "string_upper_ascii", nil, text, func(a []ref.Val) ref.Val { return types.String(mapASCII(str(a[0]), 'a', 'z')) }),
		member("trim", "string_trim", nil, text, func(a []ref.Val) ref.Val { return types.String(strings.TrimSpace(str(a[0]))) }),
		member("indexOf", "string_index_of_string", []*cel.Type{text}, number, func(a []ref.Val) ref.Val {
			return place(str(a[0]), strings.Index(str(a[0]), str(a[1])))
		}),
		member("lastIndexOf", "string_last_index_of_string", []*cel.Type{text}, number, func(a []ref.Val) ref.Val {
			return place(str(a[0]), strings.LastIndex(str(a[0]), str(a[1])))
		}),
		member("replace", "string_replace_string_string", []*cel.Type{text, text}, text, replace),
		member("split", "string_split_string", []*cel.Type{text}, cel.ListType(text), func(a []ref.Val) ref.Val {
			return types.NewStringList(types.DefaultTypeAdapter, strings.Split(str(a[0]), str(a[1])))
		}),
		cel.Function("substring",
			cel.MemberOverload("string_substring_int", []*cel.Type{text, number}, text, cel.FunctionBinding(substring)),
			cel.MemberOverload("string_substring_int_int", []*cel.Type{text, number, number}, text, cel.FunctionBinding(substring))),
		cel.Function("join",
			cel.MemberOverload("list_join", []*cel.Type{cel.ListType(text)}, text, cel.FunctionBinding(join)),
			cel.MemberOverload("list_join_string", []*cel.Type{cel.ListType(text), text}, text, cel.FunctionBinding(join))),
	}, quantities()...)
}

// member declares a function on a text.
func member(name, overload string, more []*cel.Type, gives *cel.Type, apply func(args []ref.Val) ref.Val) cel.EnvOption {
	return cel.Function(name, cel.MemberOverload(overload, append([]*cel.Type{cel.StringType}, more...), gives,
		cel.FunctionBinding(func(args ...ref.Val) ref.Val { return apply(args) })))
}

// str gives a text that the declaration of a function has made sure of.
func str(v ref.Val) string {
	s, _ := v.(types.String)
	return string(s)
}

var errTooLong = errors.New("the text would be too long")

// mapASCII turns the letters from low to high into those of the other case.
func mapASCII(s string, low, high rune) string {
	return strings.Map(func(r rune) rune {
		if r >= low && r <= high {
			return r ^ 0x20
		}
		return r
	}, s)
}

// place makes an index of characters of one of bytes.
func place(s string, at int) ref.Val {
	if at < 0 {
		return types.Int(-1)
	}
	return types.Int(utf8.RuneCountInString(s[:at]))
}

func replace(a []ref.Val) ref.Val {
	s, old, with := str(a[0]), str(a[1]), str(a[2])
	if grows := len(with) - len(old); grows > 0 && len(s)+strings.Count(s, old)*grows > maxTextBytes {
		return types.WrapErr(errTooLong)
	}
	return types.String(strings.ReplaceAll(s, old, with))
}

func substring(a ...ref.Val) ref.Val {
	s := []rune(str(a[0]))
	from, _ := a[1].(types.Int)
	to := types.Int(len(s))
	if len(a) == 3 {
		to, _ = a[2].(types.Int)
	}
	if from < 0 || to < from || int64(to) > int64(len(s)) {
		return types.NewErr("there is no substring from %d to %d of a text of %d characters", from, to, len(s))
	}
	return types.String(s[from:to])
}

func join(a ...ref.Val) ref.Val {
	separator := ""
	if len(a) == 2 {
		separator = str(a[1])
	}
	list, ok := a[0].(traits.Lister)
	if !ok {
		return types.MaybeNoSuchOverloadErr(a[0])
	}
	var b strings.Builder
	for it := list.Iterator(); it.HasNext() == types.True; {
		part, ok := it.Next().(types.String)
		if !ok {
			return types.NewErr("join: the list holds something that is no text")
		}
		if b.Len()+len(separator)+len(part) > maxTextBytes {
			return types.WrapErr(errTooLong)
		}
		if b.Len() > 0 {
			b.WriteString(separator)
		}
		b.WriteString(string(part))
	}
	return types.String(b.String())
}
