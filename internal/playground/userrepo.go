package playground

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// userRepository is a repository that somebody works in. It is served as it is, read-only: a commit there is delivered;
// what is not committed is not.
type userRepository struct {
	dir    string // its top folder, or the bare repository itself
	gitDir string // where the refs are
	branch string // the branch that is followed, also after another is checked out
}

func findUserRepository(ctx context.Context, path string) (userRepository, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return userRepository{}, err
	}
	common, err := git(ctx, path, "rev-parse", "--path-format=absolute", "--git-common-dir")
	if err != nil {
		return userRepository{}, fmt.Errorf("%s is not in a Git repository: %w", path, err)
	}
	branch, err := git(ctx, path, "symbolic-ref", "--short", "HEAD")
	if err != nil {
		return userRepository{}, fmt.Errorf("%s has no branch checked out; check out the one to deliver", path)
	}
	if _, err := git(ctx, path, "rev-parse", "--quiet", "--verify", "refs/heads/"+branch); err != nil {
		return userRepository{}, fmt.Errorf("%s: branch %s has no commit yet", path, branch)
	}
	top, err := git(ctx, path, "rev-parse", "--show-toplevel")
	if err != nil || top == "" {
		top = common // bare
	}
	return userRepository{dir: top, gitDir: common, branch: branch}, nil
}

// refLook is how often the files of the refs are looked at: four calls of stat.
const refLook = 200 * time.Millisecond

// followRefs calls changed when the followed branch may have moved, until ctx ends.
func followRefs(ctx context.Context, r userRepository, changed func(ref string)) {
	tick := time.NewTicker(refLook)
	defer tick.Stop()
	last := r.fingerprint()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if now := r.fingerprint(); now != last {
			last = now
			changed("refs/heads/" + r.branch)
		}
	}
}

// fingerprint changes whenever git moves the branch, in each of its ways to store refs: a loose file, packed, reftable.
func (r userRepository) fingerprint() string {
	var b strings.Builder
	for _, file := range []string{filepath.Join("refs", "heads", filepath.FromSlash(r.branch)), "packed-refs", filepath.Join("reftable", "tables.list")} {
		if info, err := os.Stat(filepath.Join(r.gitDir, file)); err == nil {
			fmt.Fprintf(&b, "%s %d %d\n", file, info.Size(), info.ModTime().UnixNano())
		}
	}
	return b.String()
}
