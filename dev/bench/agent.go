package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// agent is the product's agent as a process of its own, and what it costs.
type agent struct {
	plumb string
	dir   string
	plane *plane
	git   *fleet

	cmd    *exec.Cmd
	stdin  io.WriteCloser
	listen string
	done   chan struct{}

	mu    sync.Mutex
	peak  int64     // bytes
	parts []float64 // MiB of each process at the peak
}

const token = "bench-token"

// plain asks for what is not compressed: compressing is work of the agent that is measured.
var plain = &http.Client{Transport: &http.Transport{DisableCompression: true}}

// start starts the agent with the cache that is there and gives when that was.
func (a *agent) start(ctx context.Context) (time.Time, error) {
	file := filepath.Join(a.dir, "token")
	if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
		return time.Time{}, err
	}
	log, err := os.OpenFile(a.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return time.Time{}, err
	}
	defer log.Close()
	a.cmd = exec.CommandContext(ctx, a.plumb, "agent", "--kubeconfig", a.plane.kubeconfig, "--cache-dir", filepath.Join(a.dir, "cache"),
		"--listen", "127.0.0.1:0", "--token-file", file, "--announce", "--verbose")
	a.cmd.Stderr = log
	a.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := a.cmd.StdoutPipe()
	if err != nil {
		return time.Time{}, err
	}
	if a.stdin, err = a.cmd.StdinPipe(); err != nil {
		return time.Time{}, err
	}
	begun := time.Now()
	if err := a.cmd.Start(); err != nil {
		return begun, err
	}
	a.done = make(chan struct{})
	go a.sample(a.cmd.Process.Pid, a.done)
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		return begun, fmt.Errorf("the agent ended before it was ready: %w", err)
	}
	var ready struct {
		Listen string `json:"listen"`
	}
	if err := json.Unmarshal(line, &ready); err != nil {
		return begun, err
	}
	a.listen = ready.Listen
	a.git.hook.Store("http://" + a.listen + "/hooks/" + system + "/bench")
	return begun, nil
}

func (a *agent) kill() {
	if a.cmd == nil {
		return
	}
	_ = a.cmd.Process.Kill()
	_ = a.cmd.Wait()
	close(a.done)
	a.cmd = nil
}

func (a *agent) log() string { return filepath.Join(a.dir, "agent.log") }

func (a *agent) lastLog() string {
	data, _ := os.ReadFile(a.log())
	lines := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-10):], []byte("\n")))
}

// metric reads one number from /metrics.
func (a *agent) metric(name string) (float64, error) {
	req, err := http.NewRequest(http.MethodGet, "http://"+a.listen+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := plain.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			return strconv.ParseFloat(strings.TrimSpace(rest), 64)
		}
	}
	return 0, fmt.Errorf("there is no metric %s", name)
}

// waitOK waits until all apps are ok. It asks seldom: answering is work of the agent that is measured.
func (a *agent) waitOK(ctx context.Context, n int, limit time.Duration) error {
	return eventually(ctx, limit, 250*time.Millisecond, func() error {
		ok, err := a.metric(`plumb_apps{state="ok"}`)
		if err != nil {
			return err
		}
		if int(ok) != n {
			return fmt.Errorf("%d of %d apps are ok", int(ok), n)
		}
		return nil
	})
}

// sample keeps the peak of the sum of resident memory over the agent and its children.
func (a *agent) sample(pid int, done <-chan struct{}) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		var sum int64
		parts := []float64{}
		for _, p := range family(pid) {
			if p != pid && unstarted(p, pid) {
				continue
			}
			sum += resident(p)
			parts = append(parts, float64(resident(p)>>10)/1024)
		}
		a.mu.Lock()
		if sum > a.peak {
			a.peak, a.parts = sum, parts
		}
		a.mu.Unlock()
	}
}

func (a *agent) peakMiB() float64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return float64(a.peak) / (1 << 20)
}

// cpu gives the seconds of processor time that the agent and its living and waited-for children have used, and of each
// that lives, the agent first.
func (a *agent) cpu() (sum float64, parts []float64) {
	for _, p := range family(a.cmd.Process.Pid) {
		seconds := cpuTicks(p) / 100
		sum, parts = sum+seconds, append(parts, seconds)
	}
	return sum, parts
}

// family gives a process and all below it.
func family(pid int) []int {
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", all[i]))
		for _, task := range tasks {
			data, _ := os.ReadFile(task)
			for _, field := range strings.Fields(string(data)) {
				if child, err := strconv.Atoi(field); err == nil {
					all = append(all, child)
				}
			}
		}
	}
	return all
}

// unstarted tells whether a child is between clone and exec: it shares its parent's memory, which is counted already.
func unstarted(child, parent int) bool {
	a, errA := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", child))
	b, errB := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", parent))
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

func resident(pid int) int64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(data))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

// cpuTicks sums utime, stime, cutime and cstime.
func cpuTicks(pid int) float64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(data), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 15 {
		return 0
	}
	var sum float64
	for _, field := range fields[11:15] {
		n, _ := strconv.ParseFloat(field, 64)
		sum += n
	}
	return sum
}
