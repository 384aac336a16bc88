// Package wire is the conversation between package render (the parent) and a rendering child, over two pipes.
//
// Each message is one frame: a byte that says what it is, four bytes of length, the payload. The child speaks first:
//
//	child  → Hello                      what it is, and what really locks it
//	parent → Render                     one request; then, until Objects…Done or Failed:
//	child  → Ask                        a batch of questions: files, folders, the cluster
//	parent → Answer                     for each of them, in order
//	child  → Objects (any number)       a JSON array of objects, each with its place
//	child  → Done                       the trailer: how many objects, their digest, warnings
//	child  → Failed                     instead: why not
//
// The child is not trusted: the parent bounds each frame before it allocates, takes no frame out of turn, and counts and
// hashes the objects itself. The package never does anything but encode and decode; it never starts or kills a process.
//
// Start at Conn.
package wire

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"plumb.dev/plumb/internal/fault"
)

// Version is the version of the conversation. Parent and child are one binary, so another one is a fault of the machine.
const Version = 1

// Type says what a frame is.
type Type byte

// The frames.
const (
	TypeHello   Type = 'h'
	TypeRender  Type = 'r'
	TypeAsk     Type = 'a'
	TypeAnswer  Type = 'A'
	TypeObjects Type = 'o'
	TypeDone    Type = 'd'
	TypeFailed  Type = 'f'
)

// MaxFrame bounds a frame from the child, in bytes: an object of the largest size and a chunk of others fit.
const MaxFrame = 8 << 20

// MaxAnswer bounds a frame from the parent, in bytes: a file. The parent is trusted, the bound finds errors.
const MaxAnswer = 64 << 20

// ErrProtocol says that the other side broke the rules of the conversation.
var ErrProtocol = errors.New("the rendering process broke the protocol")

// Conn reads and writes frames. It is not safe for concurrent use.
type Conn struct {
	r   *bufio.Reader
	w   *bufio.Writer
	max int
}

// NewConn makes a Conn that accepts frames of at most max bytes.
func NewConn(r io.Reader, w io.Writer, max int) *Conn {
	return &Conn{r: bufio.NewReaderSize(r, 16<<10), w: bufio.NewWriterSize(w, 16<<10), max: max}
}

// Write sends one frame whose payload is given in parts. It is sent at once.
func (c *Conn) Write(t Type, parts ...[]byte) error {
	if err := c.Buffer(t, parts...); err != nil {
		return err
	}
	return c.w.Flush()
}

