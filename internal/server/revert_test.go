package server

import (
	"fmt"
	"testing"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/board"
)

// A commit says for each of its apps whether this person can have it taken back, and why not.
func TestWhoCanRevertACommit(t *testing.T) {
	known := fleet()
	for i := range maxRecords + 1 {
		o := app("many", "dev", v1alpha1.StateOK)
		o.Name = fmt.Sprintf("many-%02d", i)
		known.apps = append(known.apps, o)
	}
	gone := app("gone", "dev", v1alpha1.StateOK)
	c := config(known)
	c.Board.Put(&gone) // the board has not heard yet that it is gone
	c.Visitors = visitors{"lena": {name: "lena", sight: board.Sight{All: true}}}
	commit := known.apps[0].Status.History[0].Revision
	var answer struct{ Reverts []ChangeRevert }
	decode(t, do(t, New(c), call{method: "GET", path: apiPath + "/changes/" + commit, header: as("lena")}), &answer)
	reverts := map[string]Can{}
	for _, r := range answer.Reverts {
		reverts[r.ID] = r.Can
	}
	for id, want := range map[string]Can{
		"plumb-system/cart-dev":  {OK: true, Does: "takes " + commit + " of cart-dev back"},
		"plumb-system/gone-dev":  {Why: "the app is gone"},
		"plumb-system/wiki-prod": {Why: "it is looked at for the first 50 apps only; its own page tells"},
	} {
		if got := reverts[id]; got != want {
			t.Errorf("%s: %+v, want %+v", id, got, want)
		}
	}
	if len(reverts) != len(known.apps)+1 {
		t.Errorf("%d of %d apps are told", len(reverts), len(known.apps)+1)
	}
	c.Visitors = nil
	answer.Reverts = nil
	decode(t, do(t, New(c), call{method: "GET", path: apiPath + "/changes/" + commit, header: authorised()}), &answer)
	if got := answer.Reverts[0]; got.OK || got.Why == "" {
		t.Errorf("whoever has only the agent's token: %+v", got)
	}
}
