package review

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/forge"
	"plumb.dev/plumb/internal/report"
	"plumb.dev/plumb/internal/source"
)

// errNewer says that a pull request got a newer head while its plan was made.
var errNewer = errors.New("the pull request has a newer head")

// peekPause is the least time between two looks at a pull request whose plan is being made, longestPeekPause the most after looks that
// failed.
const peekPause, longestPeekPause = time.Second, time.Minute

// one does what is to be done about one pull request: it is read again, and what is new is said.
func (r *Reviewer) one(ctx context.Context, repo string, at *Desk, number int) error {
	pull, err := at.Forge.Pull(ctx, number)
	if f := fault.Of(err, fault.ForgeFailed); f != nil && f.Code == forge.CodeMissing {
		return r.closed(ctx, repo, at, forge.Pull{Number: number}) // a hint can name anything
	}
	if err != nil {
		return err
	}
	if err := r.look(ctx, repo, at, pull); err != nil {
		return &unsaid{pull.Head.Commit, err}
	}
	return nil
}

// unsaid is why something about a head could not be said.
type unsaid struct {
	head string
	error
}

func (u *unsaid) Unwrap() error { return u.error }

// look does what is to be done about a pull request as it is now.
func (r *Reviewer) look(ctx context.Context, repo string, at *Desk, pull forge.Pull) error {
	number := pull.Number
	if pull.State == forge.Merged && pull.Base.Name == at.Branch && r.remembered(repo, number) != (said{}) {
		w := &work{Reviewer: r, repo: repo, at: at, pull: pull}
		if err := w.arrived(ctx); err != nil {
			return err
		}
	}
	if pull.State != forge.Open || pull.Base.Name != at.Branch {
		return r.closed(ctx, repo, at, pull)
	}
	before := r.remembered(repo, number)
	if before.Head != pull.Head.Commit {
		if err := r.leave(ctx, repo, at, number, fmt.Sprintf("a newer head took its place: %.7s", pull.Head.Commit)); err != nil {
			return err
		}
	}
	if before.planned(pull, at) {
		same, err := before.sameApproval(ctx, at.Forge, pull)
		if same || err != nil {
			return err
		}
	}
	now := said{Head: pull.Head.Commit}
	if now.Head == before.Head {
		now.State, now.Text, now.Asked = before.State, before.Text, before.Asked
	}
	now.Comment = before.Comment
	w := &work{Reviewer: r, repo: repo, at: at, pull: pull, said: now, begun: time.Now()}
	if pull.Fork && !now.Asked {
		var err error
		if w.said.Asked, err = asked(ctx, at.Forge, pull); err != nil {
			return err
		}
	}
	if pull.Fork && !w.said.Asked {
		w.keep(w.unasked())
		return w.status(ctx, forge.Pending, "from a fork, not rendered; who may push comments: "+consentLine(pull.Head.Commit))
	}
	return w.review(ctx)
}

// work is one pull request in work.
type work struct {
	*Reviewer
	repo string
	at   *Desk
	pull forge.Pull
	said said

	begun  time.Time
	detail *forge.Detail // of the plan
}

// review makes the plan and says it. A newer head ends it.
func (w *work) review(ctx context.Context) error {
	if w.said.State == "" {
		if err := w.status(ctx, forge.Pending, "the plan is being made"); err != nil {
			return err
		}
	}
	planning, end := context.WithTimeout(ctx, planFor)
	defer end()
	planning, cancel := context.WithCancelCause(planning)
	defer cancel(nil)
	done := w.watch(planning, cancel)
	plan, err := w.plan(planning)
	newer := errors.Is(context.Cause(planning), errNewer)
	cancel(nil)
	<-done
	switch {
	case newer:
		return errNewer
	case err != nil && ctx.Err() == nil:
		f := fault.Of(err, fault.FetchFailed)
		_ = w.status(ctx, forge.Pending, "there is no plan yet: "+f.Message) // the cause is told, whatever becomes of this
		return err
	case err != nil:
		return err
	}
	return w.say(ctx, plan)
}

// watch looks at the pull request when a hint comes while it is in work, and ends the plan if the head is another.
func (w *work) watch(ctx context.Context, cancel context.CancelCauseFunc) (done chan struct{}) {
	w.mu.Lock()
	nudged := w.desk(w.repo).nudged
	w.mu.Unlock()
	done = make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-ctx.Done():
				return
			case <-nudged:
			}
			if w.moved(ctx) {
				cancel(errNewer)
				return
			}
		}
	}()
	return done
}

// moved looks whether the pull request has another head. A look that fails is made again, later and later. Looks are at least
// peekPause apart.
func (w *work) moved(ctx context.Context) bool {
	for pause := peekPause; ; pause = min(2*pause, longestPeekPause) {
		now, err := w.at.Forge.Pull(ctx, w.pull.Number)
		if err == nil && now.Head.Commit != w.pull.Head.Commit {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(pause):
		}
		if err == nil {
			return false
		}
	}
}

