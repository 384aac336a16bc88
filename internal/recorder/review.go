package recorder

import (
	"context"
	"time"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/record"
)

const (
	// askFor is how long one question about reviews may take: the Entry is written after it, with or without an answer.
	askFor = 10 * time.Second
	// askPause is how long after a question without an answer it is asked again, doubling.
	askPause = 30 * time.Second
	// askTries is how often it is asked: about an hour in all. What is not known then stays unknown.
	askTries = 8
)

// Ask gives the pull requests that brought the commits of an Entry, with what their reviewers said. An error has it asked again
// later; nil without one is an answer.
type Ask func(ctx context.Context, e *v1alpha1.Entry) ([]v1alpha1.PullLine, error)

// question is an Entry that is written and whose pull requests are not known yet.
type question struct {
	draft Draft
	tries int
	at    time.Time // of the next try
}

// Asks has reviews asked for. It is called before Run.
func (r *Recorder) Asks(ask Ask) { r.ask = ask }

// review puts the pull requests into an Entry that is about to be written. Only one worker has an App in hand.
func (r *Recorder) review(ctx context.Context, f *file, d *Draft) {
	if r.ask == nil || d.Entry.Revision == nil {
		return
	}
	name := d.Entry.Name
	pulls, known := f.pulls[name]
	if q, open := f.questions[name]; !known && (!open || !time.Now().Before(q.at)) {
		pulls, known = r.question(ctx, f, *d)
	}
	if known {
		d.Entry = record.Reviewed(d.Entry, pulls)
	}
}

// question asks once. Without an answer it is asked again later.
func (r *Recorder) question(ctx context.Context, f *file, d Draft) (pulls []v1alpha1.PullLine, known bool) {
	name, uid := d.Entry.Name, d.Entry.AppUID
	q := f.questions[name]
	repo := d.Entry.Namespace + "/" + d.Entry.Labels[v1alpha1.LabelRepo]
	if silence := r.silence(repo); silence <= 0 {
		asking, cancel := context.WithTimeout(ctx, askFor)
		defer cancel()
		pulls, err := r.ask(asking, &d.Entry)
		if err == nil {
			f.answered(name, pulls)
			return pulls, true
		}
		q.tries++
		r.silent(repo, err)
	}
	q.draft = d
	pause := max(askPause<<min(max(q.tries-1, 0), 5), r.silence(repo))
	q.at = time.Now().Add(pause)
	if q.tries >= askTries {
		f.answered(name, nil)
		return nil, true
	}
	if f.questions == nil {
		f.questions = map[string]question{}
	}
	if _, open := f.questions[name]; open || len(f.questions) < draftsKept {
		f.questions[name] = q
		r.queue.AddAfter(uid, pause+time.Millisecond)
	}
	return nil, false
}

// silence is how long the forge of a Repo is not asked, because it has just given no answer: many Entries come together, and
// each would wait for it.
func (r *Recorder) silence(repo string) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Until(r.mute[repo])
}

func (r *Recorder) silent(repo string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mute == nil {
		r.mute = map[string]time.Time{}
	}
	if r.mute[repo].IsZero() {
		r.log.Info("who reviewed a commit is not known yet; it is asked again, and the record does not wait", "repo", repo, "error", err)
	}
	r.mute[repo] = time.Now().Add(askPause)
}

// answered notes what is known of an Entry's pull requests, of the newest Entries only.
func (f *file) answered(name string, pulls []v1alpha1.PullLine) {
	delete(f.questions, name)
	if f.pulls == nil || len(f.pulls) >= draftsKept {
		f.pulls = map[string][]v1alpha1.PullLine{}
	}
	f.pulls[name] = pulls
}

// reask asks again what had no answer, and writes the Entries that get one.
func (r *Recorder) reask(ctx context.Context, f *file) error {
	for name, q := range f.questions {
		if time.Now().Before(q.at) || f.there[name] != q.draft.Entry.Result {
			continue
		}
		pulls, known := r.question(ctx, f, q.draft)
		if !known || len(pulls) == 0 {
			continue
		}
		e := record.Reviewed(q.draft.Entry, pulls)
		if err := r.books.PutEntry(ctx, &e); err != nil {
			f.questions[name] = q
			return err
		}
	}
	return nil
}
