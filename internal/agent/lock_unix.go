//go:build unix

package agent

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"plumb.dev/plumb/internal/fault"
)

// lockFolder takes a folder for this process. The kernel gives it back when the process dies, however it dies.
func lockFolder(dir string) (unlock func(), err error) {
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the cache folder %s cannot be used: %w", dir, err)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		file.Close()
		return nil, fault.New(fault.Rejected, "another agent uses the cache folder %s", dir).WithNext("give each agent one of its own, with --cache-dir")
	}
	return func() { file.Close() }, nil
}
