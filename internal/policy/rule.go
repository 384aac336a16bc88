package policy

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"plumb.dev/plumb/internal/expression"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/fleet"
	"plumb.dev/plumb/internal/object"
)

// rule is a rule that is ready to judge.
type rule struct {
	name     string
	level    Level
	groups   []string
	text     ruleText // as it is written, to tell whether it changed
	match    match
	must     *expression.Expression // true if the object keeps the rule
	says     *expression.Expression // nil without a messageExpression
	place    fault.Place
	fallback string // what is said where nothing better is
}

// match is a matchText that was checked.
type match struct {
	matchText
	apps []fleet.Address
}

func compileRule(w written, at string, text ruleText) (*rule, *fault.Fault) {
	c := &rule{name: text.Name, level: Level(text.Level), groups: text.Groups, text: text, place: w.at(at + ".name")}
	if bad := checkRule(w, at, text); bad != nil {
		return nil, bad
	}
	var bad *fault.Fault
	if c.match, bad = compileMatch(w, at+".match", text.Match); bad != nil {
		return nil, bad
	}
	if c.must, bad = compileAt(w, at+".expression", text.Expression, expression.Bool); bad != nil {
		return nil, bad
	}
	if text.MessageExpression != "" {
		if c.says, bad = compileAt(w, at+".messageExpression", text.MessageExpression, expression.Text); bad != nil {
			return nil, bad
		}
	}
	c.fallback = oneLine(text.Message)
	if c.fallback == "" {
		c.fallback = "the rule " + text.Name + " does not hold: " + oneLine(text.Expression)
	}
	return c, nil
}

func checkRule(w written, at string, text ruleText) *fault.Fault {
	levels := []string{string(Deny), string(Warn), string(Approve)}
	switch {
	case !slices.Contains(levels, text.Level):
		return w.bad(at+".level", "is %q, but must be %s", clip(text.Level), strings.Join(levels, ", "))
	case text.Level == string(Approve) && len(text.Groups) == 0:
		return w.bad(at, "is of level approve and names no groups").WithNext("for example groups: [sre], and the group's members under groups of the file")
	case text.Level != string(Approve) && len(text.Groups) > 0:
		return w.bad(at+".groups", "belongs to the level approve")
	case len(text.Groups) > maxList:
		return w.bad(at+".groups", "has more than %d entries", maxList)
	case strings.TrimSpace(text.Expression) == "":
		return w.bad(at, "needs an expression that is true for an object that keeps the rule")
	case text.Message != "" && text.MessageExpression != "":
		return w.bad(at+".messageExpression", "stands beside a message; a rule has one of the two")
	case len(text.Message) > maxText:
		return w.bad(at+".message", "is longer than %d bytes", maxText)
	}
	if text.Link != "" && (!linkForm.MatchString(text.Link) || len(text.Link) > maxText) {
		return w.bad(at+".link", "is %q, which is no https address", clip(text.Link))
	}
	return nil
}

// linkForm is an address that may stand in a comment as it is: nothing in it ends a link or begins something else.
var linkForm = regexp.MustCompile(`^https://[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9._~:/?#@!$&*+,;=%-]*)?$`)

