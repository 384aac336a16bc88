package sandbox

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Offsets in struct seccomp_data, and the three answers.
const (
	offNumber = 0
	offArch   = 4
	offArgs   = 16

	retAllow = unix.SECCOMP_RET_ALLOW
	retEPERM = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	retKill  = unix.SECCOMP_RET_KILL_PROCESS
)

// allowed are the system calls that the Go runtime of this release makes once a program runs, without condition.
var allowed = []uint32{
	unix.SYS_READ, unix.SYS_WRITE, unix.SYS_CLOSE, unix.SYS_FSTAT, unix.SYS_FCNTL, unix.SYS_LSEEK,
	unix.SYS_MUNMAP, unix.SYS_MADVISE, unix.SYS_MINCORE, unix.SYS_BRK,
	unix.SYS_FUTEX, unix.SYS_NANOSLEEP, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_CLOCK_GETTIME, unix.SYS_GETTIMEOFDAY,
	unix.SYS_SCHED_YIELD, unix.SYS_SCHED_GETAFFINITY, unix.SYS_RESTART_SYSCALL,
	unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGRETURN, unix.SYS_SIGALTSTACK,
	unix.SYS_GETPID, unix.SYS_GETTID, unix.SYS_GETRUSAGE, unix.SYS_GETRANDOM,
	unix.SYS_EPOLL_CREATE1, unix.SYS_EPOLL_CTL, unix.SYS_EPOLL_PWAIT, unix.SYS_EVENTFD2, unix.SYS_PIPE2,
	unix.SYS_TIMER_CREATE, unix.SYS_TIMER_SETTIME, unix.SYS_TIMER_DELETE,
	unix.SYS_EXIT, unix.SYS_EXIT_GROUP,
}

// A new thread of this process, as the Go runtime asks for it, and nothing else: flags of clone(2).
const (
	threadFlags = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_SYSVSEM | unix.CLONE_THREAD
	prSetVMA    = 0x53564d41 // prctl: names memory, asked by the Go runtime since 1.25
)

// program gives the filter for the process with the given id.
func program(pid int) ([]unix.SockFilter, error) {
	if arch == 0 {
		return nil, errors.New("no list of system calls for this processor")
	}
	if !littleEndian() {
		return nil, errors.New("the list is for little-endian processors")
	}
	f := []unix.SockFilter{
		load(offArch), jump(unix.BPF_JEQ, arch, 1, 0), answer(retKill),
		load(offNumber),
	}
	f = append(f, x32()...)
	f = append(f, argIs(unix.SYS_CLONE, 0, threadFlags, threadFlags|unix.CLONE_SETTLS)...)
	f = append(f, answerOf(unix.SYS_CLONE3, unix.SECCOMP_RET_ERRNO|uint32(unix.ENOSYS))...)
	f = append(f, argIs(unix.SYS_TGKILL, 0, uint32(pid))...)
	f = append(f, argIs(unix.SYS_PRLIMIT64, 0, 0)...)
	f = append(f, argIs(unix.SYS_PRCTL, 0, prSetVMA)...)
	f = append(f, argLacks(unix.SYS_MMAP, 2, unix.PROT_EXEC)...)
	f = append(f, argLacks(unix.SYS_MPROTECT, 2, unix.PROT_EXEC)...)
	for _, number := range append(allowed, allowedHere...) {
		f = append(f, answerOf(number, retAllow)...)
	}
	return append(f, answer(retEPERM)), nil
}

// The instructions leave the number of the call in the accumulator, or end the program.

func load(offset uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
}

func jump(test uint16, k uint32, then, otherwise uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | test | unix.BPF_K, K: k, Jt: then, Jf: otherwise}
}

func answer(value uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: value}
}

// answerOf ends the program for one call.
func answerOf(number, value uint32) []unix.SockFilter {
	return []unix.SockFilter{jump(unix.BPF_JEQ, number, 0, 1), answer(value)}
}

// argIs allows a call if the lower half of an argument is one of the values.
func argIs(number uint32, arg uint32, values ...uint32) []unix.SockFilter {
	n := uint8(len(values))
	f := []unix.SockFilter{jump(unix.BPF_JEQ, number, 0, n+3), load(offArgs + 8*arg)}
	for i, value := range values {
		f = append(f, jump(unix.BPF_JEQ, value, n-uint8(i), 0))
	}
	return append(f, answer(retEPERM), answer(retAllow))
}

// argLacks allows a call if an argument has none of the bits.
func argLacks(number uint32, arg uint32, bits uint32) []unix.SockFilter {
	return []unix.SockFilter{
		jump(unix.BPF_JEQ, number, 0, 4), load(offArgs + 8*arg),
		jump(unix.BPF_JSET, bits, 0, 1), answer(retEPERM), answer(retAllow),
	}
}

func littleEndian() bool {
	one := uint16(1)
	return *(*byte)(unsafe.Pointer(&one)) == 1
}
