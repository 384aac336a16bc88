//go:build linux

package sandbox_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"plumb.dev/plumb/internal/render/wire"
)

var program string

// TestMain builds the program that locks itself: this one may be built with cgo, which cannot be locked.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "locktest")
	if err != nil {
		panic(err)
	}
	program = filepath.Join(dir, "locktest")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", program, "./locktest")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		panic(string(out))
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

func do(act string) (status int, said string) {
	cmd := exec.Command(program, act)
	cmd.Env = []string{}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), string(out)
	}
	if err != nil {
		return -2, err.Error()
	}
	return 0, string(out)
}

// full gives the state of the lock, and skips what a kernel without Landlock or seccomp cannot show.
func full(t *testing.T) wire.Sandbox {
	t.Helper()
	_, out := do("state")
	var s wire.Sandbox
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if !s.Landlock || !s.Seccomp {
		t.Skipf("skipped: this kernel locks in part only: %s", s.Weakness)
	}
	return s
}

func TestLockSaysWhatHolds(t *testing.T) {
	s := full(t)
	if !s.Limits || !s.Tested || s.Weakness != "" || s.LandlockABI == 0 {
		t.Errorf("%+v", s)
	}
}

func TestForbidden(t *testing.T) {
	full(t)
	for _, act := range []string{
		"read a file", "read its arguments", "list a folder", "stat a file", "write a file",
		"open TCP", "open UDP", "listen", "open a Unix socket", "look up a name",
		"run a program", "become a program", "fork", "clone3", "make a namespace", "trace", "kill its parent", "signal its parent",
		"load BPF", "make an io_uring", "read a keyring", "watch page faults", "count events", "mount", "change its name",
		"raise a limit", "see another's limit", "make code",
	} {
		t.Run(act, func(t *testing.T) {
			status, said := do(act)
			if status != 3 || !bytes.HasPrefix([]byte(said), []byte("refused: ")) {
				t.Errorf("status %d: %s", status, said)
			}
		})
	}
}

func TestDeadly(t *testing.T) {
	full(t)
	for act, says := range map[string]string{
		"use memory": "out of memory", "use the stack": "stack exceeds", "use the processor": "out of CPU time",
	} {
		t.Run(act, func(t *testing.T) {
			if status, said := do(act); status == 0 || status == 3 || !strings.Contains(said, says) {
				t.Errorf("status %d: %.200s", status, said)
			}
		})
	}
}

func TestAllowed(t *testing.T) {
	for _, act := range []string{"start threads", "allocate"} {
		t.Run(act, func(t *testing.T) {
			if status, said := do(act); status != 0 {
				t.Errorf("status %d: %s", status, said)
			}
		})
	}
}
