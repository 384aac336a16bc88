package source_test

import (
	"fmt"
	"testing"

	"plumb.dev/plumb/internal/source"
	"plumb.dev/plumb/internal/source/sourcetest"
)

// monorepo makes a repository of apps with files each.
func monorepo(b *testing.B, apps, files int) *sourcetest.Repo {
	repo := sourcetest.NewRepo(b)
	var changes []sourcetest.Change
	for app := range apps {
		for file := range files {
			changes = append(changes, sourcetest.File(fmt.Sprintf("apps/app-%03d/f%03d.yaml", app, file), fmt.Sprintf("app: %d\nfile: %d\n", app, file)))
		}
	}
	repo.Commit("main", "all", changes...)
	return repo
}

func openMirror(b *testing.B, remote source.Remote, options source.Options) *source.Mirror {
	b.Helper()
	m, err := source.Open(b.TempDir(), remote, options)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { m.Close() })
	return m
}

func pull(b *testing.B, m *source.Mirror) *source.Snapshot {
	b.Helper()
	head, err := m.Resolve(b.Context(), "main")
	if err == nil {
		err = m.Fetch(b.Context(), head)
	}
	if err == nil {
		err = m.Complete(b.Context(), head.Commit, []string{"apps/app-000"})
	}
	if err != nil {
		b.Fatal(err)
	}
	snapshot, err := m.Snapshot(b.Context(), head.Commit)
	if err != nil {
		b.Fatal(err)
	}
	return snapshot
}

// BenchmarkResolve asks what main means, when nothing has changed.
func BenchmarkResolve(b *testing.B) {
	for name, transport := range map[string]sourcetest.Transport{"file": local, "http": plainHTTP, "https": secureHTTP} {
		b.Run(name, func(b *testing.B) {
			m := openMirror(b, transport(b, monorepo(b, 10, 10)), source.Options{})
			pull(b, m)
			for b.Loop() {
				if _, err := m.Resolve(b.Context(), "main"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkFetch brings one commit that changed one file of 2,000.
func BenchmarkFetch(b *testing.B) {
	for name, transport := range map[string]sourcetest.Transport{"file": local, "http": plainHTTP, "http filtered": filteredHTTP} {
		b.Run(name, func(b *testing.B) {
			repo := monorepo(b, 200, 10)
			options := source.Options{}
			if name == "http filtered" {
				options.WholeLimit = -1
			}
			m := openMirror(b, transport(b, repo), options)
			pull(b, m)
			n := 0
			for b.Loop() {
				b.StopTimer()
				n++
				id := repo.Commit("main", "change", sourcetest.File("apps/app-000/f000.yaml", fmt.Sprint("n: ", n)))
				b.StartTimer()
				if err := m.Fetch(b.Context(), source.Head{Commit: id, Ref: "refs/heads/main", Kind: source.Branch}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRead reads the 50 files of one app: from a mirror that was just opened, so that git is started and every tree and
// blob is read, and once more from its cache.
func BenchmarkRead(b *testing.B) {
	read := func(snapshot *source.Snapshot) {
		entries, err := snapshot.ReadDir("apps/app-000")
		if err != nil || len(entries) != 50 {
			b.Fatal(len(entries), err)
		}
		for _, entry := range entries {
			if _, err := snapshot.ReadFile("apps/app-000/" + entry.Name()); err != nil {
				b.Fatal(err)
			}
		}
	}
	repo, cache := monorepo(b, 200, 50), b.TempDir()
	open := func() *source.Mirror {
		m, err := source.Open(cache, local(b, repo), source.Options{})
		if err != nil {
			b.Fatal(err)
		}
		return m
	}
	b.Run("cold", func(b *testing.B) {
		head := pull(b, open()).Commit()
		for b.Loop() {
			b.StopTimer()
			m := open()
			b.StartTimer()
			snapshot, err := m.Snapshot(b.Context(), head)
			if err != nil {
				b.Fatal(err)
			}
			read(snapshot)
			b.StopTimer()
			m.Close()
			b.StartTimer()
		}
	})
	b.Run("warm", func(b *testing.B) {
		snapshot := pull(b, open())
		for b.Loop() {
			read(snapshot)
		}
	})
}

// BenchmarkHash looks up one path of a commit with 10,000 files: what an unchanged app costs.
func BenchmarkHash(b *testing.B) {
	snapshot := pull(b, openMirror(b, local(b, monorepo(b, 200, 50)), source.Options{}))
	for b.Loop() {
		if _, err := snapshot.Hash("apps/app-150/f007.yaml"); err != nil {
			b.Fatal(err)
		}
	}
}
