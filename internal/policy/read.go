package policy

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/fleet"
)

// The limits of a repository's policies (docs/reference/policy.md).
const (
	maxFiles      = 50
	maxRules      = 200
	maxExceptions = 1000
	maxGroups     = 100
	maxList       = 100  // entries of a list of one rule or group
	maxText       = 1000 // bytes of a message, a reason, a link
)

// file is the schema of a policy file; its json tags are the fields that people write.
type file struct {
	Groups     []group     `json:"groups"`
	Rules      []ruleText  `json:"rules"`
	Exceptions []exception `json:"exceptions"`
}

// group is people who may approve, by their names at the forge.
type group struct {
	Name    string   `json:"name"`
	Members []string `json:"members"`

	place fault.Place
}

// exception lets one rule not count for an app, an object, or an object of an app, until a day.
type exception struct {
	Rule    string `json:"rule"`
	App     string `json:"app"`     // app, app/env or app/env@cluster
	Object  string `json:"object"`  // Kind/name or Kind/namespace/name
	Reason  string `json:"reason"`  // why
	By      string `json:"by"`      // who allows it
	Expires string `json:"expires"` // the last day, in UTC

	app   fleet.Address
	until time.Time // the first moment after it
	place fault.Place
}

// ruleText is a rule as it is written.
type ruleText struct {
	Name              string    `json:"name"`
	Level             string    `json:"level"`
	Groups            []string  `json:"groups"`
	Match             matchText `json:"match"`
	Expression        string    `json:"expression"`
	Message           string    `json:"message"`
	MessageExpression string    `json:"messageExpression"`
	Link              string    `json:"link"`
}

// matchText says which objects a rule is about. All of what is said must fit; a list fits if one entry does.
type matchText struct {
	Kinds       []string          `json:"kinds"`
	APIVersions []string          `json:"apiVersions"`
	Names       []string          `json:"names"`
	Namespaces  []string          `json:"namespaces"`
	Labels      map[string]string `json:"labels"`
	Apps        []string          `json:"apps"`
	Envs        []string          `json:"envs"`
	Changes     []string          `json:"changes"`
}

// Read reads the policies of a tree: the files that its root plumb.yaml names. A tree without any gives a Set without rules.
// Nothing is half read: the first error is the answer, an InvalidSettings with file and line, or FetchFailed for a tree that
// cannot be read.
func Read(tree fs.FS) (*Set, *fault.Fault) {
	data, err := fs.ReadFile(tree, fleet.SettingsFile)
	if errors.Is(err, fs.ErrNotExist) {
		return &Set{}, nil
	}
	if err != nil {
		return nil, unreadable(fleet.SettingsFile, err)
	}
	root, bad := fleet.ParseRoot(fleet.SettingsFile, data)
	if bad != nil {
		return nil, bad
	}
	files, bad := filesOf(tree, root.Policies)
	if bad != nil {
		return nil, bad
	}
	r := reader{set: &Set{files: files, groups: map[string]group{}}, seen: map[string]fault.Place{}}
	for _, name := range files {
		if bad := r.file(tree, name); bad != nil {
			return nil, bad
		}
	}
	return r.set, r.across()
}

func unreadable(name string, err error) *fault.Fault {
	return fault.Of(fmt.Errorf("the file cannot be read: %w", err), fault.FetchFailed).At(fault.Place{File: name})
}

