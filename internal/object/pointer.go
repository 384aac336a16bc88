package object

import "bytes"

// pointerLine is the first line of what Git LFS leaves in the repository in the place of a file that it keeps elsewhere; the
// whole is shorter than 1024 bytes (github.com/git-lfs/git-lfs, docs/spec.md).
const (
	pointerLine = "version https://git-lfs.github.com/spec/v1\n"
	maxPointer  = 1024
)

// IsPointer tells whether the content of a file is a pointer of Git LFS: not the file, but where it is kept.
func IsPointer(data []byte) bool {
	return len(data) < maxPointer && bytes.HasPrefix(data, []byte(pointerLine)) && bytes.Contains(data, []byte("\noid "))
}
