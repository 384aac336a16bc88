//go:build unix

package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// freeSpace gives the bytes that are free where a folder is, or will be.
func freeSpace(dir string) (int64, error) {
	for {
		var stat unix.Statfs_t
		err := unix.Statfs(dir, &stat)
		if err == nil {
			return int64(stat.Bavail) * int64(stat.Bsize), nil
		}
		parent := filepath.Dir(dir)
		if !errors.Is(err, fs.ErrNotExist) || parent == dir {
			return 0, fmt.Errorf("ask for the free space of %s: %w", dir, err)
		}
		dir = parent
	}
}
