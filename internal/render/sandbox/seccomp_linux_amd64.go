package sandbox

import "golang.org/x/sys/unix"

const arch = unix.AUDIT_ARCH_X86_64

var allowedHere = []uint32{unix.SYS_EPOLL_WAIT, unix.SYS_GETRLIMIT}

// x32 refuses the calls of the x32 ABI, which have the same arch and other numbers.
func x32() []unix.SockFilter {
	return []unix.SockFilter{jump(unix.BPF_JGE, 0x40000000, 0, 1), answer(retKill)}
}
