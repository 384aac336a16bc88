package source

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"plumb.dev/plumb/internal/fault"
)

// history is a bare repository and a clone of it.
type history struct {
	*testing.T
	bare, clone string
}

func newHistory(t *testing.T) *history {
	t.Helper()
	h := &history{T: t, bare: filepath.Join(t.TempDir(), "fleet.git"), clone: filepath.Join(t.TempDir(), "clone")}
	h.git("init", "-q", "--bare", "-b", "main", h.bare)
	h.git("init", "-q", "-b", "main", h.clone)
	h.in("config", "user.name", "Lena")
	h.in("config", "user.email", "lena@acme.io")
	h.in("remote", "add", "origin", h.bare)
	return h
}

func (h *history) git(args ...string) string {
	h.Helper()
	cmd := exec.Command("git", args...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null")
	out, err := cmd.CombinedOutput()
	if err != nil {
		h.Fatalf("git %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (h *history) in(args ...string) string {
	h.Helper()
	return h.git(append([]string{"-C", h.clone}, args...)...)
}

// commit writes files, removes those that are "", and pushes.
func (h *history) commit(files map[string]string) string {
	h.Helper()
	for path, text := range files {
		name := filepath.Join(h.clone, path)
		if text == "" {
			if err := os.RemoveAll(name); err != nil {
				h.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			h.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			h.Fatal(err)
		}
	}
	h.in("add", "-A")
	h.in("commit", "-q", "-m", "change")
	h.in("push", "-q", "origin", "main")
	return h.in("rev-parse", "HEAD")
}

// reversers are the two that make reverts: the agent's copy and a person's clone.
func (h *history) reversers() map[string]func(Reversal) (Reversed, error) {
	h.Helper()
	mirror, err := Open(h.TempDir(), Remote{URL: "file://" + h.bare, AllowLocal: true}, Options{})
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { mirror.Close() })
	clone, err := OpenClone(h.clone)
	if err != nil {
		h.Fatal(err)
	}
	return map[string]func(Reversal) (Reversed, error){
		"mirror": func(do Reversal) (Reversed, error) {
			head, err := mirror.Resolve(context.Background(), "main")
			if err == nil {
				err = mirror.Fetch(context.Background(), head)
			}
			if err != nil {
				return Reversed{}, err
			}
			do.Author = Person{Name: "Plumb", Email: "plumb@example.com"}
			out, err := mirror.Reverse(context.Background(), do)
			if err == nil {
				there, perr := mirror.Offer(context.Background(), out.Commit, "plumb/revert/mirror")
				if perr != nil || there {
					h.Errorf("it is not pushed: there %v, %v", there, perr)
				}
				if there, perr := mirror.Offer(context.Background(), do.Tip, "plumb/revert/mirror"); perr != nil || !there {
					h.Errorf("what stands there is not found: %v", perr)
				}
				if at := h.git("-C", h.bare, "rev-parse", "refs/heads/plumb/revert/mirror"); at != out.Commit {
					h.Errorf("%s is pushed, want %s", at, out.Commit)
				}
				h.in("fetch", "-q", "origin", "plumb/revert/mirror")
			}
			return out, err
		},
		"clone": func(do Reversal) (Reversed, error) {
			before := h.in("status", "--porcelain") + h.in("rev-parse", "HEAD") + h.in("for-each-ref", "refs/heads")
			tip, err := clone.Tip(context.Background(), "origin", "main")
			if err != nil || tip != do.Tip {
				h.Errorf("the tip is %s, %v", tip, err)
			}
			out, err := clone.Reverse(context.Background(), do)
			if err == nil {
				if there, perr := clone.Push(context.Background(), "origin", out.Commit, "plumb/revert/clone"); perr != nil || there {
					h.Errorf("it is not pushed: there %v, %v", there, perr)
				}
				if there, perr := clone.Push(context.Background(), "origin", do.Tip, "plumb/revert/clone"); perr != nil || !there {
					h.Errorf("what stands there is not found: %v", perr)
				}
			}
			if after := h.in("status", "--porcelain") + h.in("rev-parse", "HEAD") + h.in("for-each-ref", "refs/heads"); after != before {
				h.Errorf("the clone was touched: %q, was %q", after, before)
			}
			return out, err
		},
	}
}

func below(folder string) func(string, bool) bool {
	return func(path string, _ bool) bool { return strings.HasPrefix(path, folder+"/") }
}

// A revert takes back what one app's files went through and leaves everything else: other apps' changes in the same commit,
// and what came since in other lines.
func TestReverse(t *testing.T) {
	lines := func(first, last string) string { return first + "\n" + strings.Repeat("between\n", 9) + last + "\n" }
	for _, name := range []string{"mirror", "clone"} {
		t.Run(name, func(t *testing.T) {
			h := newHistory(t)
			good := h.commit(map[string]string{"a/x": lines("1", "1"), "a/gone": "g\n", "a/d": "file\n", "b/x": "1\n"})
			h.commit(map[string]string{"a/x": lines("2", "1"), "a/gone": "", "a/new": "n\n", "a/d": "", "b/x": "2\n"})
			bad := h.commit(map[string]string{"a/d/e": "folder\n"})
			tip := h.commit(map[string]string{"a/x": lines("2", "3"), "b/y": "1\n"})

			out, err := h.reversers()[name](Reversal{Tip: tip, Bad: bad, Good: good, Own: below("a"), Message: "back\n"})
			if err != nil || len(out.Conflicts) > 0 {
				t.Fatalf("%+v, %v", out, err)
			}
			if want := []string{"a/d", "a/d/e", "a/gone", "a/new", "a/x"}; !slices.Equal(out.Paths, want) {
				t.Errorf("paths %q", out.Paths)
			}
			at := func(path string) string { return h.in("show", out.Commit+":"+path) }
			if at("a/x") != strings.TrimSpace(lines("1", "3")) || at("a/gone") != "g" || at("a/d") != "file" || at("b/x") != "2" || at("b/y") != "1" {
				t.Errorf("the tree is not as it should be: %s", h.in("diff", good, out.Commit))
			}
			if parent := h.in("rev-parse", out.Commit+"^"); parent != tip || h.in("log", "-1", "--format=%s", out.Commit) != "back" {
				t.Errorf("it stands on %s", parent)
			}
			if files := h.in("ls-tree", "-r", "--name-only", out.Commit); strings.Contains(files, "a/new") {
				t.Errorf("what came is still there: %s", files)
			}
		})
	}
}

// What was changed again in the same lines is a conflict, and then nothing is taken back, half or whole.
func TestReverseConflict(t *testing.T) {
	for _, name := range []string{"mirror", "clone"} {
		t.Run(name, func(t *testing.T) {
			h := newHistory(t)
			good := h.commit(map[string]string{"a/x": "1\n", "a/y": "1\n"})
			bad := h.commit(map[string]string{"a/x": "2\n", "a/y": "2\n"})
			tip := h.commit(map[string]string{"a/x": "3\n"})
			out, err := h.reversers()[name](Reversal{Tip: tip, Bad: bad, Good: good, Own: below("a"), Message: "back\n"})
			if err != nil || !slices.Equal(out.Conflicts, []string{"a/x"}) {
				t.Fatalf("%+v, %v", out, err)
			}
			if diff := h.in("diff", tip, out.Commit); diff != "" {
				t.Errorf("it is half done: %s", diff)
			}
		})
	}
}

func TestReverseNothing(t *testing.T) {
	h := newHistory(t)
	good := h.commit(map[string]string{"a/x": "1\n", "b/x": "1\n"})
	bad := h.commit(map[string]string{"b/x": "2\n"})
	back := h.commit(map[string]string{"b/x": "1\n"})
	clone, err := OpenClone(h.clone)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		reason, folder string
		tip            string
	}{
		{"the app's files do not differ", "a", bad},
		{"it was taken back already", "b", back},
	} {
		if out, err := clone.Reverse(context.Background(), Reversal{Tip: row.tip, Bad: bad, Good: good, Own: below(row.folder), Message: "m"}); !fault.Is(err, fault.NothingToRevert) {
			t.Errorf("%s: %+v, %v", row.reason, out, err)
		}
	}
}

func TestOfferedBranches(t *testing.T) {
	for branch, want := range map[string]bool{
		"plumb/revert/cart-prod-9f31c2a": true, "main": false, "plumb/revert/": false, "plumb/revert/../main": false, "plumb/revert/a..b": false,
		"plumb/revert/x.lock": false, "plumb/revert/A": false, "plumb/revert/a b": false, "x/plumb/revert/a": false, "plumb/revert/a:main": false,
	} {
		if got := isOffered(branch); got != want {
			t.Errorf("%q: %v", branch, got)
		}
	}
}
