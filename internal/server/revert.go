package server

import (
	"context"
	"net/http"
	"strconv"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/report"
)

// Reverter is a person who may have changes taken back.
type Reverter interface {
	// CanRevert tells whether the person may have a commit's part of an app taken back now; if not, why.
	CanRevert(ctx context.Context, app *v1alpha1.App, commit string) Can
	// PreviewRevert shows what a revert of the newest change of an app would be: to a commit, or to the last revision that was ok.
	PreviewRevert(ctx context.Context, app *v1alpha1.App, to string) (RevertPreview, error)
}

// RevertPreview is a revert that is made, and not pushed: the one that plumb rollback makes.
type RevertPreview struct {
	From      string                `json:"from" doc:"The commit that is taken back"`
	To        string                `json:"to" doc:"The commit whose state of the app comes back"`
	Branch    string                `json:"branch" doc:"That the pull request is to be merged into"`
	Files     []string              `json:"files" doc:"What it changes in Git"`
	Conflicts []string              `json:"conflicts" doc:"Files in which the same lines were changed again since: people have to mend them"`
	Objects   []report.PublicObject `json:"objects" doc:"What it changes in the app as it is rendered. The cluster is not asked"`
	NotTold   string                `json:"notTold,omitempty" doc:"Why the objects are not told"`
}

// revertQuery asks for a preview.
type revertQuery struct {
	AppName
	To string `query:"to" pattern:"^([0-9a-f]{40})?$" doc:"The commit to go back to, in full; absent: the last revision that was ok"`
}

func (s *server) previewRevert(ctx context.Context, in *revertQuery) (RevertPreview, error) {
	app, found := s.Reader.App(in.Namespace, in.Name)
	if !found {
		return RevertPreview{}, noSuchApp()
	}
	who, ok := asker(ctx).(Reverter)
	if !ok {
		return RevertPreview{}, &Refusal{*fault.New(fault.Unsupported, "nothing is reverted through this agent").WithNext("plumb rollback does it with your own Git"), http.StatusConflict}
	}
	out, err := who.PreviewRevert(ctx, &app, in.To)
	out.Files, out.Conflicts, out.Objects = orNone(out.Files), orNone(out.Conflicts), orNone(out.Objects)
	return out, err
}

// ChangeRevert is whether one app's part of a commit can be taken back by the person who asks.
type ChangeRevert struct {
	ID string `json:"id" doc:"<namespace>/<name> of the App object"`
	Can
}

// reverts adds to a change for which of its apps the person can have it taken back.
func (s *server) reverts(ctx context.Context, out *OneChange) {
	out.Reverts = []ChangeRevert{}
	who, ok := asker(ctx).(Reverter)
	asked := 0
	for _, t := range out.Targets {
		app, found := s.Reader.App(namespaceAndName(t.ID))
		can := Can{Why: "nothing is reverted through this agent"}
		switch {
		case !found:
			can.Why = "the app is gone"
		case ok && asked == maxRecords:
			can.Why = "it is looked at for the first " + strconv.Itoa(maxRecords) + " apps only; its own page tells"
		case ok:
			asked++
			can = who.CanRevert(ctx, &app, out.ID)
		}
		out.Reverts = append(out.Reverts, ChangeRevert{t.ID, can})
	}
}
