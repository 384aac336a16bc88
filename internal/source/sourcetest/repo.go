// Package sourcetest has what a test needs to be sure of package source: a repository made by a few words (Repo), a real
// smart HTTP server that can also misbehave (Serve), and the conformance suite that holds for every transport (Run).
//
// It never leaves loopback and the test's own folder, and never reads the machine's git configuration. Start at NewRepo.
package sourcetest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Repo is a bare repository in a folder of the test, the "server's" side.
type Repo struct {
	Dir string

	t     testing.TB
	clock int64 // seconds; one more with each commit
}

// NewRepo makes an empty bare repository whose HEAD names main.
func NewRepo(t testing.TB) *Repo {
	t.Helper()
	r := &Repo{Dir: filepath.Join(t.TempDir(), "repo.git"), t: t, clock: 1_700_000_000}
	if err := os.Mkdir(r.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	r.Git("init", "--quiet", "--bare", "--initial-branch=main", ".")
	return r
}

// URL gives the file:// address.
func (r *Repo) URL() string { return "file://" + r.Dir }

// Git runs git in the repository, with a clean configuration, and gives its trimmed output. It fails the test if git fails.
func (r *Repo) Git(args ...string) string {
	r.t.Helper()
	return r.git(nil, args...)
}

func (r *Repo) git(stdin []byte, args ...string) string {
	r.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = r.Dir
	cmd.Stdin = bytes.NewReader(stdin)
	cmd.Env = cleanEnvironment(r.Dir)
	out, err := cmd.Output()
	if err != nil {
		detail := ""
		if exit, ok := err.(*exec.ExitError); ok {
			detail = string(exit.Stderr)
		}
		r.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, detail)
	}
	return strings.TrimSpace(string(out))
}

func cleanEnvironment(home string) []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com",
		"GIT_AUTHOR_DATE=1700000000 +0000", "GIT_COMMITTER_DATE=1700000000 +0000",
	}
}

// Change is one entry of a commit: see File, Executable, Symlink, Submodule, Delete.
type Change struct{ line, content string }

// File writes a file.
func File(path, content string) Change { return Change{"M 100644 inline " + path, content} }

// Executable writes an executable file.
func Executable(path, content string) Change { return Change{"M 100755 inline " + path, content} }

// Symlink writes a symlink.
func Symlink(path, target string) Change { return Change{"M 120000 inline " + path, target} }

// Submodule writes a gitlink to a commit.
func Submodule(path, commit string) Change { return Change{"M 160000 " + commit + " " + path, ""} }

// Delete removes a file or folder.
func Delete(path string) Change { return Change{"D " + path, ""} }

// Commit puts a commit on top of a branch, which is made if it is absent, and gives its id.
func (r *Repo) Commit(branch, message string, changes ...Change) string {
	r.t.Helper()
	return r.CommitOn(r.tip("refs/heads/"+branch), branch, message, changes...)
}

// CommitOn puts a commit on top of another, "" for a commit without parent, and forces the branch to it.
func (r *Repo) CommitOn(parent, branch, message string, changes ...Change) string {
	r.t.Helper()
	r.clock++
	var in strings.Builder
	fmt.Fprintf(&in, "reset refs/heads/%s\n\ncommit refs/heads/%s\n", branch, branch)
	fmt.Fprintf(&in, "author Ada <ada@example.com> %d +0000\ncommitter Ada <ada@example.com> %d +0000\n", r.clock, r.clock)
	fmt.Fprintf(&in, "data %d\n%s\n", len(message), message)
	if parent != "" {
		fmt.Fprintf(&in, "from %s\n", parent)
	}
	for _, change := range changes {
		in.WriteString(change.line + "\n")
		if strings.Contains(change.line, " inline ") {
			fmt.Fprintf(&in, "data %d\n%s\n", len(change.content), change.content)
		}
	}
	in.WriteString("\ndone\n")
	r.git([]byte(in.String()), "-c", "fastimport.unpackLimit=10000", "fast-import", "--quiet", "--force", "--done")
	return r.tip("refs/heads/" + branch)
}

// tip gives the commit of a ref, "" if there is none.
func (r *Repo) tip(ref string) string {
	r.t.Helper()
	return r.git(nil, "for-each-ref", "--format=%(objectname)", ref)
}

// Tag makes a lightweight tag.
func (r *Repo) Tag(name, commit string) { r.t.Helper(); r.Git("tag", name, commit) }

// Annotate makes an annotated tag and gives the id of the tag object.
func (r *Repo) Annotate(name, commit string) string {
	r.t.Helper()
	r.Git("tag", "-a", "-m", name, name, commit)
	return r.Git("rev-parse", "refs/tags/"+name)
}

// SetRef forces a ref to an object, whether that exists or not.
func (r *Repo) SetRef(ref, id string) {
	r.t.Helper()
	file := filepath.Join(r.Dir, ref)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(id+"\n"), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// DeleteRef removes a ref.
func (r *Repo) DeleteRef(ref string) { r.t.Helper(); r.Git("update-ref", "-d", ref) }

// AllowFilter lets clients leave blobs on the server.
func (r *Repo) AllowFilter() *Repo {
	r.t.Helper()
	r.Git("config", "uploadpack.allowFilter", "true")
	r.Git("config", "uploadpack.allowAnySHA1InWant", "true")
	return r
}
