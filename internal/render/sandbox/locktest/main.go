// Command locktest locks itself and then does one forbidden thing, named by its argument, for the tests of package sandbox.
// It exits with 0 if the thing could be done, with 3 if it was refused; a thing that ends the process has its own status.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"plumb.dev/plumb/internal/render/sandbox"
)

// memory is what the process may use, in bytes.
const memory = 256 << 20

func main() {
	state := sandbox.Lock(memory)
	if os.Args[1] == "state" {
		_ = json.NewEncoder(os.Stdout).Encode(state)
		return
	}
	act, ok := acts[os.Args[1]]
	if !ok {
		fmt.Fprintln(os.Stderr, "no such act")
		os.Exit(9)
	}
	if err := act(); err != nil {
		fmt.Println("refused:", err)
		os.Exit(3)
	}
	fmt.Println("done")
}

// Sink keeps results from being optimised away.
var Sink any

var acts = map[string]func() error{
	"read a file":         func() error { _, err := os.ReadFile("/etc/passwd"); return err },
	"read its arguments":  func() error { _, err := os.ReadFile("/proc/self/cmdline"); return err },
	"list a folder":       func() error { _, err := os.ReadDir("/"); return err },
	"stat a file":         func() error { _, err := os.Stat("/etc/passwd"); return err },
	"write a file":        func() error { return os.WriteFile("/tmp/plumb-locktest", nil, 0o600) },
	"open TCP":            func() error { _, err := net.DialTimeout("tcp", "127.0.0.1:1", time.Second); return denied(err) },
	"open UDP":            func() error { _, err := net.Dial("udp", "127.0.0.1:53"); return err },
	"listen":              func() error { _, err := net.Listen("tcp", "127.0.0.1:0"); return err },
	"open a Unix socket":  func() error { _, err := net.Dial("unix", "@plumb"); return denied(err) },
	"look up a name":      func() error { _, err := net.LookupHost("localhost"); return err },
	"run a program":       func() error { return exec.Command("/bin/true").Run() },
	"become a program":    func() error { return syscall.Exec("/proc/self/exe", []string{"x", "state"}, nil) },
	"fork":                func() error { return raw(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0) },
	"clone3":              func() error { return raw(unix.SYS_CLONE3, 0, 0) },
	"make a namespace":    func() error { return raw(unix.SYS_UNSHARE, unix.CLONE_NEWUSER, 0) },
	"trace":               func() error { return raw(unix.SYS_PTRACE, unix.PTRACE_TRACEME, 0) },
	"kill its parent":     func() error { return syscall.Kill(os.Getppid(), 0) },
	"signal its parent":   func() error { return raw(unix.SYS_TGKILL, uintptr(os.Getppid()), uintptr(os.Getppid())) },
	"load BPF":            func() error { return raw(unix.SYS_BPF, 0, 0) },
	"make an io_uring":    func() error { return raw(unix.SYS_IO_URING_SETUP, 1, 0) },
	"read a keyring":      func() error { return raw(unix.SYS_KEYCTL, 0, 0) },
	"watch page faults":   func() error { return raw(unix.SYS_USERFAULTFD, 0, 0) },
	"count events":        func() error { return raw(unix.SYS_PERF_EVENT_OPEN, 0, 0) },
	"mount":               func() error { return unix.Mount("x", "/", "tmpfs", 0, "") },
	"change its name":     func() error { return raw(unix.SYS_PRCTL, unix.PR_SET_NAME, uintptr(unsafe.Pointer(&[16]byte{'x'}))) },
	"raise a limit":       func() error { return unix.Prlimit(0, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 1024, Max: 1024}, nil) },
	"see another's limit": func() error { return unix.Prlimit(os.Getppid(), unix.RLIMIT_NOFILE, nil, new(unix.Rlimit)) },
	"make code": func() error {
		_, err := unix.Mmap(-1, 0, 4096, unix.PROT_EXEC, unix.MAP_ANON|unix.MAP_PRIVATE)
		return err
	},
	// These are not refused: they end the process.
	"use memory":    func() error { Sink = make([]byte, 2*memory); return nil },
	"use the stack": func() error { Sink = recurse(0); return nil },
	"use the processor": func() error {
		sandbox.GrantCPU(1)
		for {
			Sink = 1
		}
	},
	// These must work.
	"start threads": func() error {
		done := make(chan bool)
		for range 20 {
			go func() { time.Sleep(10 * time.Millisecond); done <- true }()
		}
		for range 20 {
			<-done
		}
		return nil
	},
	"allocate": func() error { Sink = make([]byte, memory/4); return nil },
}

// denied tells an error of the lock from one of the network.
func denied(err error) error {
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
		return err
	}
	return nil
}

func raw(number, a, b uintptr) error {
	if _, _, errno := syscall.RawSyscall(number, a, b, 0); errno != 0 {
		return errno
	}
	return nil
}

func recurse(n int) int {
	var b [512]byte
	b[n%512] = 1
	if n < 0 { // never
		return 0
	}
	return recurse(n+1) + int(b[0])
}
