package render

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"syscall"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/render/wire"
)

// maxLinks is the number of symlinks in one path; Linux follows 40.
const maxLinks = 40

// reader answers what a child asks about sources and the cluster, within limits, and remembers each answer.
type reader struct {
	sources      map[string]Source
	capabilities Capabilities
	limits       Limits
	asked        int
	bytes        int64
	reads        map[readKey]string // what was found: a hash, "" for nothing
	questions    map[string]string
	found        map[location]thing // at paths whose folders are no symlinks
	clock        *clock
}

type location struct{ source, path string }

type readKey struct {
	location
	kind string
}

// kind says what is at a location.
type kind byte

const (
	nothing kind = iota
	file
	folder
	link
)

// thing is what is at a location, and how large it is.
type thing struct {
	kind kind
	size int64
}

func newReader(sources map[string]Source, capabilities Capabilities, limits Limits) *reader {
	return &reader{
		sources: sources, capabilities: capabilities, limits: limits,
		reads: map[readKey]string{}, questions: map[string]string{}, found: map[location]thing{},
	}
}

// answer answers one question. What must not be read is an answer too: the child says where it was needed.
func (r *reader) answer(ask wire.Ask) wire.Answer {
	defer r.clock.pause()()
	r.asked++
	if r.asked > r.limits.Reads {
		return bad(fault.New(fault.RenderLimit, "the render asks for more than %d files and folders", r.limits.Reads).WithCode(CodeReads))
	}
	switch ask.Kind {
	case wire.AskKube, wire.AskHas:
		return r.cluster(ask)
	}
	at, what, err := r.resolve(location{ask.Source, ask.Path})
	if err != nil {
		return bad(err)
	}
	a := wire.Answer{Path: at.path, Status: wire.ItIsNot}
	switch {
	case what.kind == nothing:
		r.note(at, ReadStat, "")
	case what.kind == folder && ask.Kind == wire.AskDir:
		a.Status = wire.ItIsFolder
		a.Data, err = r.list(at)
	case what.kind == folder:
		a.Status = wire.ItIsFolder
		r.note(at, ReadStat, ReadDir)
	case ask.Kind == wire.AskFile:
		a.Status = wire.ItIsFile
		a.Data, err = r.read(at, what.size)
	default:
		a.Status = wire.ItIsFile
		r.note(at, ReadStat, ReadFile)
	}
	if err != nil {
		return bad(err)
	}
	return a
}

func bad(err error) wire.Answer {
	data, _ := json.Marshal(fault.Of(err, fault.RenderFailed))
	return wire.Answer{Status: wire.ItIsBad, Data: data}
}

func (r *reader) note(at location, kind, hash string) { r.reads[readKey{at, kind}] = hash }

func (r *reader) cluster(ask wire.Ask) wire.Answer {
	question := Question{Ask: askKube}
	if ask.Kind == wire.AskHas {
		question.Ask = askHas + ask.Path
	}
	question.Answer, _ = answerOf(question.Ask, r.capabilities, false)
	r.questions[question.Ask] = question.Answer
	return wire.Answer{Status: wire.ItSays, Data: []byte(question.Answer)}
}

// resolve follows the symlinks in a path, and says what is at its end. Each symlink is a Read.
func (r *reader) resolve(at location) (location, thing, error) {
	source, ok := r.sources[at.source]
	if !ok {
		return at, thing{}, fault.New(fault.InvalidSettings, "there is no source %q", at.source).
			WithNext("$<name>/<path> is a file of a source that spec.sources of the App names")
	}
	if !fs.ValidPath(at.path) {
		return at, thing{}, outside(at.path)
	}
	if strings.Count(at.path, "/") >= r.limits.Depth {
		return at, thing{}, fault.New(fault.RenderLimit, "%s lies more than %d folders deep", shortened(at.path), r.limits.Depth).WithCode(CodeTreeTooDeep)
	}
	linked, ok := source.FS.(fs.ReadLinkFS)
	if !ok {
		what, err := r.look(at, func() (fs.FileInfo, error) { return fs.Stat(source.FS, at.path) })
		return at, what, err
	}
	return r.follow(linked, at)
}

// follow is resolve for a source that knows its symlinks.
func (r *reader) follow(source fs.ReadLinkFS, at location) (location, thing, error) {
	done, rest, links := ".", at.path, 0
	for {
		name, more, deeper := strings.Cut(rest, "/")
		here := location{at.source, path.Join(done, name)}
		what, err := r.look(here, func() (fs.FileInfo, error) { return source.Lstat(here.path) })
		if err != nil {
			return at, thing{}, err
		}
		switch {
		case what.kind == link:
			if links++; links > maxLinks {
				return at, thing{}, fault.New(fault.PathEscape, "%s leads through more than %d symlinks", at.path, maxLinks).WithCode(CodeSymlinkLoop)
			}
			target, err := r.target(source, here)
			if err != nil {
				return at, thing{}, err
			}
			done, rest = ".", path.Join(target, more)
		case what.kind == nothing || !deeper:
			return here, what, nil // if it is missing, nothing can be below it
		case what.kind == file:
			return location{at.source, path.Join(here.path, more)}, thing{}, nil
		default:
			done, rest = here.path, more
		}
	}
}

// shortened gives the beginning of a long path.
func shortened(p string) string {
	if parts := strings.Split(p, "/"); len(parts) > 6 {
		return strings.Join(parts[:6], "/") + "/…"
	}
	return p
}

