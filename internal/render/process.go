package render

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/json"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/render/wire"
)

// startTimeout bounds the time from the start of a child to its first word. A busy machine needs some of it.
const startTimeout = 20 * time.Second

// process is one child. It does one render at a time and belongs to one goroutine at a time.
type process struct {
	cmd     *exec.Cmd
	conn    *wire.Conn
	pipes   []io.Closer
	said    *headBuffer // what the child wrote on stderr: a Go program says there how it died
	hello   wire.Hello
	ended   chan struct{} // closed once the child is gone and reaped
	killing sync.Once
	since   time.Time // when it became idle
}

// start runs a child and waits until it says that it is locked. The thread that calls it must live as long as the child:
// a child's death signal belongs to the thread that made it.
func start(command []string, memory int64) (*process, error) {
	args := append(append([]string{}, command[1:]...), strconv.FormatInt(memory, 10))
	p := &process{cmd: exec.Command(command[0], args...), said: &headBuffer{limit: 4 << 10}, ended: make(chan struct{})}
	p.cmd.Env = []string{}
	p.cmd.Dir = "/"
	p.cmd.Stderr = p.said
	p.cmd.SysProcAttr = attributes()
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fault.New(fault.RenderFailed, "the rendering process does not start: %w", err).WithCode(CodeCrashed)
	}
	p.pipes = []io.Closer{stdin, stdout}
	p.conn = wire.NewConn(stdout, stdin, wire.MaxFrame)
	timer := time.AfterFunc(startTimeout, p.kill)
	defer timer.Stop()
	if err := p.conn.ReadJSON(wire.TypeHello, &p.hello); err != nil || p.hello.Version != wire.Version {
		p.stop()
		return nil, fault.New(fault.RenderFailed, "the rendering process does not answer: %w", errors.Join(err, p.cause())).WithCode(CodeCrashed)
	}
	return p, nil
}

// kill ends the child, at once and from any goroutine. What waits for it gets an error.
func (p *process) kill() {
	p.killing.Do(func() { killGroup(p.cmd.Process) })
}

// stop ends the child and reaps it.
func (p *process) stop() {
	p.kill()
	for _, pipe := range p.pipes {
		pipe.Close()
	}
	select {
	case <-p.ended:
	default:
		_ = p.cmd.Wait() // killed: the state is in cmd.ProcessState
		close(p.ended)
	}
}

// crash tells from the first words of a dying Go program what it died of.
var crash = regexp.MustCompile(`(?m)^(fatal error: .*|runtime: .*|SIG[A-Z]+: .*|panic: )`)

// cause says how a stopped child ended, in words that hold nothing of its input.
func (p *process) cause() error { return causeOf(p.said.Bytes(), p.cmd.ProcessState) }

// causeOf reads what a child said, and how it ended; nil where that is not known.
func causeOf(said []byte, state *os.ProcessState) error {
	line := string(crash.Find(said))
	switch {
	case line == "panic: ": // its text may quote a value
		return errors.New("it panicked")
	case line != "":
		return errors.New(line)
	case state == nil:
		return errors.New("it was stopped")
	}
	return errors.New(state.String())
}

// usage gives the CPU time that a stopped child used.
func (p *process) usage() time.Duration {
	if p.cmd.ProcessState == nil {
		return 0
	}
	return p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
}

// rendered is an answer that was checked: complete, counted and hashed.
type rendered struct {
	objects []object.Object
	done    wire.Done
}

