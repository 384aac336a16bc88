package playground

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// binaryName is the control plane's binary. It is not part of this one: it is large and no cluster ever runs it.
const binaryName = "plumb-playground"

// buildLine makes it, in a checkout.
const buildLine = `cd dev && CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o ../bin/plumb-playground ./cmd/plumb-playground`

// controlPlane is the running child.
type controlPlane struct {
	*process
	stdin io.Closer // it also stops when this closes
	nodes int
}

// stopGrace: it needs at most 5 s itself.
const stopGrace = 7 * time.Second

// findBinary looks beside this executable, where both are installed and built.
func findBinary() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(self); err == nil {
		self = real
	}
	path := filepath.Join(filepath.Dir(self), binaryName)
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
		return path, nil
	}
	return "", fmt.Errorf("%s is not beside this executable (%s); it is built in a checkout by (about 7 minutes the first time):\n  %s", binaryName, filepath.Dir(self), buildLine)
}

// startControlPlane starts the child and waits until it is ready. A later death of the child fails the run.
func startControlPlane(ctx context.Context, o Options, s *state, fail context.CancelCauseFunc) (*controlPlane, error) {
	path := o.ControlPlane
	if path == "" {
		var err error
		if path, err = findBinary(); err != nil {
			return nil, err
		}
	}
	logPath := filepath.Join(s.logs(), "control-plane.log")
	log, err := os.Create(logPath)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	args := []string{"serve", "--dir", s.path("control-plane"), "-o", "json"}
	if o.AuditLog != "" {
		args = append(args, "--audit-log", o.AuditLog)
	}
	cmd := exec.Command(path, args...)
	cmd.Stderr = log
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stdout = writer
	child, err := startOwned(cmd, syscall.SIGTERM) // it stops its own children; should it be unable to, the kernel does
	writer.Close()
	if err != nil {
		stdout.Close()
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	c := &controlPlane{process: child, stdin: stdin}
	if err := c.waitReady(ctx, stdout); err != nil {
		c.stop()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, errors.Join(err, c.ended("the control plane", logPath))
	}
	go func() {
		<-c.done
		fail(c.ended("the control plane", logPath))
	}()
	return c, nil
}

func (c *controlPlane) waitReady(ctx context.Context, stdout *os.File) error {
	defer context.AfterFunc(ctx, func() { stdout.Close() })()
	defer stdout.Close()
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		return errors.New("the control plane did not become ready")
	}
	var ready struct {
		Nodes int `json:"nodes"`
	}
	if err := json.Unmarshal(line, &ready); err != nil {
		return fmt.Errorf("the control plane said %q: %w", line, err)
	}
	c.nodes = ready.Nodes
	return nil
}

func (c *controlPlane) stop() {
	c.stdin.Close()
	c.process.stop(stopGrace)
}