// status sets the commit status, unless it stands there, and remembers it.
func (w *work) status(ctx context.Context, state forge.State, text string) error {
	if w.said.State != state || w.said.Text != text {
		err := w.at.Forge.SetStatus(ctx, w.pull.Head.Commit, forge.Status{
			Context: w.at.Context + "/plan", State: state, Description: text, URL: w.page(), Pull: w.pull.Number, Detail: cmp.Or(w.detail, &forge.Detail{}),
		})
		if err != nil {
			return err
		}
	}
	w.said.State, w.said.Text = state, text
	w.note()
	return nil
}

func (w *work) note() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.book.note(w.repo, w.pull.Number, w.said); err != nil {
		w.log.Warn("what was said of a pull request is not kept: the next start says it again", "repo", w.repo, "pull", w.pull.Number, "error", err)
	}
}

// page gives the address of the whole plan; "" if there is none, or nobody knows where the agent is reached.
func (w *work) page() string {
	if w.hands.Page == "" || !w.plans.Has(planFile(w.repo, w.pull.Number)) {
		return ""
	}
	return fmt.Sprintf("%s/pr/%s/%d", strings.TrimSuffix(w.hands.Page, "/"), w.repo, w.pull.Number)
}

func (r *Reviewer) remembered(repo string, number int) said {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.book.of(repo).Pulls[number]
}

// leave ends the status of the head that was looked at last, if it is pending: nobody looks at that commit any more.
func (r *Reviewer) leave(ctx context.Context, repo string, at *Desk, number int, why string) error {
	before := r.remembered(repo, number)
	if before.State != forge.Pending {
		return nil
	}
	err := at.Forge.SetStatus(ctx, before.Head, forge.Status{
		Context: at.Context + "/plan", State: forge.Canceled, Description: why, Pull: number, Detail: &forge.Detail{},
	})
	if f := fault.Of(err, fault.ForgeFailed); f != nil && (f.Code == forge.CodeMissing || f.Code == forge.CodeInvalid) {
		return nil // the forge has forgotten that commit
	}
	return err
}

// closed forgets a pull request that is not open any more.
func (r *Reviewer) closed(ctx context.Context, repo string, at *Desk, pull forge.Pull) error {
	number := pull.Number
	before := r.remembered(repo, number)
	if before == (said{}) {
		return nil
	}
	if before.Head != pull.Merged { // that says whether it is as reviewed
		if err := r.leave(ctx, repo, at, number, "the pull request is open no more"); err != nil {
			return err
		}
	}
	r.plans.Remove(planFile(repo, number))
	r.shown(repo, number, nil)
	if err := at.Mirror.Drop(ctx, headOf(at.Kind, number, "")); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.book.drop(repo, number)
}

// headOf is where a forge keeps the head of a pull request, also one from a fork.
func headOf(kind forge.Kind, number int, commit string) source.Head {
	ref := fmt.Sprintf("refs/pull/%d/head", number)
	if kind == forge.GitLab {
		ref = fmt.Sprintf("refs/merge-requests/%d/head", number)
	}
	return source.Head{Ref: ref, Commit: commit, Kind: source.Ref}
}

// unasked is what is shown of a fork's pull request that nobody has asked for: that it waits, and for which words.
func (w *work) unasked() *report.PullPlan {
	return &report.PullPlan{
		Repo: w.repo, Number: w.pull.Number, Title: w.pull.Title, Author: w.pull.Author, Link: w.pull.URL, Branch: w.at.Branch,
		Head: w.pull.Head.Commit, Tip: w.at.Tip,
		Pending: "from a fork: it is rendered when somebody who may push asks for it", Consent: consentLine(w.pull.Head.Commit),
	}
}

// consentLine is the comment that has the head of a fork rendered.
func consentLine(commit string) string { return "/plumb plan " + commit }

// asked tells whether somebody who may push asked for the head of a fork, by a comment with the whole commit: one who reads a
// shorter name may have seen another commit.
func asked(ctx context.Context, f forge.Talk, pull forge.Pull) (bool, error) {
	comments, err := f.Comments(ctx, pull.Number)
	if err != nil {
		return false, err
	}
	rights := map[string]forge.Right{}
	for _, c := range comments {
		if !asksFor(c.Body, pull.Head.Commit) {
			continue
		}
		right, known := rights[c.Author]
		if !known {
			if right, err = f.Right(ctx, c.Author); err != nil {
				return false, err
			}
			rights[c.Author] = right
		}
		if right >= forge.Write {
			return true, nil
		}
	}
	return false, nil
}

// asksFor tells whether a line of a comment asks for a commit.
func asksFor(body, commit string) bool {
	for line := range strings.Lines(body) {
		if commit != "" && strings.TrimSpace(line) == consentLine(commit) {
			return true
		}
	}
	return false
}
