package source

import (
	"path"
	"strings"

	"plumb.dev/plumb/internal/fault"
)

// CleanPath gives the one spelling of a path that a user wrote, relative to the root of the repository: no "./", no double
// or trailing slash; "" and "." are the root. The result is valid for package fs.
//
// Errors: PathEscape for an absolute path and for one that leaves the repository, also if it comes back; a NUL or a
// backslash in a path is refused likewise.
func CleanPath(written string) (string, error) {
	escape := func(why string) error {
		return fault.New(fault.PathEscape, "path %q %s", clip(written), why).WithNext("write a path inside the repository, relative to its root")
	}
	switch {
	case strings.HasPrefix(written, "/"):
		return "", escape("is absolute")
	case strings.ContainsAny(written, "\x00\\"):
		return "", escape("holds a character that no path may have")
	}
	depth := 0
	for part := range strings.SplitSeq(written, "/") {
		switch part {
		case "", ".":
		case "..":
			depth--
		default:
			depth++
		}
		if depth < 0 {
			return "", escape("leaves the repository")
		}
	}
	return path.Clean("./" + written), nil
}
