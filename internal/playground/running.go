package playground

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// ErrNotRunning says that no process runs a playground in the directory.
var ErrNotRunning = errors.New("no playground is running")

// Running gives the address of the page, and the agent's token, of the playground that runs in the directory of the options.
func Running(o Options) (url, token string, err error) {
	dir, err := o.withDefaults().stateDir()
	if err != nil {
		return "", "", err
	}
	if !locked(dir) {
		return "", "", fmt.Errorf("%w in %s", ErrNotRunning, dir)
	}
	text, err := os.ReadFile(filepath.Join(dir, "state.json"))
	if err != nil {
		return "", "", err
	}
	var k kept
	if err := json.Unmarshal(text, &k); err != nil || k.AgentPort == 0 || k.Token == "" {
		return "", "", fmt.Errorf("the playground in %s has no page yet", dir)
	}
	return "http://" + loopback(k.AgentPort), k.Token, nil
}

// locked tells whether a process has taken the directory.
func locked(dir string) bool {
	file, err := os.Open(filepath.Join(dir, "up.lock"))
	if err != nil {
		return false
	}
	defer file.Close()
	return errors.Is(syscall.Flock(int(file.Fd()), syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}
