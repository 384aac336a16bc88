package sandbox

import (
	"os"
	"regexp"
	"strconv"

	"golang.org/x/sys/unix"
)

// ForgetText lets the kernel take back the pages of the program's own code and constants that only its start has touched: the
// init functions of some thousand packages, and what the kernel maps around each page that one of them touches. They are the
// file's, clean, and come back when they are used; they would be most of what an idle child holds (25 of 44 MiB), and a fifth
// of an agent with 200 apps. Pages that the loader changed before it made them read-only, as in a program built with cgo,
// are left alone. Nothing depends on it, so that errors are none.
func ForgetText() {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	mappings, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return
	}
	for _, m := range cleanMappings(string(mappings), program) {
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, m.from, m.size, unix.MADV_DONTNEED)
	}
}

// mapping is a range of the address space, in bytes.
type mapping struct{ from, size uintptr }

// header begins a mapping of /proc/self/smaps (proc_pid_smaps(5)): range, permissions, offset, device, inode, path.
var header = regexp.MustCompile(`(?m)^([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ \S+ *(.*)\n`)

// cleanMappings lists the mappings of a file that cannot be written to and never were: a page that the loader changed before it
// was made read-only counts as anonymous, and would be lost.
func cleanMappings(smaps, file string) []mapping {
	var out []mapping
	at := header.FindAllStringSubmatchIndex(smaps, -1)
	for i, m := range at {
		end := len(smaps)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		permissions, path := smaps[m[6]:m[7]], smaps[m[8]:m[9]]
		if path != file || permissions[1] == 'w' || !untouched.MatchString(smaps[m[1]:end]) {
			continue
		}
		from, err := strconv.ParseUint(smaps[m[2]:m[3]], 16, 64)
		to, err2 := strconv.ParseUint(smaps[m[4]:m[5]], 16, 64)
		if err == nil && err2 == nil && to > from {
			out = append(out, mapping{uintptr(from), uintptr(to - from)})
		}
	}
	return out
}

var untouched = regexp.MustCompile(`(?m)^Anonymous: +0 kB$`)
