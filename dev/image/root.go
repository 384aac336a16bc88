package main

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// bundle is where programs of Debian look for certificate authorities.
const bundle = "etc/ssl/certs/ca-certificates.crt"

// programs are what plumb runs, and what that runs: git asks servers by git-remote-https, and starts ssh through a shell.
var programs = []string{"usr/bin/git", "usr/lib/git-core/git", "usr/lib/git-core/git-remote-http", "usr/lib/git-core/git-remote-https", "usr/bin/ssh", "usr/bin/sh"}

// entry is a file, a link or a folder of a root. Paths have no slash at either end.
type entry struct {
	path, link string
	kind       byte // of package tar
	mode       int64
	uid        int
	time       time.Time
	body       []byte
}

// root is a part of the image's file system.
type root struct{ entries map[string]entry }

func (r *root) put(e entry) { r.entries[e.path] = e }

func (r *root) size() (bytes int64) {
	for _, e := range r.entries {
		bytes += int64(len(e.body))
	}
	return bytes
}

// newest is the time of the newest file.
func (r *root) newest() (at time.Time) {
	for _, e := range r.entries {
		if e.time.After(at) {
			at = e.time
		}
	}
	return at
}

// merged gives a path as it is in a root where /bin, /sbin, /lib and /lib64 are links to those in /usr.
func merged(name string) string {
	name = strings.Trim(path.Clean("/"+name), "/")
	first, rest, below := strings.Cut(name, "/")
	if slices.Contains(mergedDirs, first) && below {
		return "usr/" + first + "/" + rest
	}
	return name
}

var mergedDirs = []string{"bin", "sbin", "lib", "lib64"}

// chooser takes what is needed out of packages.
type chooser struct {
	all  map[string]entry
	of   map[string]*pack  // by path
	libs map[string]string // path of a library, by the name that it is loaded by
	out  *root
	used map[*pack]bool
}

// systemRoot is what comes from Debian, and the few files that every root needs. used names the packages in it.
func systemRoot(packs []pack) (system *root, used []string, err error) {
	c := &chooser{all: map[string]entry{}, of: map[string]*pack{}, libs: map[string]string{}, out: &root{entries: map[string]entry{}}, used: map[*pack]bool{}}
	for i := range packs {
		for _, e := range packs[i].files {
			c.all[e.path], c.of[e.path] = e, &packs[i]
			if dir := path.Dir(e.path); e.kind != tar.TypeDir && (dir == "usr/lib" || dir == "usr/lib64" || strings.HasPrefix(dir, "usr/lib/") && strings.HasSuffix(dir, "-linux-gnu")) {
				c.libs[path.Base(e.path)] = e.path
			}
		}
	}
	for _, program := range append(slices.Clone(programs), "usr/lib/os-release", "etc/os-release", "etc/debian_version") {
		if err := c.take(program, program); err != nil {
			return nil, nil, err
		}
	}
	if err := c.authorities(); err != nil {
		return nil, nil, err
	}
	for i := range packs {
		if p := &packs[i]; c.used[p] {
			used = append(used, p.name+" "+p.version)
			c.document(p)
		}
	}
	c.everyRoot()
	return c.out, used, nil
}

// take takes a file, what it links to, and what it loads.
func (c *chooser) take(name, by string) error {
	e, ok := c.all[name]
	if !ok {
		return fmt.Errorf("no package has %s, which %s needs", name, by)
	}
	if _, taken := c.out.entries[name]; taken {
		return nil
	}
	c.out.put(e)
	c.used[c.of[name]] = true
	if e.kind == tar.TypeSymlink {
		return c.take(target(e), name)
	}
	needs, err := loads(e.body)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	for _, library := range needs {
		if strings.HasPrefix(library, "/") {
			library = merged(library)
		} else if c.libs[library] != "" {
			library = c.libs[library]
		}
		if err := c.take(library, name); err != nil {
			return err
		}
	}
	return nil
}

// target is the path that a link leads to.
func target(e entry) string {
	if strings.HasPrefix(e.link, "/") {
		return merged(e.link)
	}
	return merged(path.Join(path.Dir(e.path), e.link))
}

