package cli

import (
	"context"
	"fmt"
	"net/url"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/forge"
	"plumb.dev/plumb/internal/forge/dial"
	"plumb.dev/plumb/internal/redact"
	"plumb.dev/plumb/internal/report"
	"plumb.dev/plumb/internal/revert"
)

// propose pushes the branch and opens the pull request, or says how it is opened.
func (r *rollback) propose(ctx context.Context) error {
	branch := r.change.Branch()
	there, err := r.clone.Push(ctx, r.remote, r.made.Commit, branch)
	if err != nil {
		return failedBy(err)
	}
	line := "pushed " + branch
	if there {
		line = branch + " is there already, and is left as it is"
	}
	r.answer.Pushed, r.answer.Existed = true, there
	r.say(line)
	if err := r.open(ctx, branch); err != nil {
		return err
	}
	if len(r.made.Conflicts) > 0 && !there {
		return failed(fault.New(fault.NotReverted, "nothing is taken back yet: %s must be mended by hand", counted(len(r.made.Conflicts), "file", "files")).
			WithNext("git fetch %s && git switch %s, mend the files, push and merge", r.remote, branch))
	}
	return nil
}

// open opens the pull request with the person's token, or prints where it is opened.
func (r *rollback) open(ctx context.Context, branch string) error {
	if r.repo == nil || r.repo.Spec.Forge == nil {
		r.say(fmt.Sprintf("next  review and merge it: git fetch %s && git diff %s...%s/%s", r.remote, r.tip[:7], r.remote, branch))
		return nil
	}
	spec := r.repo.Spec.Forge
	address, repository, err := forge.At(r.repo.Spec.URL, spec.URL)
	if err != nil {
		return err
	}
	kind := forge.Kind(spec.Kind)
	token := r.token(kind)
	if token == "" {
		r.answer.Open = newPullURL(kind, address+"/"+repository, branch, r.branch)
		r.say("next  open the pull request: " + r.answer.Open)
		return nil
	}
	access := forge.Access{Kind: kind, URL: address, Repository: repository, Token: redact.Hide(token)}
	opened, err := (&dial.Forges{}).Open(access)
	if err != nil {
		return failedBy(err)
	}
	facts := revert.Facts{Change: r.change, Why: r.why(), Paths: r.made.Paths, Conflicts: r.made.Conflicts, Others: r.others, Preview: r.lines, Base: r.branch}
	labels := []string{revert.Label}
	if len(r.made.Conflicts) > 0 {
		labels = append(labels, revert.LabelConflicts)
	}
	pull, err := opened.Create(ctx, forge.Proposal{Head: branch, Base: r.branch, Title: r.change.Title(), Body: facts.Body(), Labels: labels})
	if err != nil {
		f := fault.Of(err, fault.ForgeFailed)
		return failed(f.WithNext("the branch is pushed; open the pull request by hand: %s", newPullURL(kind, address+"/"+repository, branch, r.branch)))
	}
	r.answer.Pull = &rollbackPull{pull.Number, pull.URL}
	r.say(fmt.Sprintf("pull request #%d: %s", pull.Number, report.Clean(pull.URL)))
	return nil
}

// token is the person's own for the forge.
func (r *rollback) token(kind forge.Kind) string {
	names := map[forge.Kind]string{forge.GitHub: "GITHUB_TOKEN", forge.GitLab: "GITLAB_TOKEN", forge.Gitea: "GITEA_TOKEN"}
	if token := r.env.Getenv("PLUMB_FORGE_TOKEN"); token != "" {
		return token
	}
	return r.env.Getenv(names[kind])
}

// newPullURL is the page at which a person opens a pull request.
func newPullURL(kind forge.Kind, repository, head, base string) string {
	if kind == forge.GitLab {
		query := url.Values{"merge_request[source_branch]": {head}, "merge_request[target_branch]": {base}}
		return repository + "/-/merge_requests/new?" + query.Encode()
	}
	return repository + "/compare/" + url.PathEscape(base) + "..." + head
}
