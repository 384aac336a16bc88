package plan

import (
	"fmt"
	"slices"
	"strings"

	"plumb.dev/plumb/api/v1alpha1"
)

// A status lists pendingShown steps of a plan that is not carried out, each with whyShown characters of its why: it stays far
// below its limit whatever an admission rule says.
const (
	pendingShown = 20
	whyShown     = 400
)

// Writes counts the steps that would change the cluster because of the revision: all that send something but those that
// undo drift.
func Writes(p Plan) int {
	n := 0
	for _, s := range p.Steps {
		if s.writes() && s.Drift == "" {
			n++
		}
	}
	return n
}

func (s Step) writes() bool {
	switch s.Action {
	case Apply, Replace, Delete, Release:
		return true
	}
	return false
}

// Healing is the part of a plan that only undoes drift: applies of objects that the revision does not change.
func Healing(p Plan) Plan {
	p.Steps = slices.DeleteFunc(slices.Clone(p.Steps), func(s Step) bool { return s.Action != Apply || s.Drift == "" })
	p.Warnings, p.Consumed = nil, nil
	return p
}

// PendingOf says what a plan that is not carried out would do, but for undoing drift: nil if nothing. What it would
// refuse, or hold for consent, is said too.
func PendingOf(p Plan) *v1alpha1.Pending {
	pending := &v1alpha1.Pending{}
	for _, s := range p.Steps {
		word := pendingWord(s)
		if word == "" || s.Drift != "" {
			continue
		}
		pending.Count++
		if len(pending.Steps) < pendingShown {
			pending.Steps = append(pending.Steps, v1alpha1.PendingStep{Action: word, Object: s.ID.String(), Why: shortened(s.Why)})
		}
	}
	if pending.Count == 0 {
		return nil
	}
	return pending
}

// shortened cuts a why, and makes one line of it.
func shortened(why string) string {
	runes := []rune(strings.Join(strings.Fields(why), " "))
	if len(runes) <= whyShown {
		return string(runes)
	}
	return string(runes[:whyShown-1]) + "…"
}

// pendingOrder is the order in which PendingText counts, with the words behind the numbers.
var pendingOrder = [][2]string{
	{"create", "to create"}, {"take over", "to take over"}, {"change", "to change"}, {"replace", "to replace"}, {"delete", "to delete"},
	{"release", "to hand over"}, {"hold", "held"}, {"wait", "waiting"}, {"refuse", "refused"},
}

// PendingText counts what PendingOf lists: "3 to create, 1 to take over"; "" if nothing.
func PendingText(p Plan) string {
	counts := map[string]int{}
	for _, s := range p.Steps {
		if s.Drift == "" {
			counts[pendingWord(s)]++
		}
	}
	var parts []string
	for _, word := range pendingOrder {
		if n := counts[word[0]]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, word[1]))
		}
	}
	return strings.Join(parts, ", ")
}

// pendingWord is the word for what a step would do; "" if it would do nothing.
func pendingWord(s Step) string {
	switch {
	case s.Action == Apply && s.UID == "":
		return "create"
	case s.Action == Apply && s.First:
		return "take over"
	case s.Action == Apply:
		return "change"
	case s.Action == Replace, s.Action == Delete, s.Action == Release, s.Action == Refuse, s.Action == Hold, s.Action == Wait:
		return string(s.Action)
	}
	return ""
}
