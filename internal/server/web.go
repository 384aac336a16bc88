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
		http.NotFound(w, r)
		return
	}
	p.serve(w, r, name, "no-cache")
}

func (p web) serve(w http.ResponseWriter, r *http.Request, name, cache string) {
	a, ok := p.files[name]
	if !ok {
		refuse(w, http.StatusNotFound, "there is nothing at this address", "the page is at /")
		return
	}
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("Cache-Control", cache)
	h.Set("ETag", a.tag)
	h.Add("Vary", "Accept-Encoding")
	if r.Header.Get("If-None-Match") == a.tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	data := a.plain
	if a.gzipped != nil && takesGzip(r) {
		h.Set("Content-Encoding", "gzip")
		data = a.gzipped
	}
	_, _ = w.Write(data) // the reader is gone if this fails
}

// index serves the page, or how it is built. A token in its address becomes a cookie, and goes away.
func (s *server) index(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if token := q.Get("t"); token != "" && s.People.Admit(w, r, token) {
		q.Del("t")
		to := *r.URL
		to.Scheme, to.Host, to.RawQuery = "", "", q.Encode()
		to.Path = "/" + strings.TrimLeft(to.Path, "/")
		to.RawPath = ""
		http.Redirect(w, r, to.String(), http.StatusSeeOther)
		return
	}
	if !s.web.built() {
		s.web.serve(w, r, "unbuilt.html", "no-store")
		return
	}
	s.web.serve(w, r, "index.html", "no-store")
}
