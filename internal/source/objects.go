package source

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // the hash that names git's objects
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"plumb.dev/plumb/internal/fault"
)

// readDeadline is how long one question to the reading git may take: the disk is local.
const readDeadline = 30 * time.Second

// objects reads the object store of a mirror through one long-lived `git cat-file`. It is started by the first read, again
// when it died, and ended when nobody has read for a while, so that a sleeping agent has no children.
type objects struct {
	m *Mirror

	mu     sync.Mutex
	reader *reader // nil: none runs
	idle   *time.Timer
	closed bool
}

// found is what the store says of an object before its content is read.
type found struct {
	id      string
	kind    string // commit, tree, blob, tag
	size    int64  // bytes
	missing bool
}

func newObjects(m *Mirror) *objects { return &objects{m: m} }

// info tells kind and size of one object.
func (o *objects) info(ctx context.Context, id string) (found, error) {
	all, err := o.infos(ctx, []string{id})
	if err != nil {
		return found{}, err
	}
	return all[0], nil
}

// infos tells kind and size of many objects, in one exchange.
func (o *objects) infos(ctx context.Context, ids []string) (all []found, err error) {
	err = o.ask(ctx, func(r *reader) error {
		all = make([]found, 0, len(ids))
		for _, id := range ids {
			fmt.Fprintf(r.in, "info %s\n", id)
		}
		if err := r.flush(); err != nil {
			return err
		}
		for _, id := range ids {
			one, err := r.header(id)
			if err != nil {
				return err
			}
			all = append(all, one)
		}
		return nil
	})
	return all, err
}

// missing gives those of the objects that are not here.
func (o *objects) missing(ctx context.Context, ids []string) (missing []string, err error) {
	all, err := o.infos(ctx, ids)
	for _, one := range all {
		if one.missing {
			missing = append(missing, one.id)
		}
	}
	return missing, err
}

// content reads an object whose kind and size are known from info, and verifies that its hash is its name.
func (o *objects) content(ctx context.Context, object found) (content []byte, err error) {
	err = o.ask(ctx, func(r *reader) error {
		fmt.Fprintf(r.in, "contents %s\n", object.id)
		if err := r.flush(); err != nil {
			return err
		}
		now, err := r.header(object.id)
		if err != nil {
			return err
		}
		if now.missing || now.kind != object.kind || now.size != object.size {
			return errGarbled
		}
		content = make([]byte, object.size)
		if _, err := io.ReadFull(r.out, content); err != nil {
			return err
		}
		return r.newline()
	})
	if err == nil && hashOf(object.kind, content) != object.id {
		err = o.m.damaged(errGarbled)
	}
	return content, err
}

var errGarbled = errors.New("an object of the local copy is not what its name says")

func hashOf(kind string, content []byte) string {
	hash := sha1.New() //nolint:gosec // see the import
	hash.Write([]byte(kind + " " + strconv.Itoa(len(content)) + "\x00"))
	hash.Write(content)
	return hex.EncodeToString(hash.Sum(nil))
}

// ask runs one exchange with the reading git. A git that died, because somebody killed it, is started once more; if it
// dies again over the same question the store is damaged.
func (o *objects) ask(ctx context.Context, exchange func(*reader) error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	var err error
	for range 2 {
		if err = ctx.Err(); err != nil {
			return err
		}
		if err = o.start(); err != nil {
			return err
		}
		if err = o.reader.within(ctx, exchange); err == nil {
			o.rest()
			return nil
		}
		said := o.stop()
		if ctx.Err() != nil {
			return fmt.Errorf("reading from the local copy: %w", context.Cause(ctx))
		}
		if said != "" {
			err = fmt.Errorf("%s: %w", bounded(clean(said)), err)
		}
	}
	return o.m.damaged(err)
}

// start makes sure that a git runs. The caller holds the lock.
func (o *objects) start() (err error) {
	if o.closed {
		return fault.New(fault.FetchFailed, "the mirror of %s was closed", o.m.url)
	}
	if o.reader == nil {
		o.reader, err = startReader(o.m.repo())
	}
	if err != nil {
		return fault.New(fault.FetchFailed, "git cannot be started: %w", err)
	}
	return nil
}

// rest lets the git run until nobody has asked for a while. The caller holds the lock.
func (o *objects) rest() {
	if o.idle == nil {
		o.idle = time.AfterFunc(o.m.options.Idle, o.m.rest)
		return
	}
	o.idle.Reset(o.m.options.Idle)
}

// restart ends the git; the next read starts another.
func (o *objects) restart() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stop()
}

func (o *objects) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.stop()
}

// stop ends the git and gives what it said on stderr. The caller holds the lock.
func (o *objects) stop() (said string) {
	if o.idle != nil {
		o.idle.Stop()
	}
	if o.reader == nil {
		return ""
	}
	said = o.reader.end()
	o.reader = nil
	return said
}

// reader is a running `git cat-file --batch-command --buffer`: questions are queued by it until "flush", so that many can
// be asked at once without either side waiting for the other.
type reader struct {
	cmd    *exec.Cmd
	pipe   io.Closer
	in     *bufio.Writer
	out    *bufio.Reader
	stderr *tailBuffer
}

func startReader(r repo) (*reader, error) {
	cmd, release, err := r.command(context.Background(), run{args: []string{"cat-file", "--batch-command", "--buffer"}, merges: withMerges})
	if err != nil {
		return nil, err
	}
	defer release()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	started := &reader{cmd: cmd, pipe: stdin, in: bufio.NewWriterSize(stdin, 8<<10), out: bufio.NewReaderSize(stdout, 64<<10), stderr: &tailBuffer{limit: maxStderr}}
	cmd.Stderr = started.stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	limitMemory(cmd.Process.Pid, maxGitMemory)
	return started, nil
}

// within runs an exchange, which a kill ends when the context or the deadline ends.
func (r *reader) within(ctx context.Context, exchange func(*reader) error) error {
	ctx, cancel := context.WithTimeout(ctx, readDeadline)
	defer cancel()
	stop := context.AfterFunc(ctx, r.kill)
	defer stop()
	return exchange(r)
}

func (r *reader) kill() { _ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL) } // gone already: what was wanted

// end kills the git, which only reads, and waits for it.
func (r *reader) end() string {
	r.pipe.Close()
	r.kill()
	_ = r.cmd.Wait() // it was killed
	return r.stderr.String()
}

func (r *reader) flush() error {
	if _, err := r.in.WriteString("flush\n"); err != nil {
		return err
	}
	return r.in.Flush()
}

// header reads "<id> <kind> <size>" or "<id> missing".
func (r *reader) header(id string) (found, error) {
	line, err := r.out.ReadSlice('\n')
	if err != nil {
		return found{}, err
	}
	fields := strings.Fields(string(bytes.TrimSuffix(line, []byte("\n"))))
	if len(fields) == 2 && fields[0] == id && fields[1] == "missing" {
		return found{id: id, missing: true}, nil
	}
	if len(fields) != 3 || fields[0] != id {
		return found{}, errGarbled
	}
	size, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil || size < 0 {
		return found{}, errGarbled
	}
	return found{id: id, kind: fields[1], size: size}, nil
}

func (r *reader) newline() error {
	if c, err := r.out.ReadByte(); err != nil || c != '\n' {
		return errors.Join(err, errGarbled)
	}
	return nil
}
