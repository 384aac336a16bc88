package githost

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
)

// The two services of smart HTTP (gitprotocol-http(5)).
const (
	uploadPack  = "git-upload-pack"
	receivePack = "git-receive-pack"
)

// advertise answers GET info/refs: the refs, or with protocol version 2 the capabilities.
func (r *repository) advertise(w http.ResponseWriter, req *http.Request) {
	service := req.URL.Query().Get("service")
	if service != uploadPack && service != receivePack {
		http.Error(w, "the dumb protocol is not served here", http.StatusForbidden)
		return
	}
	if service == receivePack && r.mode != ReadWrite {
		http.Error(w, "this repository is read-only", http.StatusForbidden)
		return
	}
	header(w, "application/x-"+service+"-advertisement")
	protocol := req.Header.Get("Git-Protocol")
	if service == receivePack || !strings.Contains(protocol, "version=2") {
		fmt.Fprint(w, pktLine("# service="+service+"\n"), flushPkt)
	}
	if err := r.git(req.Context(), protocol, nil, w, strings.TrimPrefix(service, "git-"), "--stateless-rpc", "--advertise-refs", r.dir); err != nil {
		slog.WarnContext(req.Context(), "git failed", "service", service, "repository", r.name, "error", err)
	}
}

// answer runs one request of service. Of a push it returns the updates that the client asked for.
func (r *repository) answer(w http.ResponseWriter, req *http.Request, service string) []Update {
	body, err := plainBody(req)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return nil
	}
	in := bufio.NewReaderSize(body, 64<<10)
	var asked []Update
	if service == receivePack {
		asked = peekUpdates(in)
	}
	header(w, "application/x-"+service+"-result")
	out := &flushing{w: w, to: http.NewResponseController(w)}
	_ = out.to.EnableFullDuplex() // upload-pack may answer before it has read all
	if err := r.git(req.Context(), req.Header.Get("Git-Protocol"), in, out, strings.TrimPrefix(service, "git-"), "--stateless-rpc", r.dir); err != nil {
		slog.WarnContext(req.Context(), "git failed", "service", service, "repository", r.name, "error", err)
	}
	return asked
}

func plainBody(req *http.Request) (io.Reader, error) {
	switch encoding := req.Header.Get("Content-Encoding"); encoding {
	case "":
		return req.Body, nil
	case "gzip", "x-gzip":
		return gzip.NewReader(req.Body)
	default:
		return nil, fmt.Errorf("content encoding %q is not known", encoding)
	}
}

func header(w http.ResponseWriter, contentType string) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-cache, max-age=0, must-revalidate")
}

// flushing sends each piece at once: progress lines, and answers that the client waits for.
type flushing struct {
	w  io.Writer
	to *http.ResponseController
}

func (f *flushing) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	if err == nil {
		_ = f.to.Flush()
	}
	return n, err
}

// Packet lines (gitprotocol-common(5)): four hex digits of length, themselves included, then the text.
const flushPkt = "0000"

func pktLine(text string) string { return fmt.Sprintf("%04x%s", len(text)+4, text) }

// peekUpdates reads the commands at the head of a push, "old new ref" each, and leaves them in the buffer. A list that does
// not fit into the buffer (about 500 refs) is cut: the callback then names fewer refs than moved.
func peekUpdates(in *bufio.Reader) []Update {
	var updates []Update
	for at := 0; ; {
		head, err := in.Peek(at + 4)
		if err != nil {
			return updates
		}
		n, err := strconv.ParseUint(string(head[at:]), 16, 16)
		if err != nil || n < 4 { // a flush, or nothing that we know
			return updates
		}
		all, err := in.Peek(at + int(n))
		if err != nil {
			return updates
		}
		if u, err := parseUpdate(string(all[at+4:])); err == nil {
			updates = append(updates, u)
		}
		at += int(n)
	}
}

var errNoUpdate = errors.New("not a command of a push")

// parseUpdate reads "old new ref", with capabilities behind a NUL in the first line. Shallow lines are no commands.
func parseUpdate(line string) (Update, error) {
	line, _, _ = strings.Cut(line, "\x00")
	fields := strings.Fields(line)
	if len(fields) != 3 || !strings.HasPrefix(fields[2], "refs/") {
		return Update{}, errNoUpdate
	}
	return Update{Old: fields[0], New: fields[1], Ref: fields[2]}, nil
}
