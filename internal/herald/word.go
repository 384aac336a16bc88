package herald

import (
	"fmt"
	"time"

	"plumb.dev/plumb/internal/forge"
)

// word is what is said of a commit in an environment.
type word struct {
	State forge.State `json:"state"`
	Text  string      `json:"text"`
	Path  string      `json:"path,omitempty"` // of the page that tells more
}

// word says how a commit went with the apps that it changed, and whether that is to be told.
//
// One that failed makes it a failure, one that is under way keeps it pending. Where no app is at the commit any more,
// because each was changed by another one since or is gone, what was told as an end stays: only what was pending is ended,
// since nobody would do it later.
func (s subject) word(apps []News, told word, known bool) (now word, worth bool) {
	if len(apps) == 0 {
		if !known || told.State != forge.Pending {
			return told, false
		}
		return word{forge.Success, "another commit took its place before it was ok", s.path(nil)}, true
	}
	var ok int
	var failed, rolling *News
	took := time.Duration(0)
	for i := range apps {
		switch n := &apps[i]; {
		case n.Result == OK:
			ok++
			took = max(took, n.Took)
		case n.Result == Failed && failed == nil:
			failed = n
		case n.Result == Rolling && rolling == nil:
			rolling = n
		}
	}
	switch {
	case failed != nil:
		now = word{State: forge.Failure, Text: failed.sentence() + others(len(apps), ok)}
	case rolling != nil:
		now = word{State: forge.Pending, Text: rolling.sentence() + others(len(apps), ok)}
	case len(apps) == 1:
		now = word{State: forge.Success, Text: apps[0].App + " is ok" + after(took)}
	default:
		now = word{State: forge.Success, Text: fmt.Sprintf("%d apps are ok%s", len(apps), after(took))}
	}
	now.Path = s.path(apps)
	return now, !known || now != told
}

// path gives the page that tells more: the app's, or that of the commit where it changed several, or none any more.
func (s subject) path(apps []News) string {
	if len(apps) == 1 && apps[0].Object != "" {
		return "/app/" + apps[0].Object
	}
	return "/c/" + s.Repo + "/" + s.Commit
}

// sentence names the app, and what it waits for or why it failed.
func (n News) sentence() string {
	if n.Why == "" {
		return n.App + " is " + string(n.Result)
	}
	return n.App + ": " + n.Why
}

func others(all, ok int) string {
	if all == 1 {
		return ""
	}
	return fmt.Sprintf(" (%d of %d apps are ok)", ok, all)
}

func after(took time.Duration) string {
	if took <= 0 {
		return ""
	}
	return " after " + took.Round(time.Second).String()
}
