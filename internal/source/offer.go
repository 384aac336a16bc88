package source

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"plumb.dev/plumb/internal/fault"
)

// offered are the branches that this package may make at a server: nothing else is ever pushed.
var offered = regexp.MustCompile(`^plumb/revert/[a-z0-9][a-z0-9.-]{0,99}$`)

func isOffered(branch string) bool {
	return offered.MatchString(branch) && !strings.Contains(branch, "..") && !strings.HasSuffix(branch, ".lock")
}

func unoffered(branch string) error {
	return fault.New(fault.NameInvalid, "%q is no branch that is pushed: they lie below plumb/revert/", clip(branch))
}

// Offer makes a branch at the server, for a commit that is here. The branch must not exist: whatever stands there, of
// whomever, is left as it is, and told by there. Only branches below plumb/revert/ are made.
//
// Errors: NameInvalid for another branch; CredentialsRefused if the credential may not push; FetchFailed.
func (m *Mirror) Offer(ctx context.Context, commit, branch string) (there bool, err error) {
	if !isOffered(branch) {
		return false, unoffered(branch)
	}
	if err := m.requireCommit(ctx, Head{Commit: commit}); err != nil {
		return false, err
	}
	ref := "refs/heads/" + branch
	listed, err := m.repo().exec(ctx, run{args: []string{"ls-remote", "--", "origin", ref}, maxStdout: maxAdvert, deadline: m.options.AskTimeout, network: true})
	if err != nil {
		return false, m.failure(err)
	}
	if len(strings.TrimSpace(string(listed))) > 0 {
		return true, nil
	}
	_, err = m.repo().exec(ctx, run{
		args: []string{"push", "--quiet", "--no-verify", "--no-signed", "--force-with-lease=" + ref + ":", "origin", commit + ":" + ref},
		// with an empty lease the server makes the branch, or nothing
		maxStdout: maxStderr, deadline: m.options.FetchTimeout, network: true, promises: true,
	})
	var failed *gitError
	switch {
	case err == nil:
		return false, nil
	case errors.As(err, &failed) && stale.MatchString(failed.said):
		return true, nil // somebody was faster
	case errors.As(err, &failed) && notAllowed.MatchString(failed.said):
		return false, fault.New(fault.CredentialsRefused, "%s does not let %s be pushed%w", m.url, branch, quiet{err}).
			WithNext("give the credential of the Repo the right to push, or leave the revert to people: onFailure: none")
	}
	return false, m.failure(err)
}

var (
	stale      = regexp.MustCompile(`(?i)stale info|already exists`)
	notAllowed = regexp.MustCompile(`(?i)403|permission|not allowed|denied|pre-receive hook declined|protected`)
)
