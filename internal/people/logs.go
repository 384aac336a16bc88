package people

import (
	"bufio"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/cluster"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/redact"
	"plumb.dev/plumb/internal/server"
)

// Limits of logs.
const (
	streamsAtMost = 100              // streams of everybody together
	streamsEach   = 6                // streams of one person
	streamFor     = 30 * time.Minute // then the page asks anew
	podsAtMost    = 10
	linesAtMost   = 5000
	lineShown     = 8 << 10  // bytes of one line
	lineRead      = 16 << 10 // bytes of it that are looked through; at their end, what may be the beginning of a value is hidden
	secretsAtMost = 100      // Secrets of a pod whose values are looked for; the log of one with more is not shown
)

// recheckEvery is how often it is asked again whether a stream may go on.
const recheckEvery = 30 * time.Second

// logs reads what the containers of an app's pods say, and gives each line to emit, one at a time, until all is said, ctx ends,
// emit fails, or the person may not read on. Values of Secrets that Git has, and of those that the pod reads and this person may
// read, are taken out.
func (p *Person) logs(ctx context.Context, app *v1alpha1.App, q server.LogQuery, still func() error, emit func(server.LogLine) error) error {
	release, err := p.stream()
	if err != nil {
		return err
	}
	defer release()
	ctx, cancel := context.WithTimeout(ctx, streamFor)
	defer cancel()
	said, err := p.said(ctx, app, q)
	if err != nil {
		return err
	}
	lines := make(chan server.LogLine)
	var readers errgroup.Group
	for _, one := range said {
		readers.Go(func() error { return p.follow(ctx, one, q, lines) })
	}
	done := make(chan error, 1)
	go func() {
		done <- readers.Wait()
		close(lines)
	}()
	err = p.pass(ctx, lines, emit, func() error {
		if err := still(); err != nil {
			return err
		}
		return p.need(ctx, rightsOf(app, said)...)
	})
	cancel() // the readers end
	for range lines {
	}
	if err != nil {
		return err
	}
	if err := <-done; !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// pass gives lines on, and asks again now and then whether it may.
func (p *Person) pass(ctx context.Context, lines <-chan server.LogLine, emit func(server.LogLine) error, may func() error) error {
	recheck := time.NewTicker(recheckEvery)
	defer recheck.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-recheck.C:
			if err := may(); err != nil {
				return err
			}
		case line, more := <-lines:
			if !more {
				return nil
			}
			if err := emit(line); err != nil {
				return err
			}
		}
	}
}

// rightsOf are the rights that the logs of containers are read with.
func rightsOf(app *v1alpha1.App, said []container) []Right {
	rights := []Right{{Verb: "list", Group: v1alpha1.GroupVersion.Group, Resource: "apps", Namespace: app.Namespace}}
	for _, c := range said {
		right := Right{Verb: "get", Resource: "pods", Subresource: "log", Namespace: c.pod.Namespace}
		if !slices.Contains(rights, right) {
			rights = append(rights, right)
		}
	}
	return rights
}

// stream takes one of the streams that the person may have at once, however often they are logged in.
func (p *Person) stream() (release func(), err error) {
	return p.people.streams.take(p.how + " " + p.name)
}

// streams counts those that are open, by person.
type streams struct {
	mu    sync.Mutex
	total int
	of    map[string]int
}

// take takes a place; release gives it back.
func (s *streams) take(person string) (release func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.of[person] >= streamsEach:
		return nil, errTooMany("streams of one person")
	case s.total >= streamsAtMost:
		return nil, errTooMany("streams")
	}
	if s.of == nil {
		s.of = map[string]int{}
	}
	s.total++
	s.of[person]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.total--
		if s.of[person]--; s.of[person] == 0 {
			delete(s.of, person)
		}
	}, nil
}

// container is one container whose log is read.
type container struct {
	pod  object.ID
	name string
	hide redact.Filter
}

// said gives the containers that are asked for.
func (p *Person) said(ctx context.Context, app *v1alpha1.App, q server.LogQuery) ([]container, error) {
	ctx, cancel := context.WithTimeout(ctx, lookFor)
	defer cancel()
	pods, err := p.podsOf(ctx, app, q)
	if err != nil {
		return nil, err
	}
	desired, _ := p.people.options.Agent.Desired(ctx, app.Namespace, app.Name)
	known := redact.Needles(desired.Objects...)
	var all []container
	for _, pod := range pods {
		id := pod.ID()
		if err := p.need(ctx, Right{Verb: "get", Resource: "pods", Subresource: "log", Namespace: id.Namespace}); err != nil {
			return nil, err
		}
		read, err := p.readBy(ctx, pod)
		if err != nil {
			return nil, err
		}
		hide := redact.NewFilter(slices.Concat(known, read)...)
		for _, name := range containersOf(pod) {
			if q.Container == "" || q.Container == name {
				all = append(all, container{pod: id, name: name, hide: hide})
			}
		}
	}
	if len(all) == 0 {
		return nil, fault.New(fault.PathNotFound, "%s/%s has no such container", app.Namespace, app.Name).WithNext("the resources of the app list its pods")
	}
	return all[:min(len(all), 2*podsAtMost)], nil
}

