package playground

import "syscall"

// A group of its own: Ctrl-C in a terminal reaches the owner alone, which then stops its children in order.
func ownedAttr(onOwnerDeath syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: onOwnerDeath, Setpgid: true}
}
