package source_test

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/source"
	"plumb.dev/plumb/internal/source/sourcetest"
)

// noise gives text that does not compress.
func noise(n, seed int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "%x", sha256.Sum256(fmt.Append(nil, seed, i)))
	}
	return b.String()[:n]
}

// upTo answers truthfully, but of a long answer gives the first n bytes only, and then waits until the client hangs up.
func upTo(server *sourcetest.Server, n int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		recorder := httptest.NewRecorder()
		server.Truth(recorder, r)
		maps.Copy(w.Header(), recorder.Header())
		body := recorder.Body.Bytes()
		_, _ = w.Write(body[:min(n, len(body))])
		if len(body) > n {
			_ = http.NewResponseController(w).Flush()
			sourcetest.Hang(w, r)
		}
	}
}

// TestWholeOrFiltered: what the first transfer weighs decides what kind of copy it becomes.
func TestWholeOrFiltered(t *testing.T) {
	repo := sourcetest.NewRepo(t).AllowFilter()
	var changes []sourcetest.Change
	for i := range 4 {
		changes = append(changes, sourcetest.File(fmt.Sprintf("dir/f%02d", i), noise(2<<20, i)))
	}
	repo.Commit("main", "8 MiB", changes...)
	server := sourcetest.Serve(t, repo, sourcetest.ServerOptions{})
	for _, test := range []struct {
		reason   string
		options  source.Options
		filtered bool
	}{
		{"below the limit: whole", source.Options{WholeLimit: 100 << 20}, false},
		{"above it: stopped, and begun again without blobs", source.Options{WholeLimit: 512 << 10}, true},
	} {
		if test.filtered {
			server.Break(upTo(server, 3<<20))
		}
		cache := t.TempDir()
		m, err := source.Open(cache, source.Remote{URL: server.URL}, test.options)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		head, err := m.Resolve(t.Context(), "main")
		if err == nil {
			err = m.Fetch(t.Context(), head)
		}
		if err != nil {
			t.Fatal(err)
		}
		marks, _ := filepath.Glob(filepath.Join(cache, "*.git", "plumb-filtered"))
		if filtered := len(marks) == 1; filtered != test.filtered {
			t.Errorf("%s: filtered is %v", test.reason, filtered)
		}
		var bytes int64
		_ = filepath.WalkDir(cache, func(path string, entry os.DirEntry, _ error) error {
			if info, err := entry.Info(); err == nil && !entry.IsDir() {
				bytes += info.Size()
			}
			return nil
		})
		if small := bytes < 1<<20; small != test.filtered {
			t.Errorf("%s: the copy has %d bytes", test.reason, bytes)
		}
	}
	m, err := source.Open(t.TempDir(), source.Remote{URL: server.URL}, source.Options{MaxPack: 2 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	head, err := m.Resolve(t.Context(), "main")
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Fetch(t.Context(), head); err != nil {
		t.Errorf("a filtered copy is within the bound of a transfer: %v", err)
	}
	if err := m.Complete(t.Context(), head.Commit, []string{"."}); !fault.Is(err, fault.FetchFailed) || fault.Of(err, "").Code != source.CodePackTooLarge {
		t.Errorf("8 MiB of blobs against a bound of 2: %v", err)
	}
	if err := m.Complete(t.Context(), head.Commit, []string{"dir/f00"}); err != nil {
		t.Errorf("one of them is within: %v", err)
	}
}

// TestQuestions counts what a server is asked: nothing twice, and blobs in one request.
func TestQuestions(t *testing.T) {
	repo := sourcetest.NewRepo(t).AllowFilter()
	var changes []sourcetest.Change
	for i := range 50 {
		changes = append(changes, sourcetest.File(fmt.Sprintf("apps/cart/f%02d", i), fmt.Sprint("cart ", i)), sourcetest.File(fmt.Sprintf("apps/pay/f%02d", i), fmt.Sprint("pay ", i)))
	}
	repo.Commit("main", "x", changes...)
	server := sourcetest.Serve(t, repo, sourcetest.ServerOptions{})
	m, err := source.Open(t.TempDir(), source.Remote{URL: server.URL}, source.Options{WholeLimit: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	var head source.Head
	var snapshot *source.Snapshot
	readAll := func(app string) error {
		for i := range 50 {
			if _, err := snapshot.ReadFile(fmt.Sprintf("apps/%s/f%02d", app, i)); err != nil {
				return err
			}
		}
		return nil
	}
	for _, step := range []struct {
		reason string
		most   int // HTTP requests: a fetch is two, one for what the server can and one for the pack
		do     func() error
	}{
		{"a branch", 1, func() (err error) { head, err = m.Resolve(t.Context(), "main"); return }},
		{"a full commit id means itself", 0, func() error { _, err := m.Resolve(t.Context(), head.Commit); return err }},
		{"the commit and its trees", 2, func() error { return m.Fetch(t.Context(), head) }},
		{"it is here", 0, func() error { return m.Fetch(t.Context(), head) }},
		{"the tree is here", 0, func() (err error) {
			if snapshot, err = m.Snapshot(t.Context(), head.Commit); err == nil {
				_, err = snapshot.Hash("apps/pay/f49")
			}
			return
		}},
		{"50 blobs at once, and one path that does not exist", 2, func() error { return m.Complete(t.Context(), head.Commit, []string{"apps/cart", "apps/none"}) }},
		{"they are here", 0, func() error { return m.Complete(t.Context(), head.Commit, []string{"apps/cart"}) }},
		{"they can be read", 0, func() error { return readAll("cart") }},
		{"a read that misses brings its whole folder", 2, func() error { return readAll("pay") }},
	} {
		before := server.Requests()
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.reason, err)
		}
		if asked := server.Requests() - before; asked > step.most {
			t.Errorf("%s: %d requests, want at most %d", step.reason, asked, step.most)
		}
	}
	server.Break(status(500))
	repo.Commit("other", "y", sourcetest.File("z", "new"))
	if err := m.Complete(t.Context(), head.Commit, []string{"../x"}); !fault.Is(err, fault.PathEscape) {
		t.Errorf("a path that leaves the repository gives %v", err)
	}
}

// TestMissWhileUnreachable: a blob that was left on the server cannot be read while it is away; that is not damage.
func TestMissWhileUnreachable(t *testing.T) {
	repo := sourcetest.NewRepo(t).AllowFilter()
	repo.Commit("main", "x", sourcetest.File("a", "1"))
	server := sourcetest.Serve(t, repo, sourcetest.ServerOptions{})
	m, err := source.Open(t.TempDir(), source.Remote{URL: server.URL}, source.Options{WholeLimit: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	head, err := m.Resolve(t.Context(), "")
	if err == nil {
		err = m.Fetch(t.Context(), head)
	}
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := m.Snapshot(t.Context(), head.Commit)
	if err != nil {
		t.Fatal(err)
	}
	server.Break(status(500))
	if _, err := snapshot.ReadFile("a"); !fault.Is(err, fault.FetchFailed) || fault.Of(err, "").Code != "" {
		t.Errorf("the error is %v", err)
	}
	server.Mend()
	if content, err := snapshot.ReadFile("a"); err != nil || string(content) != "1" {
		t.Errorf("a holds %q (%v)", content, err)
	}
}

// TestTidy: many fetches do not leave many packs, in either kind of copy, and nothing is lost.
func TestTidy(t *testing.T) {
	const rounds, many = 12, 6
	source.SetManyPacks(t, many)
	for _, test := range []struct {
		name  string
		limit int64
	}{{"whole", 0}, {"filtered", -1}} {
		t.Run(test.name, func(t *testing.T) {
			repo := sourcetest.NewRepo(t).AllowFilter()
			cache := t.TempDir()
			m, err := source.Open(cache, source.Remote{URL: repo.URL(), AllowLocal: true}, source.Options{WholeLimit: test.limit, Idle: 50 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			var heads []source.Head
			for i := range rounds {
				id := repo.Commit("main", "x", sourcetest.File("a", fmt.Sprint(i)))
				heads = append(heads, source.Head{Commit: id, Ref: "refs/heads/main", Kind: source.Branch})
				if err := m.Fetch(t.Context(), heads[i]); err != nil {
					t.Fatal(err)
				}
				if err := m.Complete(t.Context(), id, []string{"."}); err != nil {
					t.Fatal(err)
				}
			}
			eventually(t, "few packs", func() bool {
				packs, _ := filepath.Glob(filepath.Join(cache, "*.git", "objects", "pack", "*.pack"))
				return len(packs) < many
			})
			for i, head := range heads {
				snapshot, err := m.Snapshot(t.Context(), head.Commit)
				if err != nil {
					t.Fatal(err)
				}
				if content, err := snapshot.ReadFile("a"); err != nil || string(content) != fmt.Sprint(i) {
					t.Fatalf("after tidying, commit %d holds %q (%v)", i, content, err)
				}
			}
			id := repo.Commit("main", "x", sourcetest.File("a", "last"))
			if err := m.Fetch(t.Context(), source.Head{Commit: id, Ref: "refs/heads/main", Kind: source.Branch}); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestConcurrent: passes over several revisions, reads and guards, by two mirrors of one folder as two processes would.
func TestConcurrent(t *testing.T) {
	repo := sourcetest.NewRepo(t)
	for i := range 4 {
		repo.Commit(fmt.Sprint("b", i), "x", sourcetest.File("a", fmt.Sprint(i)))
	}
	cache := t.TempDir()
	var work sync.WaitGroup
	for range 2 {
		m, err := source.Open(cache, source.Remote{URL: repo.URL(), AllowLocal: true}, source.Options{Idle: time.Millisecond, CacheBytes: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		for i := range 4 {
			work.Go(func() {
				for range 5 {
					head, err := m.Resolve(t.Context(), fmt.Sprint("b", i))
					if err == nil {
						err = m.Fetch(t.Context(), head)
					}
					if err == nil {
						err = m.Guard(t.Context(), fmt.Sprint("g", i), head.Commit)
					}
					if err != nil {
						t.Error(err)
						return
					}
					snapshot, err := m.Snapshot(t.Context(), head.Commit)
					if err != nil {
						t.Error(err)
						return
					}
					if content, err := snapshot.ReadFile("a"); err != nil || string(content) != fmt.Sprint(i) {
						t.Errorf("b%d holds %q (%v)", i, content, err)
					}
					m.State(fmt.Sprint("b", i))
				}
			})
		}
	}
	work.Wait()
}

// TestLimits: what one commit can cost is bounded, by errors that name the bound.
func TestLimits(t *testing.T) {
	repo := sourcetest.NewRepo(t)
	deep := strings.Repeat("d/", 70)
	repo.Commit("main", "x", sourcetest.File("big", noise(3000, 1)), sourcetest.File("small", "1"), sourcetest.File(deep+"f", "deep"),
		sourcetest.Symlink("long", strings.Repeat("x/", 3000)+"y"))
	m, err := source.Open(t.TempDir(), source.Remote{URL: repo.URL(), AllowLocal: true}, source.Options{MaxFile: 2000})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	head, err := m.Resolve(t.Context(), "")
	if err == nil {
		err = m.Fetch(t.Context(), head)
	}
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := m.Snapshot(t.Context(), head.Commit)
	if err != nil {
		t.Fatal(err)
	}
	for path, code := range map[string]string{"big": source.CodeFileTooLarge, deep + "f": source.CodeTreeTooDeep, "long": source.CodeFileTooLarge} {
		_, err := snapshot.ReadFile(path)
		if f := fault.Of(err, ""); f == nil || f.Reason != fault.RenderLimit || f.Code != code {
			t.Errorf("%.20s: %v, want %s", path, err, code)
		}
	}
	if info, err := snapshot.Stat("big"); err != nil || info.Size() != 3000 {
		t.Errorf("a large file can be described: %v", err)
	}
	if _, err := snapshot.ReadFile("small"); err != nil {
		t.Error(err)
	}
}
