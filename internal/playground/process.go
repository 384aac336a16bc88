package playground

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a child that cannot outlive this process.
type process struct {
	cmd   *exec.Cmd
	done  chan struct{}
	err   error // valid once done is closed
	began time.Time
}

// startOwned starts cmd; the kernel, where it can, sends it onOwnerDeath when this process dies.
func startOwned(cmd *exec.Cmd, onOwnerDeath syscall.Signal) (*process, error) {
	cmd.SysProcAttr = ownedAttr(onOwnerDeath)
	if err := onStarterThread(cmd.Start); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, done: make(chan struct{}), began: time.Now()}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// onStarterThread runs do on one thread that never ends: the death signal of Linux belongs to the thread that forked, and
// the Go runtime may end others.
func onStarterThread(do func() error) error {
	answer := make(chan error, 1)
	starter() <- func() { answer <- do() }
	return <-answer
}

var starter = sync.OnceValue(func() chan<- func() {
	calls := make(chan func())
	go func() {
		runtime.LockOSThread()
		for call := range calls {
			call()
		}
	}()
	return calls
})

// stop asks with SIGTERM and insists with SIGKILL after grace; it returns when the process is gone.
func (p *process) stop(grace time.Duration) {
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

// ended says how the process ended, with the last lines of its log. It must be called after done is closed.
func (p *process) ended(what, log string) error {
	how := "ended"
	if p.err != nil {
		how = "died (" + p.err.Error() + ")"
	}
	return fmt.Errorf("%s %s; the end of %s:\n%s", what, how, log, tail(log, 15))
}

func tail(path string, n int) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return "  (" + err.Error() + ")"
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return "  " + strings.Join(lines[max(0, len(lines)-n):], "\n  ")
}

func pid() int { return os.Getpid() }
