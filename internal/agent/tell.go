package agent

import (
	"context"
	"time"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/ledger"
	"plumb.dev/plumb/internal/state"
)

// toldFor is how long the same trouble of an app is not told again.
const toldFor = time.Hour

// tell logs what became of the app, and makes Events of what people must see: trouble, what waits for them, and the end of
// it. An app without trouble costs no write.
func (t *turn) tell(ctx context.Context, before, after v1alpha1.AppStatus) {
	if before.Revision != after.Revision && after.Revision != "" {
		t.becameApplied(time.Now())
		t.log.Info("an app was applied", "revision", after.Revision, "changed", t.app.times.changed)
	}
	if before.State != after.State && after.State == v1alpha1.StateOK {
		t.log.Info("an app is healthy", "revision", after.Revision)
	}
	for _, note := range state.Notes(before, after) {
		if note.Trouble {
			t.log.Warn("an app is in trouble", "revision", after.Target, "state", after.State, "reason", note.Reason, "message", note.Message)
		} else {
			t.log.Info("an app is out of trouble", "revision", after.Target, "reason", note.Reason, "message", note.Message)
		}
		if note.Trouble && after.State == v1alpha1.StateFailed {
			t.agent.metrics.failures.WithLabelValues(string(note.Reason)).Inc()
		}
		t.event(ctx, note)
	}
}

// event writes an Event about the App. That it cannot be written changes nothing: the status says the same.
func (t *turn) event(ctx context.Context, note state.Note) {
	if t.app.toldAlready(note.About, time.Now()) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	err := t.agent.ledger.Tell(ctx,
		ledger.Subject{Kind: "App", Namespace: t.object.Namespace, Name: t.object.Name, UID: t.object.UID},
		ledger.Happening{Reason: string(note.Reason), Message: note.Message, Warning: note.Trouble, Key: note.About})
	if err != nil && ctx.Err() == nil {
		t.log.Warn("an Event was not written", "error", err)
	}
}

// toldAlready tells whether the same was told a short while ago, and notes that it is told now if not.
func (a *app) toldAlready(about string, now time.Time) bool {
	for key, at := range a.events {
		if now.Sub(at) >= toldFor {
			delete(a.events, key)
		}
	}
	if _, told := a.events[about]; told {
		return true
	}
	if a.events == nil {
		a.events = map[string]time.Time{}
	}
	a.events[about] = now
	return false
}
