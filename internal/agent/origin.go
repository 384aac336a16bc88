package agent

import (
	"context"
	"io/fs"
	"maps"
	"path"
	"sync"
	"time"

	"plumb.dev/plumb/internal/fleet"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/origin"
	"plumb.dev/plumb/internal/render"
)

const (
	// originsFor is how long it may take to find where fields come from: what is not proved by then is told without a line.
	originsFor = 3 * time.Second
	// maxManifest is the size of a file in which the line of a field is still looked for, and originsRead of all of them, in bytes.
	maxManifest = 1 << 20
	originsRead = 8 << 20
)

// proven remembers where fields come from: a page that is open asks every few seconds, and the answer holds for a revision.
type proven struct {
	mu      sync.Mutex
	answers map[string][]origin.Origin
}

// provenAtMost is how many answers are remembered; then it begins anew.
const provenAtMost = 200

func newProven() *proven { return &proven{answers: map[string][]origin.Origin{}} }

func (p *proven) get(key string) ([]origin.Origin, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	found, ok := p.answers[key]
	return found, ok
}

func (p *proven) put(key string, found []origin.Origin) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.answers) >= provenAtMost {
		clear(p.answers)
	}
	p.answers[key] = found
}

// provenKey is what an answer depends on. It is a digest: values are not kept.
func provenKey(app, revision string, want object.Object, fields []origin.Field) string {
	parts := []any{app, revision, want.Digest()}
	for _, f := range fields {
		parts = append(parts, f.Path.String(), f.Git, f.Live)
	}
	return object.DigestBytes(object.Canonical(parts))
}

// origins tells where Git says fields of an object of a render: of a plain manifest by reading it again, else by rendering copies in
// which what may be theirs is marked.
func (t *turn) origins(ctx context.Context, recorded *render.Recorded, revision string, want object.Object, fields []origin.Field) []origin.Origin {
	bounded, cancel := context.WithTimeout(ctx, originsFor)
	defer cancel()
	out := make([]origin.Origin, len(fields))
	if t.offer == nil || t.offer.mirror == nil {
		return out
	}
	tree, err := t.offer.mirror.Snapshot(bounded, revision)
	if err != nil {
		return out
	}
	if recorded.Manifest.Render == render.Plain {
		return inManifest(tree, want, fields)
	}
	key := provenKey(t.cacheKey(), revision, want, fields)
	if found, ok := t.agent.proven.get(key); ok {
		return found
	}
	found, err := t.originsByRender(bounded, tree, recorded, revision, want, fields)
	if err == nil {
		out = found
	}
	if _, missing := fs.Stat(tree, want.Place.File); missing == nil {
		for i := range out {
			if out[i] == (origin.Origin{}) {
				out[i].Place.File = want.Place.File
			}
		}
	}
	if err == nil && ctx.Err() == nil { // what took too long would take as long again
		t.agent.proven.put(key, out)
	}
	return out
}

// inManifest finds fields in the manifest that says the object.
func inManifest(tree fs.FS, want object.Object, fields []origin.Field) []origin.Origin {
	out := make([]origin.Origin, len(fields))
	data := fileOf(tree, want.Place.File)
	if data == nil || want.Place.Line == 0 {
		return out
	}
	for i, f := range fields {
		out[i].Place = object.PlaceOf(data, want, f.Path)
	}
	return out
}

// fileOf gives a file of a tree; nil if it is not to be had, or larger than a manifest is.
func fileOf(tree fs.FS, name string) []byte {
	if !fs.ValidPath(name) {
		return nil
	}
	info, err := fs.Stat(tree, name)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxManifest {
		return nil
	}
	data, err := fs.ReadFile(tree, name)
	if err != nil {
		return nil
	}
	return data
}

func (t *turn) originsByRender(ctx context.Context, tree fs.FS, recorded *render.Recorded, revision string, want object.Object, fields []origin.Field) ([]origin.Origin, error) {
	select {
	case t.agent.previews <- struct{}{}:
		defer func() { <-t.agent.previews }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if t.offer.commit != revision || t.offer.fault != nil {
		of, err := t.offerAt(ctx, revision)
		if err != nil {
			return nil, err
		}
		t.offer, t.head = of, of
	}
	request := t.request(t.agent.cluster.Mapper().Answers(ctx))
	question := origin.Question{Object: want, Fields: fields, Helm: request.Helm, Kustomize: request.Kustomize}
	question.Files = filesRead(tree, recorded.Manifest.Reads)
	question.SettingsFiles = settingsFiles(tree, request.Path)
	try := func(c origin.Change) ([]object.Object, error) {
		changed := request
		changed.Sources = maps.Clone(request.Sources)
		changed.Sources[sourceName] = render.Source{FS: render.Replaced(request.Sources[sourceName].FS, c.Files)}
		if c.Helm != nil {
			changed.Helm = c.Helm
		}
		if c.Kustomize != nil {
			changed.Kustomize = c.Kustomize
		}
		m, err := t.agent.renderer.Render(ctx, changed)
		return m.Objects, err
	}
	found := origin.Find(question, try, func() bool { return ctx.Err() != nil })
	return found, nil
}

// settingsFiles gives the files that may say the settings of a folder, the nearest first.
func settingsFiles(tree fs.FS, dir string) []origin.File {
	var files []origin.File
	for dir = path.Clean(dir); ; dir = path.Dir(dir) {
		name := path.Join(dir, fleet.SettingsFile)
		if data := fileOf(tree, name); data != nil {
			files = append(files, origin.File{Path: name, Data: data})
		}
		if dir == "." || dir == "/" {
			return files
		}
	}
}

// filesRead gives the files of the app's repository that a render read, as far as they are small.
func filesRead(tree fs.FS, reads []render.Read) []origin.File {
	var files []origin.File
	left := originsRead
	for _, r := range reads {
		if r.Kind != render.ReadFile || r.Hash == "" || r.Source != "" && r.Source != sourceName {
			continue
		}
		data := fileOf(tree, r.Path)
		if left -= len(data); data == nil || left < 0 {
			continue
		}
		files = append(files, origin.File{Path: r.Path, Data: data})
	}
	return files
}
