package sourcetest

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/source"
)

// Transport makes a repository reachable and gives the Remote for it.
type Transport func(t testing.TB, repo *Repo) source.Remote

// Run proves that a transport keeps the promises of package source: every one of them, for every transport.
func Run(t *testing.T, transport Transport, options source.Options) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, *world)
	}{
		{"a pass from a name to bytes", readsFiles},
		{"revisions", resolvesRevisions},
		{"symlinks stay inside", followsSymlinks},
		{"history", tellsHistory},
		{"a commit is fetched once", fetchesOnce},
		{"a force-push leaves the guarded commit", survivesForcePush},
		{"a deleted branch leaves the last good state", survivesDeletedBranch},
		{"an empty repository is said to be empty", saysEmpty},
		{"a branch that becomes a folder of branches", survivesFolderOfBranches},
		{"the copy is found again after a restart", survivesRestart},
	} {
		t.Run(test.name, func(t *testing.T) {
			repo := NewRepo(t)
			w := &world{T: t, repo: repo, cache: t.TempDir(), options: options}
			w.remote = transport(t, repo)
			w.mirror = w.open()
			test.run(t, w)
		})
	}
}

// world is a repository, the way to it, and a mirror of it.
type world struct {
	*testing.T
	repo    *Repo
	cache   string
	remote  source.Remote
	options source.Options
	mirror  *source.Mirror
}

func (w *world) open() *source.Mirror {
	w.Helper()
	m, err := source.Open(w.cache, w.remote, w.options)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { m.Close() })
	return m
}

// pull resolves, fetches and completes a revision.
func (w *world) pull(revision string) (source.Head, *source.Snapshot) {
	w.Helper()
	ctx := w.Context()
	head, err := w.mirror.Resolve(ctx, revision)
	if err == nil {
		err = w.mirror.Fetch(ctx, head)
	}
	if err == nil {
		err = w.mirror.Complete(ctx, head.Commit, []string{"."})
	}
	if err != nil {
		w.Fatalf("pulling %q: %v", revision, err)
	}
	snapshot, err := w.mirror.Snapshot(ctx, head.Commit)
	if err != nil {
		w.Fatal(err)
	}
	return head, snapshot
}

func (w *world) read(snapshot *source.Snapshot, path, want string) {
	w.Helper()
	content, err := snapshot.ReadFile(path)
	if err != nil || string(content) != want {
		w.Errorf("%s holds %q (%v), want %q", path, content, err, want)
	}
}

func (w *world) refused(err error, reason fault.Reason) *fault.Fault {
	w.Helper()
	if !fault.Is(err, reason) {
		w.Errorf("the error is %v, want reason %s", err, reason)
		return &fault.Fault{}
	}
	return fault.Of(err, reason)
}

func readsFiles(t *testing.T, w *world) {
	big := strings.Repeat("x", 300<<10)
	id := w.repo.Commit("main", "first", File("apps/cart/a.yaml", "a: 1\n"), File("apps/cart/b.yaml", ""), Executable("run.sh", "#!\n"),
		File("big", big), File("apps.txt", "sorts between apps and apps/"), Submodule("lib", strings.Repeat("1", 40)))
	head, snapshot := w.pull("")
	if head != (source.Head{Commit: id, Ref: "refs/heads/main", Kind: source.Branch}) || snapshot.Commit() != id {
		t.Errorf("the head is %+v, want %s on main", head, id)
	}
	w.read(snapshot, "apps/cart/a.yaml", "a: 1\n")
	w.read(snapshot, "apps/cart/b.yaml", "")
	w.read(snapshot, "big", big)
	if _, err := snapshot.ReadFile("apps/cart/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an absent file gives %v", err)
	}
	if _, err := snapshot.ReadFile("../x"); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("a path that leaves the tree gives %v", err)
	}
	_, err := snapshot.ReadFile("lib/x") // .gitmodules does not say where it is from
	w.refused(err, fault.Unsupported)
	for path, ref := range map[string]string{".": "", "apps": "apps", "apps/cart/a.yaml": "apps/cart/a.yaml"} {
		hash, err := snapshot.Hash(path)
		if want := w.repo.Git("rev-parse", id+":"+ref); err != nil || !strings.HasSuffix(hash, " "+want) {
			t.Errorf("the hash of %s is %q (%v), want %s", path, hash, err, want)
		}
	}
	entries, err := snapshot.ReadDir(".")
	var listed []string
	for _, entry := range entries {
		listed = append(listed, fs.FormatDirEntry(entry))
	}
	want := []string{"d apps/", "- apps.txt", "- big", "d? lib/", "- run.sh"}
	if err != nil || !slices.Equal(listed, want) {
		t.Errorf("the root holds %q (%v), want %q", listed, err, want)
	}
	w.repo.Commit("main", "no submodule", Delete("lib"))
	_, snapshot = w.pull("")
	if err := fstest.TestFS(snapshot, "apps/cart/a.yaml", "apps.txt", "big", "run.sh"); err != nil {
		t.Error(err)
	}
}

