package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// An app of 1,500 objects, as its tree on the page asks for it every five seconds.
const (
	treeWorkloads = 50                                 // Deployments with one pod each, and a Service
	treeSettings  = 1400                               // ConfigMaps
	treeNodes     = treeSettings + 4*treeWorkloads + 1 // their ReplicaSets and pods, and the namespace
	treeAsked     = 25
)

// TestTreeScale tells what a large tree costs on a real API server; -v has the figures. It fails for what the tree says, never
// for a time.
func TestTreeScale(t *testing.T) {
	s := newScenario(t, shared(t), "treescale")
	s.staff("treescale-staff", "treescale-team")
	var manifests []string
	for i := range treeWorkloads {
		name := fmt.Sprintf("web-%02d", i)
		manifests = append(manifests, deployment(name, 1, "registry.example/web:1"), service(name, 80))
	}
	for i := range treeSettings {
		manifests = append(manifests, configMap(fmt.Sprintf("settings-%04d", i), "text", strings.Repeat("a line of what somebody sets\n", 40)))
	}
	s.ok("treescale", s.commit("anemone: a large app", files{"apps/treescale/all.yaml": documentsOf(manifests...)}))
	admin := s.visits("treescale-staff", "admin")
	var tree struct {
		Nodes []struct{ Kind, Health, File string }
	}
	took := make([]time.Duration, treeAsked)
	size := 0
	read := func() {
		status, body := admin.get(t, "/apps/plumb-system/treescale/resources?children=true")
		size = len(body)
		if err := json.Unmarshal([]byte(body), &tree); err != nil {
			t.Fatalf("%d: %v", status, err)
		}
	}
	began := time.Now()
	read()
	first := time.Since(began)
	agent, plane := processor(t, s.agent.cmd.Process.Pid), processor(t, s.plane.cmd.Process.Pid)
	for i := range took {
		began := time.Now()
		read()
		took[i] = time.Since(began)
	}
	agent, plane = processor(t, s.agent.cmd.Process.Pid)-agent, processor(t, s.plane.cmd.Process.Pid)-plane
	slices.Sort(took)
	t.Logf("%d nodes, %d kB: first %d ms, then half %d ms, most %d ms; processor of the agent %d ms, of the control plane %d ms",
		len(tree.Nodes), size/1000, first.Milliseconds(), took[treeAsked/2].Milliseconds(), took[treeAsked-1].Milliseconds(),
		agent.Milliseconds()/treeAsked, plane.Milliseconds()/treeAsked)
	if len(tree.Nodes) != treeNodes {
		t.Errorf("the tree has %d nodes, want %d", len(tree.Nodes), treeNodes)
	}
	for _, n := range tree.Nodes {
		if n.Health != "Healthy" {
			t.Errorf("of an app that is ok: %+v", n)
		}
	}
}

// processor is what a process has had of processors so far, and its children that run (proc(5), in hundredths of a second).
func processor(t *testing.T, pid int) time.Duration {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+2:]))
	var ticks [2]int // of its own, and for it in the kernel
	for i := range ticks {
		if ticks[i], err = strconv.Atoi(fields[11+i]); err != nil {
			t.Fatal(err)
		}
	}
	used := time.Duration(ticks[0]+ticks[1]) * 10 * time.Millisecond
	children, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, file := range children {
		data, _ := os.ReadFile(file) // a thread that has ended has none
		for _, child := range strings.Fields(string(data)) {
			if n, err := strconv.Atoi(child); err == nil {
				used += processor(t, n)
			}
		}
	}
	return used
}
