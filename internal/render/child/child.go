// Package child is the process that renders: plain YAML, Kustomize and Helm, for package render, which starts it.
//
// Main locks the process (package sandbox) before it reads its first byte, and then answers one request after the other.
// What it needs of the repository it asks of the parent; it could not open a file if it tried. So the libraries in it may be
// fed with anything: what they do wrong ends here, and at worst ends this process, which costs one render.
//
// The package never renders in the process that imports it, never keeps anything of one request for the next, and never
// puts values or whole documents into an error. The same request and the same answers give the same objects.
//
// Start at Main and renderAny; then plain.go, kustomize.go, helm.go. session.go is the view of the repository.
package child

import (
	"bufio"
	"errors"
	"io"
	"log"
	"log/slog"
	"os"
	"path"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	_ "time/tzdata" // there are no files to read zones from

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/render"
	"plumb.dev/plumb/internal/render/sandbox"
	"plumb.dev/plumb/internal/render/wire"
)

// collectAt is the growth of the heap, in percent, at which garbage is collected. A kustomization of ten objects took 8.2 ms at 75
// and 6.6 ms at 200, with 1 MiB more (measured); four children share what the agent may take.
const collectAt = 100

// returnAbove is the size of the heap, in bytes, above which memory is given back to the system after a render.
const returnAbove = 48 << 20

// Main is the program of a rendering child. args holds the memory it may use, in bytes. It returns the exit status once
// stdin ends.
func Main(args []string, stdin io.Reader, stdout io.Writer) int {
	memory := int64(1 << 30)
	if len(args) == 1 {
		if n, err := strconv.ParseInt(args[0], 10, 64); err == nil && n > 0 {
			memory = n
		}
	}
	debug.SetGCPercent(collectAt)
	runtime.GOMAXPROCS(min(2, runtime.GOMAXPROCS(0)))
	silence()
	sandbox.ForgetText()
	box := sandbox.Lock(memory)

	conn := wire.NewConn(stdin, stdout, wire.MaxAnswer)
	hello := wire.Hello{Version: wire.Version, Sandbox: box}
	if err := conn.WriteJSON(wire.TypeHello, hello); err != nil {
		return 1
	}
	for {
		var req wire.Render
		switch err := conn.ReadJSON(wire.TypeRender, &req); {
		case errors.Is(err, io.EOF):
			return 0
		case err != nil:
			return 1
		}
		sandbox.GrantCPU(2 * req.Seconds)
		if err := answer(conn, req); err != nil {
			return 1
		}
		tidy()
	}
}

// silence keeps libraries from writing to the pipes: standard output is the conversation, and standard error is for the last
// words of the Go runtime, which does not use these variables.
func silence() {
	log.SetOutput(io.Discard)
	slog.SetDefault(slog.New(slog.DiscardHandler))
	if null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0); err == nil {
		os.Stdout, os.Stderr = null, null
	}
}

// tidy gives memory back after a large render.
func tidy() {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.HeapSys-m.HeapReleased > returnAbove {
		debug.FreeOSMemory()
	}
}

// answer does one request. An error is one of the conversation; what is wrong with the folder is told to the parent.
func answer(conn *wire.Conn, req wire.Render) (err error) {
	s := newSession(conn, req)
	var out output
	err = s.guarded(func() (err error) {
		out, err = renderAny(s)
		if err != nil {
			return err
		}
		return s.send(&out)
	})
	if s.broken != nil {
		return s.broken
	}
	if err != nil {
		return conn.WriteJSON(wire.TypeFailed, wire.Failed{Fault: *fault.Of(err, fault.RenderFailed)})
	}
	return conn.WriteJSON(wire.TypeDone, out.done)
}

// guarded turns a panic of a library into an error. Its text may hold values: only its place in the code is told.
func (s *session) guarded(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fault.New(fault.RenderFailed, "the renderer panicked%s", panicPlace()).WithCode(render.CodeCrashed)
		}
	}()
	return f()
}

// panicPlace names the function that panicked.
func panicPlace() string {
	lines := bufio.NewScanner(strings.NewReader(string(debug.Stack())))
	panicked := false
	for lines.Scan() {
		line := lines.Text()
		if panicked && !strings.HasPrefix(line, "\t") && !strings.HasPrefix(line, "panic(") && !strings.HasPrefix(line, "runtime.") {
			name, _, _ := strings.Cut(path.Base(line), "(")
			return " in " + name
		}
		panicked = panicked || strings.HasPrefix(line, "panic(")
	}
	return ""
}

// renderAny renders a folder with the renderer that it wants.
func renderAny(s *session) (output, error) {
	kind, err := s.detect()
	if err != nil {
		return output{}, err
	}
	switch kind {
	case render.Helm:
		return renderHelm(s)
	case render.Kustomize:
		return renderKustomize(s)
	case render.Plain:
		return renderPlain(s)
	}
	return output{}, fault.New(fault.InvalidSettings, "render is %q", kind).WithNext("write helm, kustomize or plain")
}

// kustomizationNames are the names of a kustomization, in the order in which upstream looks.
var kustomizationNames = []string{"kustomization.yaml", "kustomization.yml", "Kustomization"}

const chartName = "Chart.yaml"

// detect finds out by the files of a folder how it is rendered, unless the settings say so.
func (s *session) detect() (string, error) {
	what, err := s.stat(s.req.Path)
	if err != nil {
		return "", err
	}
	switch what {
	case wire.ItIsNot:
		return "", fault.New(fault.PathNotFound, "there is no folder %s", s.req.Path)
	case wire.ItIsFile:
		return "", fault.New(fault.PathNotFound, "%s is a file, not a folder", s.req.Path)
	}
	if s.req.Render != "" {
		return s.req.Render, nil
	}
	var fits []string
	found, err := s.preload(s.req.Path, append([]string{chartName}, kustomizationNames...))
	if err != nil {
		return "", err
	}
	if found[chartName] {
		fits = append(fits, render.Helm)
	}
	for _, name := range kustomizationNames {
		if found[name] {
			fits = append(fits, render.Kustomize)
			break
		}
	}
	switch len(fits) {
	case 0:
		return render.Plain, nil
	case 1:
		return fits[0], nil
	}
	return "", fault.New(fault.Ambiguous, "%s holds a chart and a kustomization", s.req.Path).
		WithNext("write `render: helm` or `render: kustomize` into %s", path.Join(s.req.Path, "plumb.yaml"))
}
