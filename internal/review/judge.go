package review

import (
	"context"
	"slices"
	"strings"
	"time"

	"plumb.dev/plumb/internal/fleet"
	"plumb.dev/plumb/internal/forge"
	"plumb.dev/plumb/internal/policy"
	"plumb.dev/plumb/internal/preview"
	"plumb.dev/plumb/internal/report"
)

// judge asks the policies of the branch about what a pull request makes of the apps that it affects, and about what it does to the
// policies. Where a rule asks for approval, the forge is asked who gave it for this head.
func (p *planning) judge(ctx context.Context, affected []*candidate, to *commit) ([]report.PullFinding, error) {
	for _, at := range []*commit{p.tip, to} {
		if err := p.at.Mirror.Complete(ctx, at.id, policy.Paths(at.apps.Root.Policies)); err != nil {
			return nil, err
		}
	}
	version := ""
	if !p.pull.Fork && len(affected) > 0 {
		version = p.hands.Cluster.Mapper().Answers(ctx).KubeVersion()
	}
	var changes []policy.Change
	for _, c := range affected {
		for _, change := range c.changes {
			change.App.Version = version
			changes = append(changes, change)
		}
	}
	found := policy.Review(p.tip.tree, to.tree, changes, time.Now())
	p.said.Approval = ""
	if !slices.ContainsFunc(found, func(f policy.Finding) bool { return f.Level == policy.Approve && f.Exception == "" }) {
		return report.PullFindings(found), nil
	}
	approvers, err := approversOf(ctx, p.at.Forge, p.pull)
	if err != nil {
		return nil, err
	}
	set, _ := policy.Read(p.tip.tree) // it was read a moment ago
	p.said.Approval = approvalOf(approvers)
	return report.PullFindings(policy.Approved(set, found, approvers, p.pull.Author)), nil
}

// changesOf keeps what the policies judge of an app that can be rendered: the objects that differ, and no others.
func changesOf(app preview.App) []policy.Change {
	id := app.Identity
	return policy.Changes(policy.App{Name: id.App, Env: id.Env, Cluster: fleet.Local, Namespace: id.Target}, app.Base.Objects, app.Tree.Objects)
}

// approversOf lists who approved a pull request as its head is, sorted. Where the forge does not say of which commit, it counts.
func approversOf(ctx context.Context, pulls forge.Pulls, pull forge.Pull) ([]string, error) {
	reviews, err := pulls.Reviews(ctx, pull.Number)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, r := range reviews {
		if r.Verdict == forge.Approved && (r.Commit == "" || r.Commit == pull.Head.Commit) {
			names = append(names, r.User)
		}
	}
	slices.Sort(names)
	return names, nil
}

// approvalOf is what is remembered of approvers; never "", which says that no rule asks.
func approvalOf(approvers []string) string { return "by " + strings.Join(approvers, " ") }

// sameApproval tells whether those who approved are those who had when the plan was said, if any rule asks for approval.
func (s said) sameApproval(ctx context.Context, pulls forge.Pulls, pull forge.Pull) (bool, error) {
	if s.Approval == "" {
		return true, nil
	}
	approvers, err := approversOf(ctx, pulls, pull)
	return err == nil && s.Approval == approvalOf(approvers), err
}
