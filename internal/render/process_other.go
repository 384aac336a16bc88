//go:build !linux

package render

import (
	"os"
	"syscall"
)

// attributes: a child ends when its standard input does.
func attributes() *syscall.SysProcAttr { return nil }

func killGroup(p *os.Process) { _ = p.Kill() }
