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
	kinds        map[location]kind // of paths without symlinks
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

func newReader(sources map[string]Source, capabilities Capabilities, limits Limits) *reader {
	return &reader{
		sources: sources, capabilities: capabilities, limits: limits,
		reads: map[readKey]string{}, questions: map[string]string{}, kinds: map[location]kind{},
	}
}

// answer answers one question. What must not be read is an answer too: the child says where it was needed.
func (r *reader) answer(ask wire.Ask) wire.Answer {
	r.asked++
	if r.asked > r.limits.Reads {
		return bad(fault.New(fault.RenderLimit, "the render asks for more than %d files and folders", r.limits.Reads).WithCode(CodeReads))
	}
	switch ask.Kind {
	case wire.AskKube, wire.AskHas:
		return r.cluster(ask)
	}
	at, found, err := r.resolve(location{ask.Source, ask.Path})
	if err != nil {
		return bad(err)
	}
	a := wire.Answer{Path: at.path, Status: wire.ItIsNot}
	switch {
	case found == nothing:
		r.note(at, ReadStat, "")
	case found == folder && ask.Kind == wire.AskDir:
		a.Status = wire.ItIsFolder
		a.Data, err = r.list(at)
	case found == folder:
		a.Status = wire.ItIsFolder
		r.note(at, ReadStat, ReadDir)
	case ask.Kind == wire.AskFile:
		a.Status = wire.ItIsFile
		a.Data, err = r.read(at)
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
func (r *reader) resolve(at location) (location, kind, error) {
	source, ok := r.sources[at.source]
	if !ok {
		return at, nothing, fault.New(fault.InvalidSettings, "there is no source %q", at.source)
	}
	if !fs.ValidPath(at.path) {
		return at, nothing, outside(at.path)
	}
	if strings.Count(at.path, "/") >= r.limits.Depth {
		return at, nothing, fault.New(fault.RenderLimit, "%s lies more than %d folders deep", at.path, r.limits.Depth).WithCode(CodeTreeTooDeep)
	}
	linked, ok := source.FS.(fs.ReadLinkFS)
	if !ok {
		k, err := r.kindOf(at, func() (fs.FileInfo, error) { return fs.Stat(source.FS, at.path) })
		return at, k, err
	}
	return r.follow(linked, at)
}

// follow is resolve for a source that knows its symlinks.
func (r *reader) follow(source fs.ReadLinkFS, at location) (location, kind, error) {
	done, rest, links := ".", at.path, 0
	for {
		name, more, deeper := strings.Cut(rest, "/")
		here := location{at.source, path.Join(done, name)}
		k, err := r.kindOf(here, func() (fs.FileInfo, error) { return source.Lstat(here.path) })
		if err != nil {
			return at, nothing, err
		}
		switch {
		case k == link:
			if links++; links > maxLinks {
				return at, nothing, fault.New(fault.PathEscape, "%s leads through more than %d symlinks", at.path, maxLinks).WithCode(CodeSymlinkLoop)
			}
			target, err := r.target(source, here)
			if err != nil {
				return at, nothing, err
			}
			done, rest = ".", path.Join(target, more)
		case k == nothing || !deeper:
			return here, k, nil // a missing folder on the way: nothing can be below it
		case k == file:
			return location{at.source, path.Join(here.path, more)}, nothing, nil
		default:
			done, rest = here.path, more
		}
	}
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

// kindOf remembers what stat says.
func (r *reader) kindOf(at location, stat func() (fs.FileInfo, error)) (kind, error) {
	if k, ok := r.kinds[at]; ok {
		return k, nil
	}
	k := nothing
	info, err := stat()
	switch {
	case absent(err):
	case err != nil:
		return nothing, unreadable(at, err)
	case info.IsDir():
		k = folder
	case info.Mode()&fs.ModeSymlink != 0:
		k = link
	case info.Mode().IsRegular():
		k = file
	default:
		return nothing, fault.New(fault.Unsupported, "%s is neither a file nor a folder", at.path).At(fault.Place{File: at.path})
	}
	r.kinds[at] = k
	return k, nil
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
func (r *reader) read(at location) ([]byte, error) {
	source := r.sources[at.source]
	data, err := readBounded(source.FS, at.path, r.limits.File)
	if errors.Is(err, errTooLarge) {
		return nil, fault.New(fault.RenderLimit, "%s is larger than %d MiB", at.path, r.limits.File>>20).At(fault.Place{File: at.path}).WithCode(CodeFileTooLarge)
	}
	if err != nil {
		return nil, unreadable(at, err)
	}
	if r.bytes += int64(len(data)); r.bytes > r.limits.Input {
		return nil, fault.New(fault.RenderLimit, "the files that are read are larger than %d MiB together", r.limits.Input>>20).WithCode(CodeInput)
	}
	hash := hashBytes(data)
	if h, ok := source.FS.(Hasher); ok {
		if hash, err = h.Hash(at.path); err != nil {
			return nil, unreadable(at, err)
		}
	}
	r.note(at, ReadFile, hash)
	return data, nil
}

var errTooLarge = errors.New("too large")

// readBounded reads a file of at most max bytes, and no more than that into memory.
func readBounded(fsys fs.FS, name string, max int64) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > max {
		return nil, errTooLarge
	}
	if whole, ok := fsys.(fs.ReadFileFS); ok {
		return whole.ReadFile(name)
	}
	data, err := io.ReadAll(io.LimitReader(f, max+1))
	if int64(len(data)) > max {
		return nil, errTooLarge
	}
	return data, err
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
