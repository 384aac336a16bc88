package agent

import (
	"context"
	"fmt"
	"strings"

	"plumb.dev/plumb/internal/cluster"
	"plumb.dev/plumb/internal/diff"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
)

const (
	// compareLimit is how many objects of a plan that is not carried out are compared field by field.
	compareLimit = 50
	// fieldsNamed is how many fields of one of them are named.
	fieldsNamed = 3
)

// comparison is what was found about one object: it holds for what was compared with what.
type comparison struct {
	digest, version string
	text            string
}

// compare asks the API server, by dry runs, what a plan that is not carried out would change in objects that exist, also in
// those of other tools, and adds it to the why of their steps.
func (t *turn) compare(ctx context.Context) {
	compared, before := map[object.ID]comparison{}, t.app.compared
	for i := range t.plan.Steps {
		s := &t.plan.Steps[i]
		theirs := s.Action == plan.Refuse && s.Reason == fault.OwnedByOther
		if s.Action != plan.Apply && !theirs || s.UID == "" || s.Drift != "" || s.Object == nil || len(compared) == compareLimit {
			continue
		}
		compared[s.ID] = t.compareOne(ctx, *s, before[s.ID])
		s.Why += "; " + compared[s.ID].text
	}
	t.app.compared = compared
}

func (t *turn) compareOne(ctx context.Context, s plan.Step, before comparison) comparison {
	live, _, err := t.client.Get(ctx, s.ID, s.Object.Version())
	if err != nil {
		return comparison{text: "it cannot be compared: " + t.refusal(s.ID, err)}
	}
	version, _ := object.Get(live, object.Fields("metadata", "resourceVersion"))
	now := comparison{digest: s.Digest, version: fmt.Sprint(version)}
	if before.digest == now.digest && before.version == now.version {
		return before
	}
	made, err := t.client.DryRun(ctx, *s.Object, t.manager())
	switch {
	case fault.Is(err, fault.Forbidden), cluster.IsNoDryRun(err):
		now.text = "its fields cannot be compared: " + t.refusal(s.ID, err)
	case err != nil:
		now.text = "the API server would refuse it: " + t.refusal(s.ID, err)
	default:
		now.text = changedText(diff.Fields(diff.Bare(live), diff.Bare(made)))
	}
	return now
}

// refusal gives the words of the API server, but for those about a Secret, which may quote a value.
func (t *turn) refusal(id object.ID, err error) string {
	if id.Group == "" && id.Kind == "Secret" {
		return "its message may quote a value and is not shown"
	}
	return fault.Of(err, fault.ApplyFailed).Message
}

// changedText names the fields that would change, never their values.
func changedText(changes []diff.FieldChange) string {
	if len(changes) == 0 {
		return "no field would change"
	}
	var names []string
	for _, c := range changes[:min(len(changes), fieldsNamed)] {
		names = append(names, c.Field)
	}
	text := "would change " + strings.Join(names, ", ")
	if more := len(changes) - len(names); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
