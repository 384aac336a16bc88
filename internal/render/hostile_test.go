package render_test

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/render"
)

// hostile is one case of testdata/hostile: a repository, and above it lines "key: value".
//
//	why      what is wrong with it
//	link     a symlink, "path -> target"
//	values, set, release      of the request
//	reason, code, place, says, never      of the fault; says is a regular expression over message, place and next step
//	objects, warns      of a success; never holds for it too
type hostile struct {
	fsys   fstest.MapFS
	expect map[string][]string
}

func readHostile(t *testing.T, file string) hostile {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	h := hostile{fsys: fstest.MapFS{}, expect: map[string][]string{}}
	for _, f := range archive.Files {
		h.fsys[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	for line := range strings.Lines(string(archive.Comment)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		h.expect[key] = append(h.expect[key], value)
		if key == "link" {
			name, target, _ := strings.Cut(value, " -> ")
			h.fsys[name] = &fstest.MapFile{Data: []byte(target), Mode: fs.ModeSymlink | 0o777}
		}
	}
	return h
}

func (h hostile) one(key string) string {
	if len(h.expect[key]) == 0 {
		return ""
	}
	return h.expect[key][0]
}

func (h hostile) request() render.Request {
	req := render.Request{Sources: map[string]render.Source{"": {FS: h.fsys}}, Path: "app", Release: "r", Namespace: "ns", Set: h.expect["set"]}
	if release := h.one("release"); release != "" {
		req.Release = release
	}
	for _, name := range h.expect["values"] {
		req.Values = append(req.Values, render.File{Path: name})
	}
	return req
}

// TestHostile renders what people write by mistake or in anger. Each case has one exact answer, and the next render works.
func TestHostile(t *testing.T) {
	r := newRenderer(t, render.Options{})
	hasty := newRenderer(t, render.Options{Limits: render.Limits{Timeout: 3 * time.Second}}) // for what would never end
	files, _ := filepath.Glob("testdata/hostile/*.txtar")
	if len(files) < 80 {
		t.Fatalf("only %d cases", len(files))
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			h := readHostile(t, file)
			renderer := r
			if h.one("reason") == string(fault.RenderTimeout) {
				renderer = hasty
			}
			m, err := renderer.Render(context.Background(), h.request())
			h.judge(t, m, err)
		})
	}
	good := tree(map[string]string{"app/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"})
	if m, err := r.Render(context.Background(), render.Request{Sources: map[string]render.Source{"": {FS: good}}, Path: "app"}); err != nil || len(m.Objects) != 1 {
		t.Errorf("after all of them: %v", err)
	}
}

func (h hostile) judge(t *testing.T, m render.Manifest, err error) {
	t.Helper()
	text, _ := json.Marshal(m)
	for _, secret := range append(h.expect["never"], "hunter22") {
		if strings.Contains(string(text), secret) || err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%q got out: %v", secret, err)
		}
	}
	if h.one("reason") == "" {
		h.judgeSuccess(t, m, err)
		return
	}
	var f *fault.Fault
	if !errors.As(err, &f) {
		t.Fatalf("want %s, got %d objects and %v", h.one("reason"), len(m.Objects), err)
	}
	if len(m.Objects) > 0 {
		t.Errorf("a failure with %d objects", len(m.Objects))
	}
	t.Log(f.Reason, f)
	if string(f.Reason) != h.one("reason") || h.one("code") != "" && f.Code != h.one("code") {
		t.Errorf("want %s %s, got %s %s: %v", h.one("reason"), h.one("code"), f.Reason, f.Code, f)
	}
	if place := h.one("place"); !strings.HasPrefix(f.Place.String(), place) {
		t.Errorf("want it at %s, got %s: %v", place, f.Place, f)
	}
	if says := h.one("says"); !regexp.MustCompile(says).MatchString(f.Error()) {
		t.Errorf("want it to say %q: %v", says, f)
	}
	if strings.Contains(f.Error(), "/repository") || strings.Contains(f.Error(), "\n") || len(f.Error()) > 800 {
		t.Errorf("not a message for people: %v", f)
	}
}

func (h hostile) judgeSuccess(t *testing.T, m render.Manifest, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("want success: %v", err)
	}
	if want, _ := strconv.Atoi(h.one("objects")); len(m.Objects) != want {
		t.Errorf("want %d objects, got %d", want, len(m.Objects))
	}
	for _, code := range h.expect["warns"] {
		if !slices.ContainsFunc(m.Warnings, func(w render.Warning) bool {
			return w.Code == code && regexp.MustCompile(h.one("says")).MatchString(w.Message)
		}) {
			t.Errorf("want a warning %s: %v", code, m.Warnings)
		}
	}
}
