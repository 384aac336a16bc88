package main

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// wanted are the packages that something is taken of.
var wanted = []string{"base-files", "ca-certificates", "dash", "git", "openssh-client"}

// unneeded are packages that others depend on for what the image does not have: scripts in Perl, manuals, and what runs when a
// package is installed.
var unneeded = []string{
	"adduser", "awk", "cdebconf", "debconf", "debianutils", "dpkg", "git-man", "install-info", "liberror-perl", "mawk", "openssl", "passwd", "perl",
	"readline-common", "tar",
}

// pack is a package of Debian.
type pack struct {
	name, version string
	control       []byte
	files         []entry
}

// load gives the wanted packages and those that they depend on, in the order of their names.
func load(ctx context.Context, cache string) ([]pack, error) {
	names, err := closure(ctx)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return nil, err
	}
	files, err := fetch(ctx, cache, names)
	if err != nil {
		return nil, err
	}
	var packs []pack
	for _, file := range files {
		p, err := read(ctx, filepath.Join(cache, file))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		packs = append(packs, p)
	}
	return packs, nil
}

// closure lists what the wanted packages depend on, without what is behind an unneeded one.
func closure(ctx context.Context) ([]string, error) {
	arguments := []string{"depends", "--recurse", "--no-recommends", "--no-suggests", "--no-conflicts", "--no-breaks", "--no-replaces", "--no-enhances"}
	out, err := output(ctx, "", "apt-cache", append(arguments, wanted...)...)
	if err != nil {
		return nil, err
	}
	needs, of := map[string][]string{}, ""
	dependency := regexp.MustCompile(`^ [ |](?:Pre)?Depends: ([a-z0-9][a-z0-9.+-]*)$`)
	for line := range strings.Lines(string(out)) {
		line = strings.TrimRight(line, "\n")
		if m := dependency.FindStringSubmatch(line); m != nil {
			needs[of] = append(needs[of], m[1])
		} else if line != "" && line[0] != ' ' && line[0] != '<' {
			of = line
		} else if line != "" && line[0] == '<' {
			of = ""
		}
	}
	seen := map[string]bool{}
	for queue := slices.Clone(wanted); len(queue) > 0; queue = queue[1:] {
		name := queue[0]
		if seen[name] || slices.Contains(unneeded, name) {
			continue
		}
		seen[name] = true
		queue = append(queue, needs[name]...)
	}
	var names []string
	for name := range seen {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

// offered is a line of what apt would load: address, file, size, digest. The address is no business of ours.
var offered = regexp.MustCompile(`(?m)^'[^']*' (\S+\.deb) \d+ SHA256:([0-9a-f]{64})$`)

// fetch loads packages that the cache does not have, with the digests that apt's signed lists tell. It gives the files' names.
func fetch(ctx context.Context, cache string, names []string) ([]string, error) {
	elsewhere, err := os.MkdirTemp("", "plumb-image-") // apt does not offer what lies in the folder already
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(elsewhere)
	download := append([]string{"-q", "-o", "APT::Sandbox::User=root", "download"}, names...)
	out, err := output(ctx, elsewhere, "apt-get", append([]string{"--print-uris"}, download...)...)
	if err != nil {
		return nil, fmt.Errorf("%w; is apt set up, and was apt-get update run?", err)
	}
	found := offered.FindAllStringSubmatch(string(out), -1)
	if len(found) != len(names) {
		return nil, fmt.Errorf("apt offers %d of the %d packages %s: run apt-get update", len(found), len(names), strings.Join(names, ", "))
	}
	var files []string
	missing := false
	for _, m := range found {
		files = append(files, m[1])
		missing = missing || digest(filepath.Join(cache, m[1])) != m[2]
	}
	if missing {
		if _, err := output(ctx, cache, "apt-get", download...); err != nil {
			return nil, err
		}
	}
	for _, m := range found {
		if digest(filepath.Join(cache, m[1])) != m[2] {
			return nil, fmt.Errorf("%s is not what apt's lists promise", m[1])
		}
	}
	slices.Sort(files)
	return files, nil
}

// digest gives the SHA-256 of a file; "" if it cannot be read.
func digest(name string) string {
	data, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// read reads a package: its control file and its files.
func read(ctx context.Context, file string) (pack, error) {
	control, err := output(ctx, "", "dpkg-deb", "--field", file)
	if err != nil {
		return pack{}, err
	}
	p := pack{control: control}
	for line := range strings.Lines(string(control)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "Package":
			p.name = value
		case "Version":
			p.version = value
		}
	}
	data, err := output(ctx, "", "dpkg-deb", "--fsys-tarfile", file)
	if err != nil {
		return pack{}, err
	}
	archive := tar.NewReader(bytes.NewReader(data))
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return p, nil
		}
		if err != nil {
			return pack{}, err
		}
		e := entry{path: merged(header.Name), kind: header.Typeflag, link: header.Linkname, mode: header.Mode, time: header.ModTime}
		if e.kind == tar.TypeLink {
			e.kind, e.link = tar.TypeSymlink, "/"+merged(header.Linkname)
		}
		if e.kind == tar.TypeReg {
			if e.body, err = io.ReadAll(archive); err != nil {
				return pack{}, err
			}
		}
		p.files = append(p.files, e)
	}
}

// output runs a program and gives what it prints.
func output(ctx context.Context, dir, name string, arguments ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, arguments...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(stderr.String()))
	}
	return out, nil
}