// target gives where a symlink points, as a path from the root of the source.
func (r *reader) target(source fs.ReadLinkFS, at location) (string, error) {
	text, err := source.ReadLink(at.path)
	if err != nil {
		return "", unreadable(at, err)
	}
	r.note(at, ReadLink, hashBytes([]byte(text)))
	target := path.Join(path.Dir(at.path), text)
	if path.IsAbs(text) || !fs.ValidPath(target) {
		return "", fault.New(fault.PathEscape, "%s is a symlink out of the repository", at.path).At(fault.Place{File: at.path}).
			WithNext("put a copy of what it points to into the repository")
	}
	return target, nil
}

// look remembers what stat says.
func (r *reader) look(at location, stat func() (fs.FileInfo, error)) (thing, error) {
	if what, ok := r.found[at]; ok {
		return what, nil
	}
	var what thing
	info, err := stat()
	switch {
	case absent(err):
	case err != nil:
		return thing{}, unreadable(at, err)
	case info.IsDir():
		what.kind = folder
	case info.Mode()&fs.ModeSymlink != 0:
		what.kind = link
	case info.Mode().IsRegular():
		what = thing{file, info.Size()}
	default:
		return thing{}, fault.New(fault.Unsupported, "%s is neither a file nor a folder", at.path).At(fault.Place{File: at.path})
	}
	r.found[at] = what
	return what, nil
}

// list gives the names in a folder.
func (r *reader) list(at location) ([]byte, error) {
	entries, err := fs.ReadDir(r.sources[at.source].FS, at.path)
	if err != nil {
		return nil, unreadable(at, err)
	}
	if len(entries) > r.limits.Reads {
		return nil, fault.New(fault.RenderLimit, "%s holds more than %d files", at.path, r.limits.Reads).WithCode(CodeReads)
	}
	r.note(at, ReadDir, hashNames(entries))
	names := make([]wire.Entry, len(entries))
	for i, e := range entries {
		names[i] = wire.Entry{Name: e.Name(), Dir: e.IsDir(), Link: e.Type()&fs.ModeSymlink != 0}
	}
	return json.Marshal(names)
}

// read gives the bytes of a file.
func (r *reader) read(at location, size int64) ([]byte, error) {
	source := r.sources[at.source]
	if size > r.limits.File {
		return nil, fault.New(fault.RenderLimit, "%s is larger than %d MiB", at.path, r.limits.File>>20).At(fault.Place{File: at.path}).WithCode(CodeFileTooLarge)
	}
	data, err := readUpTo(source.FS, at.path, size)
	if err != nil {
		return nil, unreadable(at, err)
	}
	if object.IsPointer(data) {
		return nil, fault.New(fault.RenderFailed, "%s is a pointer of Git LFS: its content is not in the repository", at.path).At(fault.Place{File: at.path}).WithCode(CodeLFS).
			WithNext("commit the file itself (git lfs migrate export --include=%q); what a chart does not need can be named in its .helmignore", at.path)
	}
	if r.bytes += int64(len(data)); r.bytes > r.limits.Input {
		return nil, fault.New(fault.RenderLimit, "the files that are read are larger than %d MiB together", r.limits.Input>>20).WithCode(CodeInput)
	}
	var hash string
	if h, ok := source.FS.(Hasher); ok {
		if hash, err = h.Hash(at.path); err != nil {
			return nil, unreadable(at, err)
		}
	} else {
		hash = hashBytes(data)
	}
	r.note(at, ReadFile, hash)
	return data, nil
}

// readUpTo reads a file that was seen with a size. One that grew meanwhile is refused: only a working directory does that.
func readUpTo(fsys fs.FS, name string, size int64) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data := make([]byte, 0, size+1)
	for int64(len(data)) <= size {
		n, err := f.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		if err == io.EOF {
			return data, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, errors.New("it changed while it was read")
}

// absent tells whether a path does not exist, or has a file where it should have a folder.
func absent(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) }

func outside(p string) error {
	return fault.New(fault.PathEscape, "%s leads out of the repository", p)
}

// unreadable says that a path could not be read. Faults pass.
func unreadable(at location, err error) error {
	var known *fault.Fault
	if errors.As(err, &known) {
		return known
	}
	if strings.Contains(err.Error(), "escapes from parent") { // os.Root has no error value for it
		return outside(at.path)
	}
	return fault.New(fault.RenderFailed, "%s cannot be read: %w", at.path, err).At(fault.Place{File: at.path})
}

func hashBytes(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// hashNames gives the hash of a listing: names and what they are. A git tree with the same id has the same listing.
func hashNames(entries []fs.DirEntry) string {
	h := sha256.New()
	for _, e := range entries {
		fmt.Fprintf(h, "%s %q\n", e.Type().Type(), e.Name())
	}
	return "names:" + hex.EncodeToString(h.Sum(nil))
}

// result gives what was asked, in a stable order.
func (r *reader) result() ([]Read, []Question) {
	reads := make([]Read, 0, len(r.reads))
	for k, hash := range r.reads {
		reads = append(reads, Read{Source: k.source, Path: k.path, Kind: k.kind, Hash: hash})
	}
	slices.SortFunc(reads, func(a, b Read) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Kind, b.Kind))
	})
	questions := make([]Question, 0, len(r.questions))
	for ask, answer := range r.questions {
		questions = append(questions, Question{ask, answer})
	}
	slices.SortFunc(questions, func(a, b Question) int { return cmp.Compare(a.Ask, b.Ask) })
	return reads, questions
}
