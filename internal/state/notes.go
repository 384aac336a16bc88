package state

import (
	"fmt"
	"strings"

	apimeta "k8s.io/apimachinery/pkg/api/meta"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
)

// Note is something about an app that people want to be told: it came into trouble, something waits for them, it is well again.
type Note struct {
	Reason  fault.Reason
	Message string
	Trouble bool   // it is about trouble, not about its end
	About   string // what is the same in two notes about the same trouble
}

// Notes gives what is worth telling of a change from one status to the next. An app that goes from commit to commit without
// trouble gives none: its status says it all.
func Notes(before, after v1alpha1.AppStatus) []Note {
	var notes []Note
	reason, message := readyOf(after)
	was, _ := readyOf(before)
	about := strings.Join([]string{string(reason), after.Target, objectOf(after.Blocking)}, " ")
	switch {
	case troubled(after.State) && (before.State != after.State || was != reason || objectOf(before.Blocking) != objectOf(after.Blocking)):
		notes = append(notes, Note{Reason: reason, Message: message, Trouble: true, About: about})
	case troubled(before.State) && after.State == v1alpha1.StateOK:
		notes = append(notes, Note{Reason: reason, Message: message, About: about + " after " + string(was)})
	}
	if after.HeldCount > before.HeldCount {
		notes = append(notes, Note{
			Reason: fault.DeletionHeld, Message: heldMessage(after), Trouble: true,
			About: fmt.Sprintf("%s %s %d", fault.DeletionHeld, after.Target, after.HeldCount),
		})
	}
	return notes
}

// troubled tells whether a state is trouble that somebody has to see to.
func troubled(s v1alpha1.State) bool { return s == v1alpha1.StateFailed || s == v1alpha1.StateDrifted }

func readyOf(s v1alpha1.AppStatus) (fault.Reason, string) {
	ready := apimeta.FindStatusCondition(s.Conditions, v1alpha1.ConditionReady)
	if ready == nil {
		return "", ""
	}
	return fault.Reason(ready.Reason), ready.Message
}

func objectOf(b *v1alpha1.Blocking) string {
	if b == nil {
		return ""
	}
	return b.Kind + "/" + b.Namespace + "/" + b.Name
}

func heldMessage(s v1alpha1.AppStatus) string {
	if reason, message := readyOf(s); reason == fault.DeletionHeld {
		return message
	}
	names := make([]string, len(s.HeldDeletions))
	for i, held := range s.HeldDeletions {
		names[i] = held.Object
	}
	return limit(fmt.Sprintf("%s: %s", count(s.HeldCount, "deletion", "waits for consent", "wait for consent"), strings.Join(names, ", ")), messageLimit)
}
