// Package sandbox locks the process that calls it, for good, before it reads anything that it need not trust.
//
// After Lock the process has the memory it was granted, its open pipes, and nothing else: it can open no file, make no
// socket, start no program, see no other process. Each part is asked of the kernel and needs no privilege; where a kernel
// lacks one the rest still holds, and Lock says what is missing. Nothing can be unlocked.
//
// The parts, each enough for most attacks: resource limits; no_new_privs; Landlock (no access to any path, no TCP);
// seccomp with a list of the system calls that the Go runtime needs, everything else failing with EPERM, for all threads.
// The list has no open, so files are refused twice. Landlock for all threads needs a binary built with CGO_ENABLED=0.
//
// The package never loosens anything and never kills the caller: a refused call is an error like any other. Start at Lock.
package sandbox

import (
	"runtime/debug"
	"strings"

	"plumb.dev/plumb/internal/render/wire"
)

// maxStack bounds a goroutine's stack, in bytes. A template that calls itself through tpl costs the square of its depth: with
// 64 MiB it ends after 5 seconds, with 16 MiB after half a second; Helm's own bound of 1,000 nested includes needs 8.
const maxStack = 16 << 20

// Lock locks the process: memory is what its address space may grow by, in bytes. It says what holds.
func Lock(memory int64) wire.Sandbox {
	debug.SetMaxStack(maxStack)
	debug.SetMemoryLimit(memory / 4 * 3)
	var missing []string
	s := lock(memory, func(what string, err error) {
		if err != nil {
			missing = append(missing, what+": "+err.Error())
		}
	})
	s.Weakness = strings.Join(missing, "; ")
	return s
}
