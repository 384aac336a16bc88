package plan_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
)

// TestAPictureTravels: a Picture that is sent to another process gives the same Plan there.
func TestAPictureTravels(t *testing.T) {
	in := input(stays, configMap("new"))
	have(&in, stays, configMap("old"), manifest("v1", "Namespace", "", "old"))
	absent(&in, configMap("new"))
	in.Picture.Presumed = map[object.ID]bool{configMap("new").ID(): true}
	in.Picture.Wanted = map[object.ID]plan.Claim{configMap("old").ID(): {App: "plumb-system/cart-dev", UID: other.UID}}
	in.Picture.GivenUp = map[object.ID]string{stays.ID(): other.UID}
	in.Picture.Undecided = map[string]string{"u": "plumb-system/third"}
	in.Picture.Failing = []plan.Failing{{App: "plumb-system/fourth", Reason: fault.RenderTimeout, Inputs: plan.Changed}}
	in.Picture.EmptyNamespaces = map[string]bool{"old": true}
	in.Picture.UnknownKinds = map[string]bool{"example.com/Widget": true}

	data, err := json.Marshal(in.Picture)
	if err != nil {
		t.Fatal(err)
	}
	var back plan.Picture
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(in.Picture, back, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	again, _ := json.Marshal(back)
	if !bytes.Equal(data, again) {
		t.Errorf("the bytes differ:\n%s\n%s", data, again)
	}
	made := plan.Make(in)
	in.Picture = back
	if diff := cmp.Diff(made, plan.Make(in)); diff != "" {
		t.Error(diff)
	}
}

func TestAPictureWithoutAppsStaysSo(t *testing.T) {
	data, err := json.Marshal(plan.Picture{Version: plan.Version})
	if err != nil {
		t.Fatal(err)
	}
	var back plan.Picture
	if err := json.Unmarshal(data, &back); err != nil || back.LivingApps != nil {
		t.Errorf("Apps that could not be listed became none: %v %v", err, back.LivingApps)
	}
	if err := json.Unmarshal([]byte(`{"version": 99}`), &back); err == nil {
		t.Error("a picture of another version is read")
	}
}
