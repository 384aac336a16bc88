package cli

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/source"
)

// clone is the Git repository around the directory that plumb was called in, read through a mirror of its own: the clone
// itself is never written to.
type clone struct {
	root   string
	mirror *source.Mirror
}

// openClone opens the clone around a directory; PathNotFound if there is none.
func openClone(env Env, dir string) (*clone, error) {
	root, ok := repositoryAround(dir)
	if !ok {
		return nil, fault.New(fault.PathNotFound, "%s is not in a Git repository", dir).WithNext("call plumb inside a clone")
	}
	if resolved, err := filepath.EvalSymlinks(root); err == nil {
		root = resolved
	}
	address := (&url.URL{Scheme: "file", Path: root}).String()
	mirror, err := source.Open(clonesDir(env), source.Remote{URL: address, AllowLocal: true}, source.Options{})
	if err != nil {
		return nil, err
	}
	return &clone{root: root, mirror: mirror}, nil
}

// clonesDir is where copies of local clones are kept between calls.
func clonesDir(env Env) string {
	base := env.Getenv("XDG_CACHE_HOME")
	if base == "" {
		base = filepath.Join(env.Getenv("HOME"), ".cache")
	}
	return filepath.Join(base, "plumb", "clones")
}

func (c *clone) Close() { _ = c.mirror.Close() }

// resolve gives the commit that a revision means in the clone: HEAD, a branch, a tag, a full ref or a full commit id.
func (c *clone) resolve(ctx context.Context, revision string) (source.Head, error) {
	if revision == "HEAD" {
		revision = ""
	}
	head, err := c.mirror.Resolve(ctx, revision)
	if fault.Is(err, fault.RevisionNotFound) && strings.Contains(revision, "/") {
		if remote, rerr := c.mirror.Resolve(ctx, "refs/remotes/"+revision); rerr == nil {
			return remote, nil
		}
	}
	return head, err
}

// expand gives the full id of the commit that begins with some digits, among the newest thousand behind HEAD.
func (c *clone) expand(ctx context.Context, prefix string) (string, error) {
	head, err := c.resolve(ctx, "HEAD")
	if err != nil {
		return "", err
	}
	if err := c.mirror.Fetch(ctx, head); err != nil {
		return "", err
	}
	commits, err := c.mirror.Log(ctx, "", head.Commit, 1000)
	if err != nil {
		return "", err
	}
	ids := make([]string, len(commits))
	for i, commit := range commits {
		ids[i] = commit.ID
	}
	return expandAmong(prefix, ids)
}

// expandAmong gives the one id that begins with prefix.
func expandAmong(prefix string, ids []string) (string, error) {
	found := ""
	for _, id := range ids {
		if strings.HasPrefix(id, prefix) && id != found {
			if found != "" {
				return "", fault.New(fault.Ambiguous, "more than one commit begins with %s", prefix).WithNext("give more of its digits")
			}
			found = id
		}
	}
	if found == "" {
		return "", fault.New(fault.RevisionNotFound, "no commit known here begins with %s", prefix).WithNext("give all of its digits: git rev-parse COMMIT")
	}
	return found, nil
}

// isAncestor tells whether a commit is, or comes before, another; RevisionNotFound if the clone lacks one of them.
func (c *clone) isAncestor(ctx context.Context, ancestor, commit string) (bool, error) {
	for _, id := range []string{commit, ancestor} {
		if err := c.mirror.Fetch(ctx, source.Head{Commit: id, Kind: source.Exact}); err != nil {
			return false, err
		}
	}
	return c.mirror.IsAncestor(ctx, ancestor, commit)
}

// remotes gives the addresses that the clone's own configuration names.
func (c *clone) remotes() []string {
	data, err := os.ReadFile(filepath.Join(c.root, ".git", "config"))
	if err != nil {
		return nil
	}
	var out []string
	for _, match := range regexp.MustCompile(`(?m)^\s*url\s*=\s*(\S+)\s*$`).FindAllStringSubmatch(string(data), -1) {
		out = append(out, match[1])
	}
	return out
}

// sameAddress compares two addresses of repositories as forges do: a trailing .git or slash makes no difference.
func sameAddress(a, b string) bool {
	normal := func(s string) string { return strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(s), "/"), ".git") }
	return normal(a) == normal(b)
}
