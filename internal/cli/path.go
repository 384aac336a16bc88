package cli

import (
	"os"
	"path/filepath"
)

// absolute gives a path as seen from where plumb was called.
func absolute(env Env, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(env.Dir, path)
}

// repositoryAround gives the working tree that a directory lies in: the nearest folder above it that holds .git.
func repositoryAround(dir string) (root string, ok bool) {
	for {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return dir, true
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", false
		}
		dir = parent
	}
}
