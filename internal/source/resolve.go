package source

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"

	"plumb.dev/plumb/internal/fault"
)

// maxAdvert bounds the list of refs that a server may send, in bytes: about half a million refs.
const maxAdvert = 64 << 20

// Resolve asks the server once what a revision means now: "" (the branch that the server's HEAD names), a branch, a tag
// (annotated ones peeled), a full commit id, a full ref, or a range of versions, which is the newest tag in it. A full commit
// id means itself, without a question to the server.
//
// Errors: RevisionNotFound with the nearest names, also for an empty repository; Ambiguous if a branch and a tag have the
// name, or a range of versions has two newest tags; CredentialsRefused; FetchFailed, for everything else that a server or a
// network can do. The last good state of the revision stays: see State.
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
	do := run{args: []string{"ls-remote", "--quiet", "--symref", "--", "origin"}, maxStdout: maxAdvert, memory: maxAskMemory, deadline: m.options.AskTimeout, network: true}
	named := revision != "" && revision != "HEAD" && !strings.HasPrefix(revision, "refs/")
	if named && m.manyRefs.Load() {
		do.args = []string{"ls-remote", "--quiet", "--heads", "--tags", "--", "origin"}
	} else {
		do.settings = []setting{{"protocol.version", "0"}}
	}
	said, err := m.repo().exec(ctx, do)
	if err != nil {
		return Head{}, m.failure(err)
	}
	if len(said) == 0 {
		if err := m.requireSmart(ctx, do); err != nil {
			return Head{}, err
		}
	}
	if len(said) > longAdvert {
		m.manyRefs.Store(true)
	}
	seen, err := parseAdvert(said)
	if err != nil {
		return Head{}, err
	}
	return seen.pick(revision)
}

// longAdvert is from how many bytes on, about a thousand refs, a list of refs is worth a second round trip: protocol 0 gives
// all of them in its first answer, protocol 2 leaves out in its second what forges keep per pull request.
const longAdvert = 64 << 10

// requireSmart makes sure that a server that shows no refs is a Git server with an empty repository. git takes any page with
// status 200 for the list of refs of a file server, and a page without line breaks for an empty list: a login page must not
// look like a repository from which everything was removed. A Git server's answer is the only one with packets.
func (m *Mirror) requireSmart(ctx context.Context, do run) error {
	if !strings.HasPrefix(m.url, "http") {
		return nil
	}
	trace, err := os.CreateTemp("", "plumb-trace-")
	if err != nil {
		return fault.New(fault.FetchFailed, "a temporary file cannot be made: %w", err)
	}
	defer os.Remove(trace.Name()) // it holds nothing but packets
	defer trace.Close()
	do.trace = trace.Name()
	if _, err := m.repo().exec(ctx, do); err != nil {
		return m.failure(err)
	}
	packets, err := io.ReadAll(io.LimitReader(trace, 1<<20))
	if err != nil || !bytes.Contains(packets, []byte("# service=git-upload-pack")) {
		return fault.New(fault.FetchFailed, "%s did not answer as a Git server does", m.url).
			WithNext("check that the address is that of the repository, not of its page")
	}
	return nil
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