// loads lists the interpreter and the libraries that a program names; nothing for what is no program.
func loads(body []byte) ([]string, error) {
	if !bytes.HasPrefix(body, []byte(elf.ELFMAG)) {
		return nil, nil
	}
	file, err := elf.NewFile(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	needs, err := file.ImportedLibraries()
	if err != nil {
		return nil, err
	}
	for _, part := range file.Progs {
		if part.Type == elf.PT_INTERP {
			name := make([]byte, part.Filesz)
			if _, err := part.ReadAt(name, 0); err != nil {
				return nil, err
			}
			needs = append(needs, strings.TrimRight(string(name), "\x00"))
		}
	}
	return needs, nil
}

// authorities makes the bundle of all certificate authorities, as the package's own script does where it is installed.
func (c *chooser) authorities() error {
	var names []string
	for name := range c.all {
		if strings.HasPrefix(name, "usr/share/ca-certificates/") && strings.HasSuffix(name, ".crt") {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return fmt.Errorf("no package has certificate authorities")
	}
	slices.Sort(names)
	var all bytes.Buffer
	var newest time.Time
	for _, name := range names {
		all.Write(bytes.TrimSpace(c.all[name].body))
		all.WriteByte('\n')
		if c.all[name].time.After(newest) {
			newest = c.all[name].time
		}
		c.used[c.of[name]] = true
	}
	c.out.put(entry{path: bundle, kind: tar.TypeReg, mode: 0o644, time: newest, body: all.Bytes()})
	return nil
}

// document keeps a package's copyright, and what scanners know it by.
func (c *chooser) document(p *pack) {
	name := "usr/share/doc/" + p.name + "/copyright"
	e, ok := c.all[name]
	for range 4 {
		if !ok || e.kind != tar.TypeSymlink {
			break
		}
		e, ok = c.all[target(e)]
	}
	if folder, linked := c.all["usr/share/doc/"+p.name]; !ok && linked && folder.kind == tar.TypeSymlink {
		e, ok = c.all[target(folder)+"/copyright"]
	}
	if ok && e.kind == tar.TypeReg {
		e.path = name
		c.out.put(e)
	}
	c.out.put(entry{path: "var/lib/dpkg/status.d/" + p.name, kind: tar.TypeReg, mode: 0o644, body: p.control})
}

// everyRoot adds what no package ships: the user, a place for temporary files, the links of a merged /usr, and how names are
// looked up. Their time is that of the newest file, so that they do not change the layer by themselves.
func (c *chooser) everyRoot() {
	text := func(name, body string) {
		c.out.put(entry{path: name, kind: tar.TypeReg, mode: 0o644, body: []byte(body)})
	}
	text("etc/passwd", fmt.Sprintf("root:x:0:0:root:/:/usr/bin/false\nplumb:x:%d:%d:Plumb:/tmp:/usr/bin/false\n", user, user))
	text("etc/group", fmt.Sprintf("root:x:0:\nplumb:x:%d:\n", user))
	text("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n")
	for _, dir := range mergedDirs {
		if dir != "lib64" || c.out.has("usr/lib64/") {
			c.out.put(entry{path: dir, kind: tar.TypeSymlink, mode: 0o777, link: "usr/" + dir})
		}
	}
	c.out.put(entry{path: "tmp", kind: tar.TypeDir, mode: 0o1777})
	c.out.put(entry{path: "cache", kind: tar.TypeDir, mode: 0o700, uid: user})
	for _, dir := range []string{"usr/sbin", "dev", "proc", "sys"} {
		c.out.put(entry{path: dir, kind: tar.TypeDir, mode: 0o755})
	}
	at := c.out.newest()
	for name, e := range c.out.entries {
		if e.time.IsZero() {
			e.time = at
			c.out.entries[name] = e
		}
	}
}

func (r *root) has(prefix string) bool {
	for name := range r.entries {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// productRoot is the program itself.
func productRoot(plumb string, at time.Time) (*root, error) {
	body, err := os.ReadFile(plumb)
	if err != nil {
		return nil, err
	}
	if needs, err := loads(body); err != nil || len(needs) > 0 {
		return nil, fmt.Errorf("%s is not linked statically (%q, %v): build it with CGO_ENABLED=0", plumb, needs, err)
	}
	r := &root{entries: map[string]entry{}}
	r.put(entry{path: "usr/bin/plumb", kind: tar.TypeReg, mode: 0o755, time: at, body: body})
	return r, nil
}