func compileMatch(w written, at string, text matchText) (match, *fault.Fault) {
	m := match{matchText: text}
	for _, list := range []struct {
		field   string
		entries []string
	}{
		{"kinds", text.Kinds}, {"apiVersions", text.APIVersions}, {"names", text.Names}, {"namespaces", text.Namespaces},
		{"apps", text.Apps}, {"envs", text.Envs}, {"changes", text.Changes},
	} {
		if len(list.entries) > maxList {
			return m, w.bad(at+"."+list.field, "has more than %d entries", maxList)
		}
		for i, entry := range list.entries {
			field := fmt.Sprintf("%s.%s[%d]", at, list.field, i)
			switch {
			case entry == "" || len(entry) > maxText:
				return m, w.bad(field, "is empty, or longer than %d bytes", maxText)
			case (list.field == "names" || list.field == "namespaces") && !isGlob(entry):
				return m, w.bad(field, "is %q, which is not a pattern", clip(entry)).WithNext("* matches any characters, ? one, [a-z] one of these")
			case list.field == "changes" && !slices.Contains([]string{created, changed, deleted}, entry):
				return m, w.bad(field, "is %q, but must be create, change or delete", clip(entry))
			case list.field == "apps":
				address, err := fleet.ParseAddress(entry)
				if err != nil {
					return m, w.bad(field, "is %q, which is not the address of an app", clip(entry)).WithNext("write app, app/env or app/env@cluster")
				}
				m.apps = append(m.apps, address)
			}
		}
	}
	if len(text.Labels) > maxList {
		return m, w.bad(at+".labels", "has more than %d entries", maxList)
	}
	if m.Changes == nil {
		m.Changes = []string{created, changed}
	}
	return m, nil
}

// language is what rules are written in, made when the first one is read.
var language = sync.OnceValues(func() (*expression.Language, error) {
	return expression.New(
		expression.Variable{Name: "object"}, expression.Variable{Name: "before"},
		expression.Variable{Name: "app", Fields: []string{"name", "env", "cluster", "namespace"}},
	)
})

func compileAt(w written, field, text string, want expression.Answer) (*expression.Expression, *fault.Fault) {
	l, err := language()
	if err != nil {
		return nil, fault.Of(err, fault.InvalidSettings)
	}
	compiled, err := l.Compile(text, want)
	if err != nil {
		return nil, w.bad(field, "is not an expression: %s", oneLine(err.Error())).
			WithNext("it is CEL over object, before and app: docs/reference/policy.md has examples")
	}
	return compiled, nil
}

// fits tells whether a rule is about a change.
func (m match) fits(c Change) bool {
	o := c.subject()
	namespace := o.Namespace()
	if namespace == "" {
		namespace = c.App.Namespace
	}
	return slices.Contains(m.Changes, c.kind()) &&
		fitsKind(m.Kinds, o.ID()) &&
		one(m.APIVersions, o.APIVersion(), same) &&
		one(m.Names, o.Name(), glob) &&
		one(m.Namespaces, namespace, glob) &&
		one(m.Envs, c.App.Env, same) &&
		fitsApp(m.apps, c.App) && fitsLabels(m.Labels, o)
}

func same(want, got string) bool { return want == got }

func glob(want, got string) bool {
	ok, _ := path.Match(want, got)
	return ok
}

// one tells whether one entry of a list fits; a list that is not there fits everything.
func one(list []string, got string, fits func(want, got string) bool) bool {
	return len(list) == 0 || slices.ContainsFunc(list, func(want string) bool { return fits(want, got) })
}

func fitsKind(kinds []string, id object.ID) bool {
	return len(kinds) == 0 || slices.ContainsFunc(kinds, func(k string) bool { return k == "*" || k == id.Kind || k == id.GroupKind() })
}

func fitsApp(apps []fleet.Address, app App) bool {
	return len(apps) == 0 || slices.ContainsFunc(apps, func(a fleet.Address) bool { return covers(a, app) })
}

// covers tells whether an address, whose empty parts are open, names an app.
func covers(a fleet.Address, app App) bool {
	cluster := app.Cluster
	if cluster == "" {
		cluster = fleet.Local
	}
	return a.App == app.Name && (a.Env == "" || a.Env == app.Env) && (a.Cluster == "" || a.Cluster == cluster)
}

func fitsLabels(labels map[string]string, o object.Object) bool {
	for key, value := range labels {
		if o.Label(key) != value {
			return false
		}
	}
	return true
}

// oneLine makes a text fit for one line of a message, and bounds it.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)), " ")
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText-len("…")], "") + "…"
	}
	return s
}
