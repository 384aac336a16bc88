package review

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"plumb.dev/plumb/internal/diff"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/forge"
	"plumb.dev/plumb/internal/report"
	"plumb.dev/plumb/internal/source"
)

// arrived tells whether what a pull request brought to the branch is what its plan showed, as a status on the commit that
// brought it; if it is not, a comment on the pull request says where. Merges of others in between make no difference: compared
// is what the request changes of its own.
func (w *work) arrived(ctx context.Context) error {
	reviewed, planned := w.Plan(w.repo, w.pull.Number)
	if !planned || reviewed.Pending != "" || w.pull.Merged == "" {
		return nil // nobody was shown anything
	}
	differing, err := w.unlike(ctx, reviewed)
	if fault.Is(err, fault.RevisionNotFound) {
		w.log.Warn("what a pull request brought cannot be compared with what was reviewed", "repo", w.repo, "pull", w.pull.Number, "revision", w.pull.Merged, "error", err)
		return nil // the branch was rewritten since
	}
	if err != nil {
		return err
	}
	if err := w.at.Forge.SetStatus(ctx, w.pull.Merged, arrivalStatus(w.at.Context, w.pull.Number, differing)); err != nil {
		return err
	}
	if len(differing) == 0 {
		return nil
	}
	w.log.Warn("what was merged is not what was reviewed", "repo", w.repo, "pull", w.pull.Number, "revision", w.pull.Merged, "apps", differing)
	_, err = w.at.Forge.Say(ctx, w.pull.Number, forge.Note{
		Mark: report.PullMark(w.at.Context + ":" + w.repo + ":merged"),
		Text: report.PullArrival(w.pull.Merged, reviewed.Head, differing),
	})
	return err
}

// arrivalStatus is the status on the commit that brought a pull request.
func arrivalStatus(name string, number int, differing []string) forge.Status {
	s := forge.Status{Context: name + "/plan", State: forge.Success, Description: fmt.Sprintf("as reviewed in pull request %d", number), Pull: number}
	if len(differing) > 0 {
		s.State = forge.Failure
		s.Description = fmt.Sprintf("not as reviewed in pull request %d: %s", number, strings.Join(differing, ", "))
	}
	s.Detail = &forge.Detail{Title: s.Description} // of the same kind as the plan's: a fast-forward brings the very head
	return s
}

// unlike lists the apps for which the branch got something else than the plan showed.
func (w *work) unlike(ctx context.Context, reviewed report.PullPlan) ([]string, error) {
	m := w.at.Mirror
	if err := m.Fetch(ctx, source.Head{Commit: w.pull.Merged, Kind: source.Exact}); err != nil {
		return nil, err
	}
	befores, err := w.befores(ctx, reviewed)
	if err != nil {
		return nil, err
	}
	var least []string
	for i, before := range befores {
		digests, err := w.digests(ctx, before)
		if err != nil {
			return nil, err
		}
		if differing := unlike(reviewed.Apps, digests); i == 0 || len(differing) < len(least) {
			least = differing
		}
		if len(least) == 0 {
			break
		}
	}
	return least, nil
}

// befores lists where the branch may have stood before the pull request came: at the first parent of what brought it (a merge,
// or one commit made of all), or as many commits back as the request has (they were rebased one by one).
func (w *work) befores(ctx context.Context, reviewed report.PullPlan) ([]string, error) {
	const most = 250 // commits of a request; no forge rebases more
	m := w.at.Mirror
	merged, err := m.Commit(ctx, w.pull.Merged)
	if err != nil {
		return nil, err
	}
	if len(merged.Parents) == 0 {
		return nil, fault.New(fault.RevisionNotFound, "%.7s has no commit before it", merged.ID)
	}
	befores := []string{merged.Parents[0]}
	if len(merged.Parents) > 1 {
		return befores, nil
	}
	own, err := m.Log(ctx, reviewed.MergeBase, reviewed.Head, most)
	if fault.Is(err, fault.RevisionNotFound) {
		return befores, nil // the head was forgotten
	}
	if err != nil || len(own) < 2 {
		return befores, err
	}
	at := merged
	for range own {
		if len(at.Parents) != 1 {
			return befores, nil
		}
		if at, err = m.Commit(ctx, at.Parents[0]); err != nil {
			return nil, err
		}
	}
	return append(befores, at.ID), nil
}

// digests gives, by address, the digest of what the branch got for each app that differs between a commit and what was merged.
func (w *work) digests(ctx context.Context, before string) (map[string]string, error) {
	p := &planning{work: w, applied: map[string]*commit{}}
	was, err := p.commit(ctx, before, nil)
	if err != nil {
		return nil, err
	}
	is, err := p.commit(ctx, w.pull.Merged, was)
	if err != nil {
		return nil, err
	}
	p.tip, p.base, p.head = was, was, is
	affected, err := p.affected(ctx, p.candidates(was, is), was, is)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, c := range affected {
		app, err := p.rendered(ctx, c, was, is)
		if err != nil {
			return nil, err
		}
		out[app.Address] = app.Digest
	}
	return out, nil
}

// unlike lists the addresses whose digests differ. An app that only one of the two has is compared with no change at all.
func unlike(reviewed []report.PullApp, got map[string]string) []string {
	nothing := diff.Digest(nil, nil)
	of := func(digests map[string]string, address string) string {
		if digest, ok := digests[address]; ok {
			return digest
		}
		return nothing
	}
	shown := map[string]string{}
	for _, app := range reviewed {
		shown[app.Address] = app.Digest
	}
	addresses := map[string]bool{}
	for address := range shown {
		addresses[address] = true
	}
	for address := range got {
		addresses[address] = true
	}
	maps.DeleteFunc(addresses, func(address string, _ bool) bool { return of(shown, address) == of(got, address) })
	return slices.Sorted(maps.Keys(addresses))
}
