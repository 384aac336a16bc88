package report

import (
	"fmt"
	"strings"
	"testing"

	"plumb.dev/plumb/internal/diff"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/redact"
)

func comparison() Comparison {
	deployment := ObjectDiff{Change: ObjectChanged, Object: object.ID{Group: "apps", Kind: "Deployment", Name: "cart"}, Fields: []diff.FieldChange{
		{Field: "spec.replicas", Kind: diff.Changed, From: int64(2), To: int64(3)},
		{Field: "spec.template.spec.nodeSelector", Kind: diff.Addition, To: map[string]any{"disk": "ssd"}},
		{Field: "metadata.annotations[\"a\"]", Kind: diff.Removed, From: "x\x1b[31m"},
	}}
	settings := ObjectDiff{Change: ObjectChanged, Object: object.ID{Kind: "ConfigMap", Namespace: "shop", Name: "settings"}, Fields: []diff.FieldChange{
		{Field: "data[\"app.ini\"]", Kind: diff.Changed, From: "a\nb\nc\nd\ne\nf\n", To: "a\nb\nc\nD\ne\nf\n"},
	}}
	secret := ObjectDiff{Change: ObjectChanged, Object: object.ID{Kind: "Secret", Name: "s"}, Fields: []diff.FieldChange{
		{Field: "data.password", Kind: diff.Changed, From: redact.Marker, To: redact.Marker},
	}}
	broken := fault.New(fault.RenderFailed, "patch target Deployment/carts does not exist").
		At(fault.Place{File: "apps/web/kustomization.yaml", Line: 7}).WithNext("did you mean cart?")
	return Comparison{
		From: "main@9f31c2a", To: "the working tree", Compared: 12,
		Apps: []AppDiff{
			{Address: "cart/dev", Objects: []ObjectDiff{deployment, secret}},
			{Address: "cart/prod", Objects: []ObjectDiff{deployment, secret}},
			{Address: "shop", Objects: []ObjectDiff{settings, {Change: ObjectAdded, Object: object.ID{Kind: "Service", Name: "a"}}, {Change: ObjectDeleted, Object: object.ID{Kind: "Service", Name: "b"}}}},
			{Address: "new", Notes: []string{"a new app, in namespace new"}},
			{Address: "web/dev", Fault: broken},
			{Address: "web/prod", Fault: broken, Before: broken},
		},
	}
}

func TestCompare(t *testing.T) {
	golden(t, "diff", Style{}.Compare(comparison()))
	golden(t, "diff-colour-ascii", Style{Color: true, ASCII: true}.Compare(comparison()))
	golden(t, "diff-none", Style{}.Compare(Comparison{From: "HEAD@1234567", To: "the working tree", Compared: 1}))
}

func TestLineDiff(t *testing.T) {
	cases := map[string]struct{ from, to, want string }{
		"a changed line and its neighbours": {"a b c d e", "a b X d e", "  ...|  b|- c|+ X|  d|  ..."},
		"a line that came":                  {"a b", "a x b", "  a|+ x|  b"},
		"a line that went":                  {"a x b", "a b", "  a|- x|  b"},
		"nothing in common":                 {"a b", "c d", "- a|- b|+ c|+ d"},
	}
	for reason, c := range cases {
		got := strings.Join(lineDiff(strings.Fields(c.from), strings.Fields(c.to)), "|")
		if got != c.want {
			t.Errorf("%s: %s, want %s", reason, got, c.want)
		}
	}
	many := make([]string, manyLines+1)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	if got := lineDiff(many, many[:2]); len(got) != 2 {
		t.Errorf("a huge text was compared line by line: %d lines", len(got))
	}
}
