package sandbox

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"plumb.dev/plumb/internal/render/wire"
)

// maxOpen is the number of open files: three pipes and what the Go runtime needs to wait.
const maxOpen = 16

func lock(memory int64, failed func(what string, err error)) wire.Sandbox {
	var s wire.Sandbox
	err := limits(memory)
	failed("resource limits", err)
	s.Limits = err == nil

	err = noNewPrivileges()
	failed("no_new_privs", err)
	if err == nil {
		s.LandlockABI, err = landlock()
		failed("Landlock", err)
		s.Landlock = err == nil
		err = seccomp()
		failed("seccomp", err)
		s.Seccomp = err == nil
	}
	err = test(s)
	failed("self-test", err)
	s.Tested = err == nil
	return s
}

// limits bounds the process. NPROC is not among them: it counts every process of the user; seccomp forbids new ones.
func limits(memory int64) error {
	pages, err := addressSpace()
	if err != nil {
		return err
	}
	space := pages + uint64(memory)
	for resource, value := range map[int]uint64{
		unix.RLIMIT_AS: space, unix.RLIMIT_NOFILE: maxOpen, unix.RLIMIT_FSIZE: 0, unix.RLIMIT_CORE: 0,
	} {
		if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: value, Max: value}); err != nil {
			return fmt.Errorf("resource %d: %w", resource, err)
		}
	}
	return nil
}

// addressSpace gives what the process has mapped now, in bytes. The Go runtime reserves much more than it uses.
func addressSpace() (uint64, error) {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	var pages uint64
	if _, err := fmt.Sscan(string(statm), &pages); err != nil {
		return 0, err
	}
	return pages * uint64(os.Getpagesize()), nil
}

// watchCPU ends the process when its grant is used up. The Go runtime would ignore the signal.
var watchCPU = sync.OnceFunc(func() {
	over := make(chan os.Signal, 1)
	signal.Notify(over, syscall.SIGXCPU)
	go func() {
		<-over
		_, _ = syscall.Write(2, []byte("fatal error: out of CPU time\n")) // os.Stderr may have been silenced
		os.Exit(2)
	}()
})

// GrantCPU lets the process use so many more seconds of CPU before it ends itself: the last resort for a process whose
// parent has stopped watching. The limit counts from the start of the process, so it is set anew for each render.
func GrantCPU(seconds int) {
	watchCPU()
	var used unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &used) != nil {
		return
	}
	var now unix.Rlimit
	if unix.Prlimit(0, unix.RLIMIT_CPU, nil, &now) != nil {
		return
	}
	now.Cur = uint64(used.Utime.Sec+used.Stime.Sec) + uint64(seconds) + 1
	_ = unix.Prlimit(0, unix.RLIMIT_CPU, &now, nil) // the parent's deadline is the first resort
}

func noNewPrivileges() error {
	_, _, errno := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0)
	return asError(errno)
}

// landlock gives up all access to files and TCP, and gives the kernel's ABI version.
// https://docs.kernel.org/userspace-api/landlock.html
func landlock() (abi int, err error) {
	version, _, errno := syscall.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0, asError(errno)
	}
	abi = int(version)
	// struct landlock_ruleset_attr: rights on files, rights on TCP (ABI 4), scope of abstract sockets (ABI 6).
	// Not the scope of signals: before Linux 6.15 it also stops signals between threads of one process, which Go needs.
	attr := [3]uint64{1<<fileRights(abi) - 1}
	size := unsafe.Sizeof(attr[0])
	if abi >= 4 {
		attr[1] = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
		size += unsafe.Sizeof(attr[1])
	}
	if abi >= 6 {
		attr[2] = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET
		size += unsafe.Sizeof(attr[2])
	}
	fd, _, errno := syscall.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), size, 0)
	if errno != 0 {
		return abi, asError(errno)
	}
	defer syscall.Close(int(fd))
	_, _, errno = syscall.AllThreadsSyscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0)
	return abi, asError(errno)
}

// fileRights gives the number of rights on files that an ABI knows; they are the lowest bits.
func fileRights(abi int) int {
	switch {
	case abi >= 5:
		return 16
	case abi >= 3:
		return 15
	case abi == 2:
		return 14
	}
	return 13
}

// seccomp installs the filter on all threads.
func seccomp() error {
	filter, err := program(syscall.Getpid())
	if err != nil {
		return err
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	thread, _, errno := syscall.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	if errno == 0 && thread != 0 {
		return fmt.Errorf("thread %d cannot be filtered", thread)
	}
	return asError(errno)
}

// test tries what must fail. What no part of the lock would refuse is not tried.
func test(s wire.Sandbox) error {
	if !s.Landlock && !s.Seccomp {
		return errors.New("nothing to test")
	}
	if fd, err := syscall.Open("/etc/passwd", syscall.O_RDONLY, 0); err == nil {
		syscall.Close(fd)
		return errors.New("a file could be opened")
	} else if err != syscall.EPERM && err != syscall.EACCES {
		return fmt.Errorf("open was not refused but failed: %w", err)
	}
	if !s.Seccomp {
		return nil
	}
	if fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0); err == nil {
		syscall.Close(fd)
		return errors.New("a socket could be made")
	} else if err != syscall.EPERM {
		return fmt.Errorf("socket was not refused but failed: %w", err)
	}
	// Without a path execve fails in any case; refused, it fails before it looks.
	if _, _, errno := syscall.RawSyscall(syscall.SYS_EXECVE, 0, 0, 0); errno != syscall.EPERM {
		return fmt.Errorf("execve was not refused: %w", errno)
	}
	return nil
}

func asError(errno syscall.Errno) error {
	if errno != 0 {
		return errno
	}
	return nil
}