// Buffer writes one frame, to be sent with the next Write.
func (c *Conn) Buffer(t Type, parts ...[]byte) error {
	size := 0
	for _, part := range parts {
		size += len(part)
	}
	head := [5]byte{byte(t)}
	binary.BigEndian.PutUint32(head[1:], uint32(size))
	if _, err := c.w.Write(head[:]); err != nil {
		return err
	}
	for _, part := range parts {
		if _, err := c.w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// WriteJSON sends one frame with a JSON payload.
func (c *Conn) WriteJSON(t Type, v any) error {
	payload, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return c.Write(t, payload)
}

// Read receives one frame. At the end of the stream between two frames the error is io.EOF; within one, io.ErrUnexpectedEOF.
// A frame that is too long gives ErrProtocol before anything is allocated for it.
func (c *Conn) Read() (Type, []byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(c.r, head[:]); err != nil {
		return 0, nil, err
	}
	size := binary.BigEndian.Uint32(head[1:])
	if int64(size) > int64(c.max) {
		return 0, nil, fmt.Errorf("%w: a frame of %d bytes", ErrProtocol, size)
	}
	payload := make([]byte, size)
	if _, err := io.ReadFull(c.r, payload); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return 0, nil, err
	}
	return Type(head[0]), payload, nil
}

// ReadJSON receives one frame of the given type and decodes it.
func (c *Conn) ReadJSON(t Type, v any) error {
	got, payload, err := c.Read()
	if err != nil {
		return err
	}
	if got != t {
		return fmt.Errorf("%w: frame %q instead of %q", ErrProtocol, got, t)
	}
	return Decode(payload, v)
}

// Decode reads a JSON payload.
func Decode(payload []byte, v any) error {
	if err := json.Unmarshal(payload, v); err != nil {
		return fmt.Errorf("%w: %v", ErrProtocol, err)
	}
	return nil
}

// Hello is the first frame of a child: sent once it is locked.
type Hello struct {
	Version int               `json:"version"`
	Sandbox Sandbox           `json:"sandbox"`
	Tools   map[string]string `json:"tools"` // renderer → name and version
}

// Sandbox says what really locks a child.
type Sandbox struct {
	Limits      bool   `json:"limits"`             // memory, CPU, open files, no core, no file writes
	Landlock    bool   `json:"landlock"`           // no files, no TCP
	LandlockABI int    `json:"abi,omitempty"`      // of the kernel; 0: it has none
	Seccomp     bool   `json:"seccomp"`            // system calls allowed by list: no sockets, no exec, no other processes
	Tested      bool   `json:"tested"`             // socket, execve and open were tried in the child and refused
	Weakness    string `json:"weakness,omitempty"` // what is missing and why, a sentence; "" if nothing is
}

// Render is one request, without the files.
type Render struct {
	Render    string          `json:"render,omitempty"` // plain, kustomize, helm or "": find out
	Path      string          `json:"path"`             // the app's folder; "." is the root
	Recurse   bool            `json:"recurse,omitempty"`
	Include   []string        `json:"include,omitempty"`
	Exclude   []string        `json:"exclude,omitempty"`
	Release   string          `json:"release,omitempty"`
	Namespace string          `json:"namespace,omitempty"`
	Upgrade   bool            `json:"upgrade,omitempty"`
	Chart     *File           `json:"chart,omitempty"`  // an archive; nil: the chart is the app's folder
	Values    []File          `json:"values,omitempty"` // in order, later wins
	Inline    json.RawMessage `json:"inline,omitempty"`
	Set       []string        `json:"set,omitempty"` // lines as for helm --set
	SetFile   []SetFile       `json:"setFile,omitempty"`
	SkipCRDs  bool            `json:"skipCRDs,omitempty"`
	Overlay   json.RawMessage `json:"overlay,omitempty"` // a kustomization without resources, laid over that of the folder
	// Charts that the chart depends on and does not hold.
	Dependencies []Dependency `json:"dependencies,omitempty"`
	Seed         string       `json:"seed"` // of random and time functions
	Seconds      int          `json:"seconds"`
	Limits       Limits       `json:"limits"`
}

// File names a file of a source; Source "" is that of the app.
type File struct {
	Source string `json:"source,omitempty"`
	Path   string `json:"path"`
}

// SetFile sets a value to the text of a file, as helm --set-file does.
type SetFile struct {
	Key string `json:"key"`
	File
}

// Dependency is a chart to be put into charts/ under a name: a folder, or an archive whose path ends in .tgz.
type Dependency struct {
	Name string `json:"name"`
	File
}

// Limits are those that the child watches itself, so that it can say where they were broken.
type Limits struct {
	Objects int   `json:"objects"`
	Object  int64 `json:"object"`
	Output  int64 `json:"output"`
}

// What can be asked.
const (
	AskFile = "file" // the bytes; a folder gives ItIsFolder
	AskDir  = "dir"  // the names in a folder
	AskStat = "stat" // what it is
	AskKube = "kube" // the version of the API server
	AskHas  = "has"  // whether Path, an API version or GVK, is served
)

// Ask is one question. Source and Path are as for File; paths are clean and relative, without "..".
type Ask struct {
	Kind   string `json:"k"`
	Source string `json:"s,omitempty"`
	Path   string `json:"p,omitempty"`
}

// Status says how an Ask ended.
type Status byte

// The ends of an Ask.
const (
	ItIsFile   Status = 'f' // Data holds the bytes for AskFile
	ItIsFolder Status = 'd' // Data holds the names for AskDir, JSON []Entry
	ItIsNot    Status = 'n' // nothing is there
	ItIsBad    Status = 'x' // Data holds a fault.Fault as JSON: it is there and must not be read
	ItSays     Status = 's' // Data holds a text: the answer of the cluster
)

// Entry is one name in a folder.
type Entry struct {
	Name string `json:"n"`
	Dir  bool   `json:"d,omitempty"`
	Link bool   `json:"l,omitempty"` // a symlink, to a file or a folder
}

// Answer is the end of one Ask.
type Answer struct {
	Status Status
	Path   string // the path without symlinks
	Data   []byte
}

// WriteAnswer buffers one answer; Flush sends what is buffered.
func (c *Conn) WriteAnswer(a Answer) error {
	head := make([]byte, 0, 5+len(a.Path))
	head = append(head, byte(a.Status))
	head = binary.BigEndian.AppendUint32(head, uint32(len(a.Path)))
	head = append(head, a.Path...)
	return c.Buffer(TypeAnswer, head, a.Data)
}

// Flush sends what is buffered.
func (c *Conn) Flush() error { return c.w.Flush() }

// ReadAnswer receives one answer.
func (c *Conn) ReadAnswer() (Answer, error) {
	t, payload, err := c.Read()
	if err != nil {
		return Answer{}, err
	}
	if t != TypeAnswer {
		return Answer{}, fmt.Errorf("%w: frame %q instead of an answer", ErrProtocol, t)
	}
	return parseAnswer(payload)
}

// parseAnswer decodes an answer. Its Data shares memory with the payload.
func parseAnswer(payload []byte) (Answer, error) {
	if len(payload) < 5 {
		return Answer{}, fmt.Errorf("%w: an answer is cut", ErrProtocol)
	}
	size := binary.BigEndian.Uint32(payload[1:])
	if uint64(size) > uint64(len(payload)-5) {
		return Answer{}, fmt.Errorf("%w: an answer is cut", ErrProtocol)
	}
	return Answer{Status: Status(payload[0]), Path: string(payload[5 : 5+size]), Data: payload[5+size:]}, nil
}

// Done is the trailer of a render that succeeded.
type Done struct {
	Objects  int       `json:"objects"`
	Digest   string    `json:"digest"` // sha256 of the payloads of all Objects frames
	Render   string    `json:"render"`
	Tool     string    `json:"tool"`
	Chart    *Chart    `json:"chart,omitempty"`
	Warnings []Warning `json:"warnings,omitempty"`
	// The answer to "is it an upgrade" was used.
	Upgrade bool `json:"upgrade,omitempty"`
}

// Chart is the identity of a Helm chart.
type Chart struct {
	Name       string `json:"name"`
	Version    string `json:"version"`
	AppVersion string `json:"appVersion,omitempty"`
}

// Warning is something that a person should know about a render that succeeded.
type Warning struct {
	Code    string      `json:"code"` // one of the Warn constants of package render
	Message string      `json:"message"`
	Place   fault.Place `json:"place,omitzero"`
}

// Failed says why there are no objects.
type Failed struct {
	Fault fault.Fault `json:"fault"`
}

// The libraries that a child renders with.
const (
	KustomizeTool = "kustomize v0.21.2"
	HelmTool      = "helm v4.3.1"
	PlainTool     = "yaml"
)
