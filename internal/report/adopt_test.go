package report

import (
	"strings"
	"testing"

	"plumb.dev/plumb/internal/diff"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
)

// TestAdoption: whose objects are, what changes, what stands against it, and parts that add up.
func TestAdoption(t *testing.T) {
	const argo = "Argo CD application shop"
	of := func(kind, name, from string) AdoptedObject {
		return AdoptedObject{ObjectDiff: ObjectDiff{Change: ObjectMoved, Object: object.ID{Kind: kind, Namespace: "web", Name: name}}, From: from}
	}
	web := of("Deployment", "web", argo)
	web.Restarts, web.Notes = true, []string{"rolling restart of 2 pods"}
	web.Fields = []diff.FieldChange{{Field: "spec.template.spec.containers[name=web].image", Kind: diff.Changed, From: "web:1", To: "web:2"}}
	refused := of("Job", "migrate", "")
	refused.Change, refused.Notes = ObjectRefused, []string{"it belongs to App plumb-system/other"}
	a := Adoption{
		Address: "web/prod", Commit: "9f31c2a000", Objects: []AdoptedObject{web, of("Service", "web", argo), of("ConfigMap", "a", argo), refused}, Others: 2,
		Tools: []OtherTool{
			{Name: argo, Seen: true, Holds: []plan.ToolHold{{Message: "it syncs by itself", Command: "kubectl patch x"}, {Message: "a sync of it is running"}}},
			{Name: "Flux Kustomization flux-system/apps", Why: "it is not in this cluster"},
		},
		Releases: []HelmRelease{{Name: "web/shop", Forget: "kubectl delete secret"}},
	}
	want := `web/prod  3 objects to take over, as of 9f31c2a
  Argo CD application shop
    > Deployment/web/web  rolling restart of 2 pods
        spec.template.spec.containers[name=web].image
          - web:1
          + web:2
    > 2 objects of which nothing changes but whose they are
  Flux Kustomization flux-system/apps
    ! Job/web/migrate  it belongs to App plumb-system/other
  ✕ Argo CD application shop does not let go: it syncs by itself
      kubectl patch x
  ✕ Argo CD application shop does not let go: a sync of it is running
  ! whether Flux Kustomization flux-system/apps lets go is not known: it is not in this cluster. Where it lives, let it neither sync nor delete (docs: cli.md, import)
  ! Helm still knows the release web/shop: helm uninstall would delete its objects. Let Helm forget it afterwards:
      kubectl delete secret
Summary: 3 taken over, 1 of them changed, 1 with a restart of pods, 0 deleted, 1 refused.`
	if got := strings.Join(Style{}.Adoption(a, false), "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := strings.Join(Style{}.Adoption(a, true), "\n"); !strings.Contains(got, "> Service/web/web") || strings.Contains(got, "nothing changes") {
		t.Errorf("all of it is\n%s", got)
	}
	if got := (Style{}).Adoption(Adoption{Address: "web", Others: 3}, false); !strings.Contains(got[len(got)-1], "Nothing to take over") {
		t.Errorf("of nothing it says %q", got)
	}
}
