//go:build !linux

package sandbox

import (
	"errors"

	"plumb.dev/plumb/internal/render/wire"
)

func lock(_ int64, failed func(what string, err error)) wire.Sandbox {
	failed("sandbox", errors.New("this operating system is not Linux: a rendering process is separate, but not locked"))
	return wire.Sandbox{}
}

// ForgetText does nothing here.
func ForgetText() {}

// GrantCPU does nothing here.
func GrantCPU(int) {}
