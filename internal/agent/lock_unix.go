//go:build unix

package agent

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
	"k8s.io/apimachinery/pkg/util/wait"

	"plumb.dev/plumb/internal/fault"
)

// lockPatience is how long a folder is waited for. An agent that was killed may still be on its way out, and a program that
// it was just starting holds its files until it has begun.
const lockPatience = 5 * time.Second

// lockFolder takes a folder for this process. The kernel gives it back when the process dies, however it dies.
func lockFolder(dir string) (unlock func(), err error) {
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the cache folder %s cannot be used: %w", dir, err)
	}
	err = wait.PollUntilContextTimeout(context.Background(), 50*time.Millisecond, lockPatience, true, func(context.Context) (bool, error) {
		return unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil, nil
	})
	if err != nil {
		file.Close()
		return nil, fault.New(fault.Rejected, "another agent uses the cache folder %s", dir).WithNext("give each agent one of its own, with --cache-dir")
	}
	return func() { file.Close() }, nil
}
