// Package corpustest finds the real repositories that tests are fed with.
//
// It is for tests only, and never changes what lies there. Start at Root.
package corpustest

import (
	"os"
	"path/filepath"
	"testing"
)

// Root gives the folder of real repositories, which lies beside the project. Where it does not, the test is skipped, but for one
// in continuous integration, which fails.
func Root(t testing.TB) string {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", "..", "..", "shared", "corpus")) // of a package two folders deep
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(root); err == nil {
		return root
	}
	const missing = "the corpus of real repositories does not lie in ../shared/corpus beside the project"
	if os.Getenv("CI") != "" {
		t.Fatal(missing)
	}
	t.Skip("skipped: " + missing)
	return ""
}
