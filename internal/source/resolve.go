package source

import (
	"bytes"
	"context"
	"strings"

	"plumb.dev/plumb/internal/fault"
)

// maxAdvert bounds the list of refs that a server may send, in bytes: about half a million refs.
const maxAdvert = 64 << 20

// Resolve asks the server once what a revision means now: "" (the branch that the server's HEAD names), a branch, a tag
// (annotated ones peeled), a full commit id, or a full ref. A full commit id means itself, without a question to the server.
//
// Errors: RevisionNotFound with the nearest names, also for an empty repository; Ambiguous if a branch and a tag have the
// name; Unsupported for a range of versions; CredentialsRefused; FetchFailed, for everything else that a server or a network
// can do. The last good state of the revision stays: see State.
func (m *Mirror) Resolve(ctx context.Context, revision string) (Head, error) {
	if commitID.MatchString(revision) {
		return Head{Commit: revision, Kind: Exact}, nil
	}
	head, err := m.resolve(ctx, revision)
	m.resolved(revision, head, err)
	return head, err
}

func (m *Mirror) resolve(ctx context.Context, revision string) (Head, error) {
	if err := checkRevision(revision); err != nil {
		return Head{}, err
	}
	r := m.repo()
	args := []string{"ls-remote", "--quiet", "--symref"}
	if revision != "" && revision != "HEAD" && !strings.HasPrefix(revision, "refs/") {
		args = append(args, "--heads", "--tags") // the server leaves out what forges keep per pull request
	}
	said, err := r.exec(ctx, run{args: append(args, "--", "origin"), maxStdout: maxAdvert, deadline: m.options.AskTimeout, network: true})
	if err != nil {
		return Head{}, m.failure(err)
	}
	seen, err := parseAdvert(said)
	if err != nil {
		return Head{}, err
	}
	return seen.pick(revision)
}

// parseAdvert reads what ls-remote prints: "<id>\t<ref>", "<id>\t<tag>^{}" for what a tag stands for, and
// "ref: <branch>\tHEAD".
func parseAdvert(said []byte) (*advert, error) {
	a := &advert{refs: map[string]string{}, peeled: map[string]string{}}
	for line := range bytes.Lines(said) {
		left, name, ok := strings.Cut(strings.TrimSuffix(string(line), "\n"), "\t")
		if !ok {
			continue
		}
		if target, ok := strings.CutPrefix(left, "ref: "); ok {
			if name == "HEAD" && validRef(target) {
				a.head = target
			}
			continue
		}
		if len(left) == 64 {
			return nil, fault.New(fault.Unsupported, "the repository has SHA-256 objects, which is not supported yet")
		}
		if !commitID.MatchString(left) {
			return nil, fault.New(fault.FetchFailed, "the server's list of refs cannot be read: %q is no object id", clip(left))
		}
		if tag, ok := strings.CutSuffix(name, "^{}"); ok {
			a.peeled[tag] = left
			continue
		}
		a.refs[name] = left
	}
	return a, nil
}
