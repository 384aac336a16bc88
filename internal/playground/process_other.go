//go:build !linux

package playground

import "syscall"

func ownedAttr(syscall.Signal) *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
