package server

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

// webFiles is the page as it was built; without Node there is only unbuilt.html.
//
//go:embed all:web
var webFiles embed.FS

// asset is one file of the page.
type asset struct {
	plain, gzipped []byte
	kind, tag      string
}

// web serves the files of the page.
type web struct {
	files map[string]asset // by path below the folder
}

// readWeb takes the files in. One with .gz behind its name is the same as the one without, compressed.
func readWeb(from fs.FS) web {
	w := web{files: map[string]asset{}}
	_ = fs.WalkDir(from, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(name, ".gz") || path.Base(name)[0] == '.' {
			return err
		}
		plain, err := fs.ReadFile(from, name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(plain)
		a := asset{plain: plain, kind: mime.TypeByExtension(path.Ext(name)), tag: `"` + hex.EncodeToString(sum[:8]) + `"`}
		if zipped, err := fs.ReadFile(from, name+".gz"); err == nil {
			a.gzipped = zipped
		}
		w.files[name] = a
		return nil
	})
	return w
}

// built tells whether there is a page.
func (p web) built() bool {
	_, ok := p.files["index.html"]
	return ok
}

// asset serves a file whose name changes with what is in it: it is kept for ever.
func (p web) asset(w http.ResponseWriter, r *http.Request) {
	p.serve(w, r, "assets/"+r.PathValue("file"), "public, max-age=31536000, immutable")
}

// file serves a file beside the page: its icon, for example.
func (p web) file(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	if name == "index.html" || name == "unbuilt.html" {
		p.lost(w, r)
		return
	}
	p.serve(w, r, name, "no-cache")
}

// orLost has a person whose address no route is for meet the page.
func (p web) orLost(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern == "" && p.wanted(r) {
			p.lost(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// wanted tells whether a person's browser asks, for something to look at.
func (p web) wanted(r *http.Request) bool {
	return p.built() && r.Method == http.MethodGet && !strings.HasPrefix(r.URL.Path, "/api/") && strings.Contains(r.Header.Get("Accept"), "text/html")
}

// lost answers where there is nothing. A person gets the page, which says so and shows the way on; a program gets an error.
func (p web) lost(w http.ResponseWriter, r *http.Request) {
	if p.wanted(r) {
		p.write(w, r, p.files["index.html"], http.StatusNotFound)
		return
	}
	refuse(w, http.StatusNotFound, "there is nothing at this address", "the page is at /")
}

func (p web) serve(w http.ResponseWriter, r *http.Request, name, cache string) {
	a, ok := p.files[name]
	if !ok {
		p.lost(w, r)
		return
	}
	h := w.Header()
	h.Set("Cache-Control", cache)
	h.Set("ETag", a.tag)
	if r.Header.Get("If-None-Match") == a.tag {
		h.Add("Vary", "Accept-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	p.write(w, r, a, http.StatusOK)
}

func (p web) write(w http.ResponseWriter, r *http.Request, a asset, status int) {
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Add("Vary", "Accept-Encoding")
	data := a.plain
	if a.gzipped != nil && takesGzip(r) {
		h.Set("Content-Encoding", "gzip")
		data = a.gzipped
	}
	w.WriteHeader(status)
	_, _ = w.Write(data) // the reader is gone if this fails
}

// index serves the page, or how it is built.
func (s *server) index(w http.ResponseWriter, r *http.Request) {
	if !s.web.built() {
		s.web.serve(w, r, "unbuilt.html", "no-store")
		return
	}
	s.web.serve(w, r, "index.html", "no-store")
}
