package source

import (
	"context"
	"os"
	"path/filepath"
	"strings"
)

// Every fetch brings a pack. From this many on they are made into fewer: a whole copy by rolling up its small ones, which is
// cheap; a filtered one as a whole, because git 2.39 keeps what it must know of promised blobs only so.
var (
	manyPacks         = 50
	manyFilteredPacks = 400
)

// tidy makes many packs into few. No object is lost, also none that only a force-push has left behind: whoever reads an old
// Snapshot reads on. Its failure costs time and disk until the next try, and is told by a fetch if the disk is full.
func (m *Mirror) tidy(ctx context.Context) {
	r := m.repo()
	args, limit := []string{"repack", "-d", "--quiet", "--geometric=2"}, manyPacks
	if isFiltered(r.dir) {
		args, limit = []string{"repack", "-a", "-d", "--quiet"}, manyFilteredPacks
	}
	if countPacks(r.dir) < limit || m.isDamaged() {
		return
	}
	_ = m.writing(ctx, func(r repo) error {
		_, err := r.exec(ctx, run{args: args, promises: true, maxStdout: maxStderr, deadline: m.options.FetchTimeout})
		return err
	})
}

func countPacks(dir string) (packs int) {
	entries, _ := os.ReadDir(filepath.Join(dir, "objects", "pack")) // absent: none
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), ".pack") {
			packs++
		}
	}
	return packs
}