func resolvesRevisions(t *testing.T, w *world) {
	first := w.repo.Commit("main", "first", File("a", "1"))
	second := w.repo.Commit("feature/x", "second", File("a", "2"))
	w.repo.Tag("v1.0.0", first)
	w.repo.Annotate("v1.1.0", second)
	w.repo.Tag("both", first)
	w.repo.Commit("both", "third", File("a", "3"))
	w.repo.Git("update-ref", "refs/pull/7/head", second)
	w.repo.SetRef("refs/heads/-x", first)
	w.repo.SetRef("refs/heads/lost", strings.Repeat("4", 40))
	blob := w.repo.Git("rev-parse", first+":a")
	w.repo.Git("update-ref", "refs/tags/blob", blob)

	for _, test := range []struct {
		revision string
		want     source.Head
		reason   string
	}{
		{"", source.Head{Commit: first, Ref: "refs/heads/main", Kind: source.Branch}, "the branch of the remote's HEAD"},
		{"HEAD", source.Head{Commit: first, Ref: "refs/heads/main", Kind: source.Branch}, "the same by its name"},
		{"main", source.Head{Commit: first, Ref: "refs/heads/main", Kind: source.Branch}, "a branch"},
		{"feature/x", source.Head{Commit: second, Ref: "refs/heads/feature/x", Kind: source.Branch}, "a branch with a slash"},
		{"v1.0.0", source.Head{Commit: first, Ref: "refs/tags/v1.0.0", Kind: source.Tag}, "a lightweight tag"},
		{"v1.1.0", source.Head{Commit: second, Ref: "refs/tags/v1.1.0", Kind: source.Tag}, "an annotated tag, peeled"},
		{"refs/tags/both", source.Head{Commit: first, Ref: "refs/tags/both", Kind: source.Tag}, "a full ref says which"},
		{"v1.x", source.Head{Commit: second, Ref: "refs/tags/v1.1.0", Kind: source.Tag}, "the newest tag in a range"},
		{"refs/pull/7/head", source.Head{Commit: second, Ref: "refs/pull/7/head", Kind: source.Ref}, "a ref outside heads and tags"},
		{first, source.Head{Commit: first, Kind: source.Exact}, "a full commit id"},
	} {
		head, err := w.mirror.Resolve(t.Context(), test.revision)
		if err != nil || head != test.want {
			t.Errorf("%q is %+v (%v), want %+v: %s", test.revision, head, err, test.want, test.reason)
			continue
		}
		if err := w.mirror.Fetch(t.Context(), head); err != nil {
			t.Errorf("%q cannot be fetched: %v", test.revision, err)
		}
	}
	for _, test := range []struct {
		revision string
		want     fault.Reason
		text     string
		reason   string
	}{
		{"both", fault.Ambiguous, "refs/heads/both or refs/tags/both", "branch and tag of one name"},
		{"mian", fault.RevisionNotFound, "main", "a slip: the nearest name is told"},
		{"V1.0.0", fault.RevisionNotFound, "v1.0.0", "the wrong case: the nearest name is told"},
		{"nothing-like-it", fault.RevisionNotFound, "feature/x", "absent: some branches are told"},
		{first[:7], fault.RevisionNotFound, "40 digits", "a short id may mean another commit tomorrow"},
		{"refs/heads/none", fault.RevisionNotFound, "refs/heads/none", "an absent full ref"},
		{"-x", fault.RevisionNotFound, "", "programs take it for an option, though the server has it"},
		{"--upload-pack=touch /tmp/x", fault.RevisionNotFound, "", "an option"},
		{"a..b", fault.RevisionNotFound, "", "no ref can be called so"},
		{"main~1", fault.RevisionNotFound, "", "an expression"},
		{">=2.2 <3", fault.RevisionNotFound, "v1.1.0", "a range without a tag: the nearest are told"},
	} {
		_, err := w.mirror.Resolve(t.Context(), test.revision)
		if f := fault.Of(err, ""); f == nil || f.Reason != test.want || !strings.Contains(f.Error(), test.text) {
			t.Errorf("%q gives %v, want %s with %q: %s", test.revision, err, test.want, test.text, test.reason)
		}
	}
	w.refused(w.mirror.Fetch(t.Context(), source.Head{Commit: strings.Repeat("5", 40), Kind: source.Exact}), fault.RevisionNotFound)
	for _, bad := range []string{"blob", "lost"} { // a tag of a blob; a branch whose commit the server has lost
		head, err := w.mirror.Resolve(t.Context(), bad)
		if err == nil {
			err = w.mirror.Fetch(t.Context(), head)
		}
		w.refused(err, fault.RevisionNotFound)
	}
}

