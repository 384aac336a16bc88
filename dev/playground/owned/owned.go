// Package owned starts processes that cannot outlive this one.
//
// Every process started here is sent a signal by the kernel when its owner dies, however it dies: kill -9 of the owner
// leaves nothing running. Stop asks first and escalates to SIGKILL.
//
// It never restarts a process and never looks for processes by name.
//
// Start reading at Start.
package owned

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Process is a running child.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // valid once done is closed
}

// Start starts cmd; the kernel sends it onOwnerDeath when this process dies.
//
// The parent-death signal of Linux belongs to the thread that forked, not to the process (prctl(2), PR_SET_PDEATHSIG), and
// the Go runtime may end threads. All children are therefore started from one thread that is locked and never ends.
func Start(cmd *exec.Cmd, onOwnerDeath syscall.Signal) (*Process, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = onOwnerDeath
	cmd.SysProcAttr.Setpgid = true // Ctrl-C in a terminal reaches the owner alone, which then stops its children in order
	if err := onStarterThread(cmd.Start); err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	p := &Process{cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

type startCall struct {
	do     func() error
	answer chan error
}

var starter = sync.OnceValue(func() chan<- startCall {
	calls := make(chan startCall)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread lives as long as the process
		for c := range calls {
			c.answer <- c.do()
		}
	}()
	return calls
})

func onStarterThread(do func() error) error {
	c := startCall{do: do, answer: make(chan error, 1)}
	starter() <- c
	return <-c.answer
}

// Pid returns the process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended and was reaped.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err says how the process ended; nil after exit code 0. It must be called after Done is closed.
func (p *Process) Err() error { return p.err }

// Stop sends SIGTERM, waits at most grace, sends SIGKILL, and returns when the process is gone.
func (p *Process) Stop(grace time.Duration) {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
		return
	case <-timer.C:
	}
	_ = p.cmd.Process.Kill()
	<-p.done
}

// OwnerGone returns a channel that is closed when process pid ends. It uses a pidfd, so a recycled pid cannot deceive it.
func OwnerGone(pid int) (<-chan struct{}, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, fmt.Errorf("watch process %d: %w", pid, err)
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		file := os.NewFile(uintptr(fd), "pidfd")
		defer file.Close()
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		for {
			n, err := unix.Poll(fds, -1)
			if err == unix.EINTR {
				continue
			}
			if err != nil || n > 0 {
				return
			}
		}
	}()
	return gone, nil
}
