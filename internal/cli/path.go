package cli

import "path/filepath"

// absolute gives a path as seen from where plumb was called.
func absolute(env Env, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(env.Dir, path)
}