func followsSymlinks(t *testing.T, w *world) {
	w.repo.Commit("main", "links", File("shared/v.yaml", "v"), Symlink("apps/v", "../shared/v.yaml"), Symlink("apps/s", "../shared"),
		Symlink("apps/twice", "s/../apps/v"), Symlink("out", "../x"), Symlink("apps/out", "../../x"), Symlink("back", "../repo/shared"),
		Symlink("abs", "/etc/passwd"), Symlink("loop", "pool"), Symlink("pool", "loop"), Symlink("dangling", "none"), Symlink("self", "self/x"),
		File("dir/f", "f"), Symlink("up", "dir/.."))
	_, snapshot := w.pull("")
	w.read(snapshot, "apps/v", "v")
	w.read(snapshot, "apps/s/v.yaml", "v")
	w.read(snapshot, "apps/twice", "v")
	w.read(snapshot, "up/dir/f", "f")
	for _, path := range []string{"out", "apps/out", "back/v.yaml", "abs", "loop", "self", "loop/x"} {
		_, err := snapshot.ReadFile(path)
		w.refused(err, fault.PathEscape)
		_, err = snapshot.Hash(path)
		w.refused(err, fault.PathEscape)
	}
	if _, err := snapshot.Stat("dangling"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a symlink to nothing gives %v", err)
	}
	if target, err := snapshot.ReadLink("abs"); err != nil || target != "/etc/passwd" {
		t.Errorf("the text of a symlink is %q (%v)", target, err)
	}
	direct, _ := snapshot.Hash("shared/v.yaml")
	if through, err := snapshot.Hash("apps/v"); err != nil || through != direct {
		t.Errorf("the hash through a symlink is %q (%v), want %q", through, err, direct)
	}
	if info, err := snapshot.Lstat("apps/s"); err != nil || info.Mode().Type() != fs.ModeSymlink {
		t.Errorf("Lstat follows: %v", err)
	}
}

func tellsHistory(t *testing.T, w *world) {
	ctx := t.Context()
	first := w.repo.Commit("main", "first\n\nPlumb-Allow-Delete: cart\n", File("a", "1"))
	second := w.repo.Commit("main", "second line\ngoes on\n\nbody\n\nmore", File("a", "2"))
	third := w.repo.Commit("main", "third", File("a", "3"))
	w.pull("")
	commits, err := w.mirror.Log(ctx, first, third, 0)
	if err != nil || len(commits) != 2 || commits[0].ID != third || commits[1].ID != second {
		t.Fatalf("the log is %+v (%v), want the third and the second", commits, err)
	}
	if c := commits[1]; c.Subject != "second line goes on" || c.Body != "body\n\nmore" || !slices.Equal(c.Parents, []string{first}) ||
		c.Author != (source.Person{Name: "Ada", Email: "ada@example.com"}) || c.CommitTime.Unix() != 1_700_000_002 {
		t.Errorf("the second commit is %+v", c)
	}
	all, err := w.mirror.Log(ctx, "", third, 2)
	if err != nil || len(all) != 2 {
		t.Errorf("the limit gives %d commits (%v), want 2", len(all), err)
	}
	other := w.repo.CommitOn("", "other", "unrelated", File("z", "1"))
	w.pull("other")
	for _, test := range []struct {
		a, b   string
		want   bool
		reason string
	}{
		{first, third, true, "an ancestor"}, {third, first, false, "a descendant"},
		{third, third, true, "itself"}, {other, third, false, "another history"},
	} {
		if got, err := w.mirror.IsAncestor(ctx, test.a, test.b); err != nil || got != test.want {
			t.Errorf("%s: %v (%v), want %v", test.reason, got, err, test.want)
		}
	}
	_, err = w.mirror.IsAncestor(ctx, strings.Repeat("6", 40), third)
	w.refused(err, fault.RevisionNotFound)
}

