package agent

import (
	"testing"

	"plumb.dev/plumb/internal/diff"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
)

func TestChangedText(t *testing.T) {
	change := func(field string) diff.FieldChange {
		return diff.FieldChange{Field: field, From: "before", To: "after"}
	}
	for want, changes := range map[string][]diff.FieldChange{
		"no field would change":              nil,
		"would change spec.replicas, data.a": {change("spec.replicas"), change("data.a")},
		"would change a, b, c and 2 more":    {change("a"), change("b"), change("c"), change("d"), change("e")},
	} {
		if got := changedText(changes); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// What the API server says against a Secret may quote its values.
func TestRefusalOfASecret(t *testing.T) {
	err := fault.New(fault.Rejected, "invalid: hunter2")
	if got := (&turn{}).refusal(object.ID{Kind: "Secret", Name: "a"}, err); got != "its message may quote a value and is not shown" {
		t.Error(got)
	}
	if got := (&turn{}).refusal(object.ID{Kind: "ConfigMap", Name: "a"}, err); got != "invalid: hunter2" {
		t.Error(got)
	}
}
