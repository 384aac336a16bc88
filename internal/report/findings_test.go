package report

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/policy"
)

func TestPullFindings(t *testing.T) {
	id := object.ID{Group: "apps", Kind: "Deployment", Name: "cart"}
	place := fault.Place{File: "apps/cart/all.yaml", Line: 3}
	found := []policy.Finding{
		{Rule: "no-latest", Level: policy.Deny, App: "cart/prod", Object: id, Place: place, Message: "pin it"},
		{Rule: "gold", Level: policy.Approve, App: "cart/prod", Object: id, Place: place, Message: "look at it", Groups: []string{"sre"}},
		{Rule: "gold", Level: policy.Approve, App: "web", Object: id, Message: "look at it", Groups: []string{"sre"}, Approved: "bob"},
		{Rule: "no-latest", Level: policy.Deny, App: "wiki", Object: id, Message: "pin it", Exception: "no tags (ann)", Expires: "2027-01-31"},
		{Rule: policy.RuleChanged, Level: policy.Warn, Place: fault.Place{File: "policies/p.yaml", Line: 1}, Message: "the rule x is new"},
	}
	want := []PullFinding{
		{Level: FindingDeny, Rule: "no-latest", App: "cart/prod", Object: "Deployment/cart", Place: "apps/cart/all.yaml:3", Message: "pin it"},
		{Level: FindingApprove, Rule: "gold", App: "cart/prod", Object: "Deployment/cart", Place: "apps/cart/all.yaml:3", Message: "look at it", Groups: []string{"sre"}},
		{Level: FindingApprove, Rule: "gold", App: "web", Object: "Deployment/cart", Message: "look at it", Groups: []string{"sre"}, Excused: "approved by bob"},
		{Level: FindingDeny, Rule: "no-latest", App: "wiki", Object: "Deployment/cart", Message: "pin it", Excused: "until 2027-01-31: no tags (ann)"},
		{Level: FindingWarn, Rule: policy.RuleChanged, Place: "policies/p.yaml:1", Message: "the rule x is new"},
	}
	if diff := cmp.Diff(want, PullFindings(found)); diff != "" {
		t.Error(diff)
	}
	if counts := CountFindings(found); counts != (FindingCounts{Denied: 1, Approval: 1, Warnings: 1, Excepted: 1}) || counts.String() != "1 denied, 1 to be approved, 1 warning, 1 excepted" {
		t.Errorf("%+v: %s", counts, counts)
	}
}