// render has one conversation with the child. An error of type *fault.Fault from the child's own mouth leaves it alive
// (spoke is true); after any other error it must be stopped.
func (p *process) render(req wire.Render, r *reader, limits Limits) (out rendered, spoke bool, err error) {
	if err := p.conn.WriteJSON(wire.TypeRender, req); err != nil {
		return out, false, err
	}
	digest := sha256.New()
	size := int64(0)
	for {
		t, payload, err := p.conn.Read()
		if err != nil {
			return out, false, err
		}
		switch t {
		case wire.TypeAsk:
			err = p.answer(payload, r)
		case wire.TypeObjects:
			size += int64(len(payload))
			digest.Write(payload)
			err = out.take(payload, size, limits)
		case wire.TypeDone:
			err = out.finish(payload, hex.EncodeToString(digest.Sum(nil)))
			return out, err == nil, err
		case wire.TypeFailed:
			var failed wire.Failed
			if err := wire.Decode(payload, &failed); err != nil {
				return out, false, err
			}
			return out, true, &failed.Fault
		default:
			err = fmt.Errorf("%w: frame %q", wire.ErrProtocol, t)
		}
		if err != nil {
			return out, false, err
		}
	}
}

func (p *process) answer(payload []byte, r *reader) error {
	var asks []wire.Ask
	if err := wire.Decode(payload, &asks); err != nil {
		return err
	}
	for _, ask := range asks {
		if err := p.conn.WriteAnswer(r.answer(ask)); err != nil {
			return err
		}
	}
	return p.conn.Flush()
}

// take adds a chunk of objects. The child watches the limits too, and says which object broke one; here they are the law.
func (out *rendered) take(payload []byte, size int64, limits Limits) error {
	var chunk []object.Object
	if size > limits.Output {
		return fault.New(fault.RenderLimit, "the objects are larger than %d MiB", limits.Output>>20).WithCode(CodeOutput)
	}
	if err := json.Unmarshal(payload, &chunk); err != nil { // keeps integers as int64
		return fmt.Errorf("%w: objects: %v", wire.ErrProtocol, err)
	}
	out.objects = append(out.objects, chunk...)
	if len(out.objects) > limits.Objects {
		return fault.New(fault.RenderLimit, "there are more than %d objects", limits.Objects).WithCode(CodeObjects)
	}
	return nil
}

// finish compares the trailer with what came before it.
func (out *rendered) finish(payload []byte, digest string) error {
	if err := wire.Decode(payload, &out.done); err != nil {
		return err
	}
	if out.done.Objects != len(out.objects) || out.done.Digest != digest {
		return fmt.Errorf("%w: %d objects, the trailer says %d", wire.ErrProtocol, len(out.objects), out.done.Objects)
	}
	return nil
}

// explain turns the end of a conversation into a Fault. The child has been stopped.
func (p *process) explain(ctx context.Context, deadline context.Context, limits Limits, err error) error {
	var known *fault.Fault
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case deadline.Err() != nil:
		return fault.New(fault.RenderTimeout, "the render took longer than %s and was stopped, after %s of CPU", limits.Timeout, p.usage().Round(100*time.Millisecond)).
			WithNext("a template or an overlay does far too much work")
	case errors.As(err, &known):
		return known
	case errors.Is(err, wire.ErrProtocol):
		return fault.New(fault.RenderFailed, "%w", err).WithCode(CodeCrashed)
	case bytes.Contains(p.said.Bytes(), []byte("out of memory")), bytes.Contains(p.said.Bytes(), []byte("cannot allocate memory")):
		return fault.New(fault.RenderLimit, "the render needs more than %d MiB of memory", limits.Memory>>20).WithCode(CodeMemory).
			WithNext("a template or an overlay makes something far too large")
	case bytes.Contains(p.said.Bytes(), []byte("stack exceeds")):
		return fault.New(fault.RenderLimit, "a template calls itself without end").WithCode(CodeCrashed)
	}
	return fault.New(fault.RenderFailed, "the rendering process died: %w", p.cause()).WithCode(CodeCrashed)
}

// headBuffer keeps the first bytes that are written to it.
type headBuffer struct {
	mu    sync.Mutex
	limit int
	data  []byte
}

func (b *headBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.data = append(b.data, p[:min(len(p), b.limit-len(b.data))]...)
	return len(p), nil
}

// Bytes gives what was kept.
func (b *headBuffer) Bytes() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Clone(b.data)
}