func fetchesOnce(t *testing.T, w *world) {
	w.repo.Commit("main", "first", File("a", "1"))
	head, _ := w.pull("")
	w.repo.Git("update-ref", "-d", "refs/heads/main") // the server could not give it again
	if err := w.mirror.Fetch(t.Context(), head); err != nil {
		t.Errorf("a commit that is here is asked for again: %v", err)
	}
	if err := w.mirror.Fetch(t.Context(), source.Head{Commit: head.Commit, Ref: "refs/heads/same", Kind: source.Branch}); err != nil {
		t.Errorf("a commit that is here is asked for again under another name: %v", err)
	}
	_, err := w.mirror.Snapshot(t.Context(), strings.Repeat("7", 40))
	w.refused(err, fault.RevisionNotFound)
}

func survivesForcePush(t *testing.T, w *world) {
	ctx := t.Context()
	old := w.repo.Commit("main", "old", File("a", "old"))
	w.pull("")
	if err := w.mirror.Guard(ctx, "cart/prod", old); err != nil {
		t.Fatal(err)
	}
	w.refused(w.mirror.Guard(ctx, "x", strings.Repeat("8", 40)), fault.RevisionNotFound)
	w.repo.CommitOn("", "main", "new", File("a", "new"))
	w.repo.Git("reflog", "expire", "--expire=now", "--all")
	w.repo.Git("gc", "--quiet", "--prune=now")
	_, snapshot := w.pull("")
	w.read(snapshot, "a", "new")
	before, err := w.mirror.Snapshot(ctx, old)
	if err != nil {
		t.Fatal(err)
	}
	w.read(before, "a", "old")
	guards, err := w.mirror.Guards()
	if err != nil || guards["cart/prod"] != old || len(guards) != 1 {
		t.Errorf("the guards are %v (%v)", guards, err)
	}
	if err := w.mirror.Unguard(ctx, "cart/prod"); err != nil {
		t.Error(err)
	}
	if guards, _ := w.mirror.Guards(); len(guards) != 0 {
		t.Errorf("after Unguard the guards are %v", guards)
	}
}

func survivesDeletedBranch(t *testing.T, w *world) {
	w.repo.Commit("other", "x", File("a", "x"))
	w.repo.Commit("main", "last", File("a", "last"))
	head, snapshot := w.pull("main")
	w.repo.DeleteRef("refs/heads/main")
	_, err := w.mirror.Resolve(t.Context(), "main")
	w.refused(err, fault.RevisionNotFound)
	state := w.mirror.State("main")
	if state.Head != head || state.StaleSince.IsZero() || !fault.Is(state.Fault(), fault.RevisionNotFound) {
		t.Errorf("the state is %+v, want the last good head and since when it is stale", state)
	}
	w.read(snapshot, "a", "last")
}

func saysEmpty(t *testing.T, w *world) {
	for _, revision := range []string{"", "main", "refs/heads/main"} {
		_, err := w.mirror.Resolve(t.Context(), revision)
		if f := w.refused(err, fault.RevisionNotFound); !strings.Contains(f.Error(), "empty") {
			t.Errorf("%q does not say that the repository is empty: %v", revision, err)
		}
	}
}

func survivesFolderOfBranches(_ *testing.T, w *world) {
	w.repo.Commit("a", "x", File("f", "1"))
	w.pull("a")
	w.repo.DeleteRef("refs/heads/a")
	w.repo.Commit("a/b", "y", File("f", "2"))
	_, snapshot := w.pull("a/b")
	w.read(snapshot, "f", "2")
}

func survivesRestart(t *testing.T, w *world) {
	w.repo.Commit("main", "x", File("f", "1"))
	head, _ := w.pull("main")
	w.mirror.Close()
	w.mirror = w.open()
	state := w.mirror.State("main")
	if state.Head != head || state.At.IsZero() {
		t.Errorf("after a restart the state is %+v, want %+v", state, head)
	}
	w.repo.DeleteRef("refs/heads/main")
	if err := w.mirror.Fetch(t.Context(), head); err != nil {
		t.Errorf("after a restart a commit that is here is asked for again: %v", err)
	}
	snapshot, err := w.mirror.Snapshot(context.Background(), head.Commit)
	if err != nil {
		t.Fatal(err)
	}
	w.read(snapshot, "f", "1")
}