// filesOf expands the patterns, sorted. A pattern without a file is an error: a slip of the pen would be no policy at all.
func filesOf(tree fs.FS, patterns []string) ([]string, *fault.Fault) {
	var files []string
	for _, pattern := range patterns {
		found, err := fs.Glob(tree, pattern)
		if err != nil {
			return nil, unreadable(pattern, err)
		}
		if len(found) == 0 {
			return nil, fault.New(fault.InvalidSettings, "policies names %s, and there is no such file", pattern).
				At(fault.Place{File: fleet.SettingsFile}).WithNext("write the path from the root of the repository, or take the entry out")
		}
		files = append(files, found...)
		if len(files) > maxFiles {
			return nil, fault.New(fault.InvalidSettings, "policies names more than %d files", maxFiles).At(fault.Place{File: fleet.SettingsFile}).WithCode("POLICY_LIMIT")
		}
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

// Paths gives the files and folders that patterns of policies lie in: what has to be here before Read.
func Paths(patterns []string) []string {
	paths := make([]string, 0, len(patterns))
	for _, pattern := range patterns {
		if strings.ContainsAny(pattern, `*?[\`) {
			pattern = path.Dir(pattern)
		}
		paths = append(paths, pattern)
	}
	return paths
}

// reader gathers the set file by file.
type reader struct {
	set  *Set
	seen map[string]fault.Place // "rule x" or "group x" → where it is
}

// written is one file, and where its fields are.
type written struct {
	name   string
	places map[string]fault.Place
}

func (w written) at(field string) fault.Place {
	for at := field; at != ""; at = at[:max(0, strings.LastIndexAny(at, ".["))] {
		if place, ok := w.places[at]; ok {
			return place
		}
	}
	return fault.Place{File: w.name}
}

func (w written) bad(field, format string, args ...any) *fault.Fault {
	return fault.New(fault.InvalidSettings, "%s %s", field, fmt.Sprintf(format, args...)).WithCode("POLICY").At(w.at(field))
}

func (r *reader) file(tree fs.FS, name string) *fault.Fault {
	data, err := readBounded(tree, name)
	if err != nil {
		return unreadable(name, err)
	}
	var f file
	places, bad := fleet.Decode(name, data, &f)
	if bad != nil {
		return bad
	}
	w := written{name, places}
	for i, g := range f.Groups {
		if bad := r.group(w, fmt.Sprintf("groups[%d]", i), g); bad != nil {
			return bad
		}
	}
	for i, text := range f.Rules {
		if bad := r.rule(w, fmt.Sprintf("rules[%d]", i), text); bad != nil {
			return bad
		}
	}
	for i, e := range f.Exceptions {
		if bad := r.exception(w, fmt.Sprintf("exceptions[%d]", i), e); bad != nil {
			return bad
		}
	}
	return nil
}

// readBounded refuses what is not a plain file before it reads it; how large a file may be says fleet.Decode.
func readBounded(tree fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(tree, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a file")
	}
	return fs.ReadFile(tree, name)
}

// once refuses a second rule or group of a name, and too many of them.
func (r *reader) once(w written, at, what, name string) *fault.Fault {
	if !isName(name) {
		return w.bad(at+".name", "is %q, which is not a name of at most 63 lower-case letters, digits and dashes", clip(name))
	}
	if first, twice := r.seen[what+name]; twice {
		return w.bad(at+".name", "is %s again, as at %s", name, first).WithNext("give each %sa name of its own", what)
	}
	r.seen[what+name] = w.at(at + ".name")
	return nil
}

func (r *reader) group(w written, at string, g group) *fault.Fault {
	if bad := r.once(w, at, "group ", g.Name); bad != nil {
		return bad
	}
	switch {
	case len(r.set.groups) == maxGroups:
		return w.bad(at, "is one group more than the limit of %d", maxGroups)
	case len(g.Members) == 0 || len(g.Members) > maxList:
		return w.bad(at+".members", "must be 1 to %d names of people at the forge", maxList)
	case slices.Contains(g.Members, ""):
		return w.bad(at+".members", "has an empty name")
	}
	g.place = w.at(at)
	r.set.groups[g.Name] = g
	return nil
}

func (r *reader) rule(w written, at string, text ruleText) *fault.Fault {
	if bad := r.once(w, at, "rule ", text.Name); bad != nil {
		return bad
	}
	if len(r.set.rules) == maxRules {
		return w.bad(at, "is one rule more than the limit of %d", maxRules)
	}
	compiled, bad := compileRule(w, at, text)
	if bad != nil {
		return bad
	}
	r.set.rules = append(r.set.rules, compiled)
	return nil
}

func (r *reader) exception(w written, at string, e exception) *fault.Fault {
	if len(r.set.exceptions) == maxExceptions {
		return w.bad(at, "is one exception more than the limit of %d", maxExceptions)
	}
	for _, needed := range []struct{ field, value, example string }{
		{"rule", e.Rule, "the name of the rule"}, {"reason", e.Reason, "people read it beside the finding"},
		{"by", e.By, "who allows it"}, {"expires", e.Expires, "the last day, for example 2027-01-31"},
	} {
		if strings.TrimSpace(needed.value) == "" {
			return w.bad(at, "needs %s: %s", needed.field, needed.example)
		}
		if len(needed.value) > maxText {
			return w.bad(at+"."+needed.field, "is longer than %d bytes", maxText)
		}
	}
	if e.App == "" && e.Object == "" {
		return w.bad(at, "needs app, object or both: an exception for everything is a rule that is taken out")
	}
	if e.App != "" {
		address, err := fleet.ParseAddress(e.App)
		if err != nil {
			return w.bad(at+".app", "is %q, which is not the address of an app", clip(e.App)).WithNext("write app, app/env or app/env@cluster")
		}
		e.app = address
	}
	if n := strings.Count(e.Object, "/"); e.Object != "" && (n < 1 || n > 2) {
		return w.bad(at+".object", "is %q, which names no object", clip(e.Object)).WithNext("write Kind/name or Kind/namespace/name")
	}
	last, err := time.Parse(date, e.Expires)
	if err != nil {
		return w.bad(at+".expires", "is %q, which is not a day", clip(e.Expires)).WithNext("write it as 2027-01-31")
	}
	e.until, e.place = last.AddDate(0, 0, 1), w.at(at)
	r.set.exceptions = append(r.set.exceptions, e)
	return nil
}

// across checks what files say about each other.
func (r *reader) across() *fault.Fault {
	for _, rule := range r.set.rules {
		for _, name := range rule.groups {
			if _, known := r.set.groups[name]; !known {
				return fault.New(fault.InvalidSettings, "the rule %s needs the approval of %s, which is no group", rule.name, clip(name)).
					WithCode("POLICY").At(rule.place).WithNext("write it under groups, with its members")
			}
		}
	}
	for _, e := range r.set.exceptions {
		if _, known := r.seen["rule "+e.Rule]; !known && e.Rule != RuleDeprecated {
			return fault.New(fault.InvalidSettings, "the exception is for %s, which is no rule", clip(e.Rule)).
				WithCode("POLICY").At(e.place).WithNext("take it out, or name a rule of this repository")
		}
	}
	return nil
}

func isName(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return false
		}
	}
	return s != "" && len(s) <= 63 && s[0] != '-' && s[len(s)-1] != '-'
}

// clip shortens a text of the file for a message.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// isGlob tells whether a pattern of path.Match is well formed.
func isGlob(pattern string) bool {
	_, err := path.Match(pattern, "")
	return err == nil
}
