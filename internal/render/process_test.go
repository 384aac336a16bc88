package render

import "testing"

// What a child says when it dies is told, as far as it holds nothing of the input.
func TestCause(t *testing.T) {
	for _, row := range []struct{ said, want string }{
		{"panic: hunter2 is no number\n\ngoroutine 1 [running]:\n", "it panicked"},
		{"SIGSYS: bad system call\nPC=0x46a3d4 m=0 sigcode=1\n", "SIGSYS: bad system call"},
		{"runtime: failed to create new OS thread (have 7 already; errno=11)\nfatal error: newosproc\n", "runtime: failed to create new OS thread (have 7 already; errno=11)"},
		{"fatal error: out of memory\n", "fatal error: out of memory"},
		{"hunter2\n", "it was stopped"},
	} {
		if got := causeOf([]byte(row.said), nil).Error(); got != row.want {
			t.Errorf("of %q it says %q, want %q", row.said, got, row.want)
		}
	}
}
