package source_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/source"
	"plumb.dev/plumb/internal/source/sourcetest"
)

// A pull request's head is fetched, and merged into the tip of the base without a checkout: in a whole copy, and in one that left
// its files on the server.
func TestMerge(t *testing.T) {
	for _, copied := range []struct {
		reason string
		whole  int64
	}{{"a whole copy", 0}, {"a filtered one", -1}} {
		t.Run(copied.reason, func(t *testing.T) {
			repo := sourcetest.NewRepo(t).AllowFilter()
			lines := strings.Repeat("line\n", 20)
			base := repo.Commit("main", "base", sourcetest.File("both", "top\n"+lines+"end\n"), sourcetest.File("a", "a"), sourcetest.File("old", lines+"unique\n"))
			tip := repo.Commit("main", "tip", sourcetest.File("both", "TOP\n"+lines+"end\n"), sourcetest.File("ours", "o"), sourcetest.Delete("old"), sourcetest.File("new", lines+"unique\n"))
			head := repo.CommitOn(base, "change", "change", sourcetest.File("both", "top\n"+lines+"END\n"), sourcetest.File("theirs", "t"), sourcetest.File("old", lines+"other\n"))
			clash := repo.CommitOn(base, "clash", "clash", sourcetest.File("both", "mine\n"+lines+"end\n"), sourcetest.Delete("a"))
			stranger := repo.CommitOn("", "stranger", "no history", sourcetest.File("x", "x"))
			repo.SetRef("refs/pull/7/head", head)
			repo.DeleteRef("refs/heads/change")
			m, err := source.Open(t.TempDir(), source.Remote{URL: sourcetest.Serve(t, repo, sourcetest.ServerOptions{}).URL}, source.Options{WholeLimit: copied.whole})
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			pulled := source.Head{Ref: "refs/pull/7/head", Commit: head, Kind: source.Ref}
			for _, h := range []source.Head{
				{Ref: "refs/heads/main", Commit: tip, Kind: source.Branch}, pulled,
				{Ref: "refs/heads/clash", Commit: clash, Kind: source.Branch}, {Ref: "refs/heads/stranger", Commit: stranger, Kind: source.Branch},
			} {
				if err := m.Fetch(t.Context(), h); err != nil {
					t.Fatal(err)
				}
			}
			if is, err := m.MergeBase(t.Context(), tip, head); err != nil || is != base {
				t.Errorf("merge base %s, %v", is, err)
			}
			if is, err := m.MergeBase(t.Context(), tip, stranger); err != nil || is != "" {
				t.Errorf("merge base %q of what has none, %v", is, err)
			}
			merged, err := m.Merge(t.Context(), tip, head)
			if err != nil || len(merged.Conflicts) > 0 {
				t.Fatalf("%+v, %v", merged, err)
			}
			tree, err := m.Snapshot(t.Context(), merged.Commit)
			if err != nil {
				t.Fatal(err)
			}
			for name, want := range map[string]string{"both": "TOP\n" + lines + "END\n", "ours": "o", "theirs": "t", "a": "a", "new": lines + "other\n"} {
				if is, err := fs.ReadFile(tree, name); err != nil || strings.TrimSpace(string(is)) != strings.TrimSpace(want) {
					t.Errorf("%s is %q, %v", name, is, err)
				}
			}
			if is, err := m.IsAncestor(t.Context(), head, merged.Commit); err != nil || !is {
				t.Errorf("the head is no ancestor of the merge: %v", err)
			}
			log, err := m.Log(t.Context(), tip, merged.Commit, 0)
			if ids := idsOf(log); err != nil || !slices.Equal(ids, []string{merged.Commit, head}) && !slices.Equal(ids, []string{head, merged.Commit}) {
				t.Errorf("what the merge brings: %v, %v", ids, err)
			}
			again, err := m.Merge(t.Context(), tip, head)
			if err != nil || again.Commit != merged.Commit {
				t.Errorf("the same merge is %s and %s, %v", merged.Commit, again.Commit, err)
			}
			again.Release()
			merged.Release()
			if is, err := m.Merge(t.Context(), tip, clash); err != nil || is.Commit != "" || !slices.Equal(is.Conflicts, []string{"both"}) {
				t.Errorf("conflicts: %+v, %v", is, err)
			}
			if _, err := m.Merge(t.Context(), tip, stranger); !fault.Is(err, fault.RevisionNotFound) {
				t.Errorf("merged without a common history: %v", err)
			}
			if err := m.Drop(t.Context(), pulled); err != nil {
				t.Error(err)
			}
			if err := m.Fetch(t.Context(), pulled); err != nil {
				t.Errorf("fetched again after it was dropped: %v", err)
			}
		})
	}
}

func idsOf(log []source.Commit) (ids []string) {
	for _, c := range log {
		ids = append(ids, c.ID)
	}
	return ids
}

// What a merge wrote is not taken for fetched: the server's own merge has the same trees, and they must come with it.
func TestAMergeIsNoFetch(t *testing.T) {
	repo := sourcetest.NewRepo(t).AllowFilter()
	base := repo.Commit("main", "base", sourcetest.File("d/a", "a"))
	head := repo.CommitOn(base, "change", "change", sourcetest.File("d/b", "b"))
	tip := repo.Commit("main", "tip", sourcetest.File("d/c", "c"))
	cache := t.TempDir()
	remote := source.Remote{URL: sourcetest.Serve(t, repo, sourcetest.ServerOptions{}).URL}
	m, err := source.Open(cache, remote, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	fetch := func(ref, commit string) {
		t.Helper()
		if err := m.Fetch(t.Context(), source.Head{Ref: ref, Commit: commit, Kind: source.Branch}); err != nil {
			t.Fatal(err)
		}
	}
	fetch("refs/heads/main", tip)
	fetch("refs/heads/change", head)
	merged, err := m.Merge(t.Context(), tip, head)
	if err != nil {
		t.Fatal(err)
	}
	theirs := repo.Commit("main", "the same", sourcetest.File("d/b", "b"))
	fetch("refs/heads/main", theirs)
	merged.Release()
	folders, _ := filepath.Glob(filepath.Join(cache, "*.merges"))
	if len(folders) != 1 || os.RemoveAll(folders[0]) != nil {
		t.Fatalf("merges lie in %v", folders)
	}
	m.Close()
	if m, err = source.Open(cache, remote, source.Options{}); err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	tree, err := m.Snapshot(t.Context(), theirs)
	if err != nil {
		t.Fatal(err)
	}
	if is, err := fs.ReadFile(tree, "d/b"); err != nil || strings.TrimSpace(string(is)) != "b" {
		t.Errorf("%q, %v", is, err)
	}
}
