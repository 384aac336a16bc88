//go:build !linux

package githost

import "syscall"

// Without a death signal, git ends when the pipe of its input closes.
func diesWithThread() *syscall.SysProcAttr { return nil }
