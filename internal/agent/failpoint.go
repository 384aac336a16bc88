//go:build !failpoints

package agent

// failpoint does nothing. In a program that is built with the tag failpoints, which no release is, it ends the process at
// a named step between a decision and its effect (docs/design/tests.md).
func failpoint(string) {}

// stepFailpoint is nil: package apply asks for nothing.
var stepFailpoint func(point string)
