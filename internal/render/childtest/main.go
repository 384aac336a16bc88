// Command childtest is a rendering child and nothing else, for tests: a test binary cannot be one, because it may be built
// with cgo, which cannot be locked. The product runs the same function as `plumb render-child`.
package main

import (
	"os"

	"plumb.dev/plumb/internal/render/child"
)

func main() { os.Exit(child.Main(os.Args[2:], os.Stdin, os.Stdout)) }