// podsOf gives the pod that is asked for, if it is one of the app's, or all of the app's.
func (p *Person) podsOf(ctx context.Context, app *v1alpha1.App, q server.LogQuery) ([]object.Object, error) {
	t, err := p.tree(ctx, app, true)
	if err != nil {
		return nil, err
	}
	var pods []object.Object
	why := ""
	for _, n := range t.nodes {
		if n.Kind != "Pod" || n.Group != "" {
			continue
		}
		if n.Hidden != "" {
			why = n.Hidden
			continue
		}
		if q.Pod != "" && n.Name != q.Pod || q.Namespace != "" && n.Namespace != q.Namespace || len(pods) == podsAtMost {
			continue
		}
		id := object.ID{Kind: "Pod", Namespace: n.Namespace, Name: n.Name}
		if err := p.need(ctx, Right{Verb: "get", Resource: "pods", Namespace: n.Namespace}); err != nil {
			return nil, err
		}
		pod, _, err := p.eyes.Get(ctx, id, "v1")
		if err != nil && !cluster.IsGone(err) {
			return nil, err
		}
		if err == nil {
			pods = append(pods, pod)
		}
	}
	if len(pods) == 0 && why != "" {
		return nil, mayNot(Verdict{Why: why})
	}
	if len(pods) == 0 {
		return nil, fault.New(fault.PathNotFound, "%s/%s has no such pod", app.Namespace, app.Name).WithNext("the resources of the app list its pods")
	}
	return pods, nil
}

func containersOf(pod object.Object) []string {
	var names []string
	spec, _ := pod.Fields["spec"].(map[string]any)
	for _, list := range []string{"initContainers", "containers"} {
		entries, _ := spec[list].([]any)
		for _, entry := range entries {
			if c, ok := entry.(map[string]any); ok {
				names = append(names, text(c, "name"))
			}
		}
	}
	return names
}

// readBy gives the values of the Secrets that a pod reads, of those that the person may read: a program may write them into
// its log. Where that cannot be found out, the log is not shown.
func (p *Person) readBy(ctx context.Context, pod object.Object) ([]redact.Secret, error) {
	names := secretsIn(pod.Fields["spec"])
	if len(names) > secretsAtMost {
		return nil, fault.New(fault.Unsupported, "the log of %s is not shown: it reads %d Secrets, whose values it may hold, and those of %d are looked for", pod.ID(), len(names), secretsAtMost).
			WithNext("kubectl logs shows it")
	}
	var hidden []redact.Secret
	for _, name := range names {
		verdicts, err := p.may(ctx, Right{Verb: "get", Resource: "secrets", Namespace: pod.Namespace(), Name: name})
		if err != nil {
			return nil, err
		}
		if !verdicts[0].OK {
			continue
		}
		live, _, err := p.eyes.Get(ctx, object.ID{Kind: "Secret", Namespace: pod.Namespace(), Name: name}, "v1")
		switch {
		case err == nil:
			hidden = append(hidden, redact.Needles(live)...)
		case !cluster.IsGone(err):
			return nil, err
		}
	}
	return hidden, nil
}

// secretsIn names the Secrets that a pod's spec names, wherever it does.
func secretsIn(spec any) []string {
	var names []string
	var walk func(key string, v any)
	walk = func(key string, v any) {
		switch v := v.(type) {
		case map[string]any:
			if key == "secretKeyRef" || key == "secretRef" || key == "secret" {
				for _, name := range []string{text(v, "name"), text(v, "secretName")} {
					if name != "" && !slices.Contains(names, name) {
						names = append(names, name)
					}
				}
			}
			for k, inner := range v {
				walk(k, inner)
			}
		case []any:
			for _, inner := range v {
				walk(key, inner)
			}
		}
	}
	walk("", spec)
	slices.Sort(names)
	return names
}

// follow reads one container.
func (p *Person) follow(ctx context.Context, c container, q server.LogQuery, lines chan<- server.LogLine) error {
	from, err := p.eyes.Log(ctx, c.pod, cluster.LogOptions{Container: c.name, Lines: int64(min(max(q.Tail, 0), linesAtMost)), Follow: q.Follow})
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		note := server.LogLine{Pod: c.pod.Name, Container: c.name, Text: "‹" + cut(fault.Of(err, fault.Unreachable).Message, maxMessage) + "›"}
		return send(ctx, lines, note) // one that waits to start does not keep the others silent
	}
	defer from.Close()
	defer context.AfterFunc(ctx, func() { _ = from.Close() })()
	reader := bufio.NewReaderSize(from, lineRead)
	for {
		raw, whole, err := readLine(reader)
		if raw != "" {
			if serr := send(ctx, lines, c.line(raw, whole)); serr != nil {
				return serr
			}
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fault.New(fault.Unreachable, "the log of %s broke off: %w", c.pod, err).WithNext("ask again")
		}
	}
}

func send(ctx context.Context, lines chan<- server.LogLine, line server.LogLine) error {
	select {
	case lines <- line:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// readLine reads a line; of one that is too long, or that breaks off, the beginning: then it is not whole.
func readLine(r *bufio.Reader) (line string, whole bool, err error) {
	raw, err := r.ReadSlice('\n')
	line, whole = string(raw), err == nil
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = r.ReadSlice('\n')
	}
	return strings.TrimRight(line, "\r\n"), whole, err
}

// line takes the time from the front of what the API server gives, and the values of Secrets out of the rest.
func (c container) line(raw string, whole bool) server.LogLine {
	line := server.LogLine{Pod: c.pod.Name, Container: c.name, Text: raw}
	if stamp, rest, ok := strings.Cut(raw, " "); ok {
		if at, err := time.Parse(time.RFC3339Nano, stamp); err == nil {
			line.Time, line.Text = at, rest
		}
	}
	if whole {
		line.Text = c.hide.Text(line.Text)
	} else {
		line.Text = c.hide.Beginning(line.Text)
	}
	if len(line.Text) > lineShown {
		line.Text = line.Text[:lineShown] + "…"
	}
	line.Text = strings.ToValidUTF8(line.Text, "�")
	return line
}
