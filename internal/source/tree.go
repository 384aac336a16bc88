package source

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"plumb.dev/plumb/internal/fault"
)

// node is one entry of a tree object: what a name in a folder is.
type node struct {
	name string
	mode mode
	id   string // 40 hex digits
}

// mode is git's own, of which there are few.
type mode uint32

const (
	modeFolder     mode = 0o040000
	modeFile       mode = 0o100644
	modeExecutable mode = 0o100755
	modeSymlink    mode = 0o120000
	modeSubmodule  mode = 0o160000
)

// kind gives the mode as package fs has it: a submodule is a folder, and irregular.
func (m mode) kind() fs.FileMode {
	switch m {
	case modeFolder:
		return fs.ModeDir
	case modeSymlink:
		return fs.ModeSymlink
	case modeSubmodule:
		return fs.ModeDir | fs.ModeIrregular
	}
	return 0
}

// full gives kind and permissions.
func (m mode) full() fs.FileMode {
	switch m {
	case modeFolder, modeSubmodule:
		return m.kind() | 0o555
	case modeExecutable:
		return 0o555
	}
	return m.kind() | 0o444
}

// idBytes is the length of an object id in a tree object.
const idBytes = 20

// parseTree reads a tree object: "<octal mode> <name>\0<20 bytes of id>", again and again. Its entries come back sorted by
// name. It refuses what no honest git writes: unknown modes, names that are empty, ".", "..", ".git" in any case, or hold a
// '/', and two entries of one name.
func parseTree(content []byte) ([]node, error) {
	nodes := make([]node, 0, len(content)/40)
	for len(content) > 0 {
		one, rest, err := parseNode(content)
		if err != nil {
			return nil, err
		}
		nodes, content = append(nodes, one), rest
	}
	slices.SortFunc(nodes, func(a, b node) int { return strings.Compare(a.name, b.name) })
	for i := range nodes[:max(0, len(nodes)-1)] {
		if nodes[i].name == nodes[i+1].name {
			return nil, fmt.Errorf("two entries are called %q", clip(nodes[i].name))
		}
	}
	return nodes, nil
}

func parseNode(content []byte) (one node, rest []byte, err error) {
	octal, rest, ok := bytes.Cut(content, []byte(" "))
	if !ok || len(octal) == 0 || len(octal) > 7 {
		return node{}, nil, errors.New("an entry has no mode")
	}
	for _, digit := range octal {
		if digit < '0' || digit > '7' {
			return node{}, nil, errors.New("an entry has a mode that is not octal")
		}
		one.mode = one.mode<<3 | mode(digit-'0')
	}
	name, rest, ok := bytes.Cut(rest, []byte{0})
	if !ok || len(rest) < idBytes {
		return node{}, nil, errors.New("it ends in the middle of an entry")
	}
	one.name, one.id = string(name), hex.EncodeToString(rest[:idBytes])
	if err := one.check(); err != nil {
		return node{}, nil, err
	}
	return one, rest[idBytes:], nil
}

// check refuses bad names and modes, and gives the old mode 100664 as what it is, a file.
func (n *node) check() error {
	switch n.mode {
	case modeFolder, modeFile, modeExecutable, modeSymlink, modeSubmodule:
	case 0o100664, 0o100600: // early gits wrote them
		n.mode = modeFile
	default:
		return fmt.Errorf("an entry has the unknown mode %o", uint32(n.mode))
	}
	if n.name == "" || n.name == "." || n.name == ".." || strings.EqualFold(n.name, ".git") || strings.ContainsAny(n.name, "/\x00") {
		return fmt.Errorf("an entry is called %q", clip(n.name))
	}
	return nil
}

// find gives the entry of a name in a parsed tree.
func find(nodes []node, name string) (node, bool) {
	at, ok := slices.BinarySearchFunc(nodes, name, func(n node, name string) int { return strings.Compare(n.name, name) })
	if !ok {
		return node{}, false
	}
	return nodes[at], true
}

// cost gives about how many bytes a parsed tree takes in memory.
func cost(nodes []node) int64 {
	total := int64(100)
	for _, n := range nodes {
		total += int64(len(n.name)) + 96
	}
	return total
}

func treeInvalid(where string, err error) *fault.Fault {
	return fault.New(fault.FetchFailed, "the folder is stored as a tree object that git itself refuses: %w", err).
		WithCode(CodeTreeInvalid).At(fault.Place{File: where})
}
