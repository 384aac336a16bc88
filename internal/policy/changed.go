package policy

import (
	"fmt"
	"io/fs"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"plumb.dev/plumb/internal/fault"
)

// Review judges a pull request in one call: the changes by the rules of the base, which is what counts until the merge, and what
// the pull request does to the rules as a risk of its own. It never fails: rules that cannot be read are a finding that denies.
func Review(base, head fs.FS, changes []Change, now time.Time) []Finding {
	before, bad := Read(base)
	if bad != nil {
		return []Finding{Unreadable("the base", bad)}
	}
	found := Evaluate(before, changes, now)
	after, bad := Read(head)
	if bad != nil {
		found = append(found, Unreadable("this change", bad))
	} else {
		found = append(found, Changed(before, after)...)
	}
	slices.SortStableFunc(found, order)
	return found
}

// Unreadable is the finding that stands for rules that nobody could read: what cannot be judged is denied.
func Unreadable(where string, bad *fault.Fault) Finding {
	return Finding{Rule: RuleUnreadable, Level: Deny, Place: bad.Place, Message: oneLine("the policies of " + where + " cannot be read: " + bad.Message)}
}

// Changed tells what a commit does to the rules themselves: a warning for each rule, exception and group that comes, goes or
// differs. They count after the merge.
func Changed(before, after *Set) []Finding {
	var found []Finding
	say := func(place fault.Place, format string, args ...any) {
		found = append(found, Finding{Rule: RuleChanged, Level: Warn, Place: place, Message: oneLine(fmt.Sprintf(format, args...) + "; it counts after the merge")})
	}
	compare(rulesOf(before), rulesOf(after), func(name string, was, is *rule) {
		switch {
		case was == nil:
			say(is.place, "the rule %s (%s) is new", name, is.level)
		case is == nil:
			say(was.place, "the rule %s (%s) is taken out", name, was.level)
		case was.level != is.level:
			say(is.place, "the rule %s changes from %s to %s", name, was.level, is.level)
		case !reflect.DeepEqual(was.text, is.text):
			say(is.place, "the rule %s (%s) changes", name, is.level)
		}
	})
	compare(exceptionsOf(before), exceptionsOf(after), func(_ string, was, is *exception) {
		switch {
		case was == nil:
			say(is.place, "an exception from %s for %s until %s is new: %s (%s)", is.Rule, is.what(), is.Expires, is.Reason, is.By)
		case is == nil:
			say(was.place, "the exception from %s for %s is taken out", was.Rule, was.what())
		case was.Expires != is.Expires:
			say(is.place, "the exception from %s for %s ends on %s instead of %s", is.Rule, is.what(), is.Expires, was.Expires)
		}
	})
	compare(groupsOf(before), groupsOf(after), func(name string, was, is *group) {
		switch {
		case was == nil:
			say(is.place, "the group %s is new", name)
		case is == nil:
			say(was.place, "the group %s is taken out", name)
		case !slices.Equal(was.Members, is.Members):
			say(is.place, "the members of the group %s change", name)
		}
	})
	return bounded(found, 0)
}

// compare calls each for every name of either side, in the order of names.
func compare[T any](before, after map[string]*T, each func(name string, was, is *T)) {
	names := maps.Clone(before)
	maps.Copy(names, after)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		each(name, before[name], after[name])
	}
}

func rulesOf(s *Set) map[string]*rule {
	out := map[string]*rule{}
	if s != nil {
		for _, r := range s.rules {
			out[r.name] = r
		}
	}
	return out
}

func exceptionsOf(s *Set) map[string]*exception {
	out := map[string]*exception{}
	if s != nil {
		for i := range s.exceptions {
			x := &s.exceptions[i]
			out[x.Rule+" "+x.what()] = x
		}
	}
	return out
}

func groupsOf(s *Set) map[string]*group {
	out := map[string]*group{}
	if s != nil {
		for name, g := range s.groups {
			out[name] = &g
		}
	}
	return out
}

func (x *exception) what() string {
	return strings.TrimSpace(x.App + " " + x.Object)
}

// Approved marks the findings of level approve that a member of one of their groups has agreed to. The groups are those of the
// set, which is the base's; approvers are the people whose approval stands for the head that was judged, by their names at the
// forge. The author's own does not count. Names differ by more than case.
func Approved(set *Set, findings []Finding, approvers []string, author string) []Finding {
	out := slices.Clone(findings)
	for i, f := range out {
		if f.Level != Approve {
			continue
		}
		for _, name := range approvers {
			if !strings.EqualFold(name, author) && set.member(f.Groups, name) {
				out[i].Approved = name
				break
			}
		}
	}
	slices.SortStableFunc(out, order)
	return out
}

func (s *Set) member(groups []string, name string) bool {
	if s == nil {
		return false
	}
	return slices.ContainsFunc(groups, func(g string) bool {
		return slices.ContainsFunc(s.groups[g].Members, func(m string) bool { return strings.EqualFold(m, name) })
	})
}
