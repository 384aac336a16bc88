package state

import (
	"fmt"
	"time"

	"plumb.dev/plumb/api/v1alpha1"
)

// InForce gives the pause that holds now; nil if there is none, if its time is over, or if it is a Hold that has come to its
// end before (over, which is status.handled.hold, names it).
func InForce(p *v1alpha1.Pause, over string, now time.Time) *v1alpha1.Pause {
	switch {
	case p == nil:
		return nil
	case p.Until != nil && !now.Before(p.Until.Time):
		return nil
	case p.At != "" && HoldName(p) == over:
		return nil
	}
	return p
}

// HoldName tells one Hold of an app from the next: its commit and its end. It is "" for a pause that is none.
func HoldName(p *v1alpha1.Pause) string {
	if p == nil || p.At == "" {
		return ""
	}
	text := p.At
	if p.Until != nil {
		text += " until " + p.Until.UTC().Format(time.RFC3339)
	}
	return text
}

// heldText says who holds the app at which commit, why, until when, and what is not applied for it.
func (f Facts) heldText() string {
	p := f.Hold
	text := fmt.Sprintf("held at %s by %s: %q", name(p.At), p.By, p.Reason)
	if p.Until != nil {
		text += " until " + clock(p.Until.Time)
	}
	if f.Newest != "" {
		text += "; " + name(f.Newest) + " is not applied"
	}
	return text
}
