package agent

import (
	"strings"
	"testing"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
	"plumb.dev/plumb/internal/policy"
)

// A rule that keeps an object does not deny its move to another app, whoever of the two decides first.
func TestDenial(t *testing.T) {
	kept, other := object.ID{Kind: "ConfigMap", Namespace: "shop", Name: "kept"}, object.ID{Kind: "ConfigMap", Namespace: "shop", Name: "other"}
	denies := func(id object.ID) policy.Finding {
		return policy.Finding{Rule: "keep", Level: policy.Deny, Object: id, Message: "it is marked"}
	}
	waits := func(id object.ID, why fault.Reason, to string) plan.Step {
		return plan.Step{ID: id, Action: plan.Wait, Order: plan.OrderDeleteObjects, Reason: why, To: to, Why: "ledger may want it and has not decided on c2 yet"}
	}
	for _, tt := range []struct {
		reason   string
		findings []policy.Finding
		steps    []plan.Step
		want     fault.Reason
		says     string
	}{
		{"nothing is found", nil, []plan.Step{waits(kept, fault.WaitingForApp, "")}, "", ""},
		{"it is deleted", []policy.Finding{denies(kept)}, []plan.Step{{ID: kept, Action: plan.Delete, Order: plan.OrderDeleteObjects}}, fault.PolicyDenied, "the rule keep denies ConfigMap/shop/kept"},
		{"another app may want it", []policy.Finding{denies(kept)}, []plan.Step{waits(kept, fault.WaitingForApp, "")}, fault.WaitingForApp, "ledger may want it"},
		{"it cannot be read whether it is there", []policy.Finding{denies(kept)}, []plan.Step{waits(kept, fault.Unreachable, "")}, fault.PolicyDenied, "keep"},
		{"another object is denied all the same", []policy.Finding{denies(kept), denies(other)}, []plan.Step{waits(kept, fault.WaitingForApp, ""), {ID: other, Action: plan.Delete, Order: plan.OrderDeleteObjects}}, fault.PolicyDenied, "ConfigMap/shop/other"},
		{"what is applied waits for something else", []policy.Finding{denies(kept)}, []plan.Step{{ID: kept, Action: plan.Wait, Reason: fault.WaitingForApp}}, fault.PolicyDenied, "keep"},
		{"an exception", []policy.Finding{{Rule: "keep", Level: policy.Deny, Object: kept, Exception: "so it is"}}, []plan.Step{waits(kept, fault.WaitingForApp, "")}, "", ""},
	} {
		got := denial(tt.findings, &plan.Plan{Steps: tt.steps})
		if (got == nil) != (tt.want == "") || got != nil && (got.Reason != tt.want || !strings.Contains(got.Message, tt.says)) {
			t.Errorf("%s: %v", tt.reason, got)
		}
	}
}
