package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
)

// metaOf is the metadata of a live object, written by a field manager.
func metaOf(manager, operation string, labels, annotations map[string]string) *metav1.ObjectMeta {
	fields := `{"f:data":{"f:a":{}},"f:metadata":{"f:labels":{"f:app.kubernetes.io/instance":{}}}}`
	return &metav1.ObjectMeta{
		Namespace: "web-dev", Name: "a", UID: "x", Labels: labels, Annotations: annotations,
		ManagedFields: []metav1.ManagedFieldsEntry{{
			Manager: manager, Operation: metav1.ManagedFieldsOperationType(operation), APIVersion: "v1", FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(fields),
		}},
	}
}

// TestToolOn: which marks say that an object belongs to another delivery tool.
func TestToolOn(t *testing.T) {
	type pairs = map[string]string
	const tracking = "argocd.argoproj.io/tracking-id"
	cm := configMap("a")
	for _, row := range []struct {
		reason string
		git    object.Object
		live   *metav1.ObjectMeta
		want   string
	}{
		{"nobody's", cm, metaOf("kubectl-create", "Update", nil, nil), ""},
		{"Argo CD's annotation", cm, metaOf("argocd-controller", "Update", nil, pairs{tracking: "guestbook:/ConfigMap:web-dev/a"}), "Argo CD application guestbook"},
		{"of an application in another namespace than Argo CD's", cm, metaOf("argocd-controller", "Apply", nil, pairs{tracking: "team-a_guestbook:/ConfigMap:web-dev/a"}), "Argo CD application team-a/guestbook"},
		{"whoever wrote it", cm, metaOf("kubectl-client-side-apply", "Update", nil, pairs{tracking: "guestbook:/ConfigMap:web-dev/a"}), "Argo CD application guestbook"},
		{"an annotation that names another object was copied by a controller", cm, metaOf("cert-manager", "Update", nil, pairs{tracking: "guestbook:cert-manager.io/Certificate:web-dev/a"}), ""},
		{"or by a person", cm, metaOf("kubectl-create", "Update", nil, pairs{tracking: "guestbook:/ConfigMap:web-dev/b"}), ""},
		{"an annotation of no form", cm, metaOf("kubectl-create", "Update", nil, pairs{tracking: "guestbook"}), ""},
		{"Argo CD's own label", cm, metaOf("kubectl-create", "Update", pairs{"argocd.argoproj.io/instance": "guestbook"}, nil), "Argo CD application guestbook"},
		{"a label that charts set", cm, metaOf("helm", "Update", pairs{"app.kubernetes.io/instance": "guestbook"}, nil), ""},
		{"that label, written by Argo CD", cm, metaOf("argocd-controller", "Update", pairs{"app.kubernetes.io/instance": "guestbook"}, nil), "Argo CD application guestbook"},
		{"Flux's kustomization", cm, metaOf("kustomize-controller", "Apply", pairs{"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}, nil), "Flux Kustomization flux-system/apps"},
		{"Flux's release", cm, metaOf("helm-controller", "Update", pairs{"helm.toolkit.fluxcd.io/name": "web", "helm.toolkit.fluxcd.io/namespace": "web-dev"}, nil), "Flux HelmRelease web-dev/web"},
		{"a mark that Git has proves nothing", configMap("a", annotated(tracking, "guestbook:/ConfigMap:web-dev/a")),
			metaOf("kubectl-client-side-apply", "Update", nil, pairs{tracking: "guestbook:/ConfigMap:web-dev/a"}), ""},
		{"unless the tool has written on the object", configMap("a", annotated(tracking, "guestbook:/ConfigMap:web-dev/a")),
			metaOf("argocd-controller", "Update", nil, pairs{tracking: "guestbook:/ConfigMap:web-dev/a"}), "Argo CD application guestbook"},
		{"another value than Git's is not Git's", configMap("a", annotated(tracking, "other:/ConfigMap:web-dev/a")),
			metaOf("kubectl-client-side-apply", "Update", nil, pairs{tracking: "guestbook:/ConfigMap:web-dev/a"}), "Argo CD application guestbook"},
	} {
		got := ""
		if tool := plan.ToolOn(plan.LiveOf(cm.ID(), row.live, "plumb:plumb-system/web-dev"), row.git); tool != nil {
			got = tool.String()
		}
		if got != row.want {
			t.Errorf("%s: %q, want %q", row.reason, got, row.want)
		}
	}
}

// TestTrackingOfClusterScoped: Argo CD writes a namespace into the mark of an object that has none.
func TestTrackingOfClusterScoped(t *testing.T) {
	role := manifest("rbac.authorization.k8s.io/v1", "ClusterRole", "", "reader")
	live := plan.LiveOf(role.ID(), &metav1.ObjectMeta{Name: "reader", Annotations: map[string]string{
		"argocd.argoproj.io/tracking-id": "guestbook:rbac.authorization.k8s.io/ClusterRole:web-dev/reader",
	}}, "")
	if tool := plan.ToolOn(live, role); tool == nil || tool.String() != "Argo CD application guestbook" {
		t.Errorf("it is of %v", tool)
	}
}

// TestAnotherToolsObjectIsRefused: with the command that takes it over, by the app's own address, while the rest goes on;
// with consent it is taken, and what the tool had on it is known.
func TestAnotherToolsObjectIsRefused(t *testing.T) {
	theirs, ours := configMap("a"), configMap("b")
	in := input(theirs, ours)
	absent(&in, ours)
	in.Picture.Live[theirs.ID()] = plan.LiveOf(theirs.ID(), metaOf("argocd-controller", "Apply", map[string]string{"app.kubernetes.io/instance": "guestbook"}, map[string]string{
		"argocd.argoproj.io/tracking-id":                   "guestbook:/ConfigMap:web-dev/a",
		"kubectl.kubernetes.io/last-applied-configuration": "{}",
	}), "plumb:plumb-system/web-dev")
	p := plan.Make(in)
	refused := step(t, p, theirs.ID())
	if refused.Action != plan.Refuse || refused.Reason != fault.OwnedByOther || !strings.Contains(refused.Fault.Next, "plumb import --adopt web/dev") {
		t.Errorf("it is %s: %v", refused.Action, refused.Fault)
	}
	if s := step(t, p, ours.ID()); s.Action != plan.Apply {
		t.Errorf("the other is %s", s.Action)
	}
	in.Policy.Adopt = []string{"Flux Kustomization flux-system/apps"}
	if s := step(t, plan.Make(in), theirs.ID()); s.Action != plan.Refuse {
		t.Errorf("consent to take over from somebody else makes it %s", s.Action)
	}
	in.Policy.Adopt = []string{"Argo CD application guestbook"}
	s := step(t, plan.Make(in), theirs.ID())
	if s.Action != plan.Apply || !s.First || !s.Adopts || !slices.Equal(s.Takes, []string{"argocd-controller"}) {
		t.Errorf("with consent it is %+v", s)
	}
	sheds := []plan.ToolMark{
		{Key: "argocd.argoproj.io/tracking-id", Value: "guestbook:/ConfigMap:web-dev/a"}, {Label: true, Key: "app.kubernetes.io/instance", Value: "guestbook"},
		{Key: "kubectl.kubernetes.io/last-applied-configuration"},
	}
	if diff := cmp.Diff(sheds, s.Sheds); diff != "" {
		t.Errorf("it sheds (-want +got) %s", diff)
	}
	from := &v1alpha1.Former{
		Tool: "Argo CD application guestbook", Labels: map[string]string{"app.kubernetes.io/instance": "guestbook"},
		Annotations: map[string]string{"argocd.argoproj.io/tracking-id": "guestbook:/ConfigMap:web-dev/a"}, Managers: []string{"argocd-controller Apply"},
	}
	if diff := cmp.Diff(from, s.From); diff != "" {
		t.Errorf("what is kept of it is (-want +got) %s", diff)
	}
}

// TestMarksInGit: an instance label that Git sets is Git's and stays; a tracking mark in Git is warned of.
func TestMarksInGit(t *testing.T) {
	labelled := configMap("a", annotated("argocd.argoproj.io/tracking-id", "guestbook:/ConfigMap:web-dev/a")).WithLabel("app.kubernetes.io/instance", "web")
	in := input(labelled)
	in.Policy.Adopt = []string{"Argo CD application guestbook"}
	in.Picture.Live[labelled.ID()] = plan.LiveOf(labelled.ID(), metaOf("argocd-controller", "Apply", map[string]string{"app.kubernetes.io/instance": "guestbook"}, map[string]string{
		"argocd.argoproj.io/tracking-id": "guestbook:/ConfigMap:web-dev/a",
	}), "plumb:plumb-system/web-dev")
	p := plan.Make(in)
	if s := step(t, p, labelled.ID()); len(s.Sheds) > 0 {
		t.Errorf("what Git has is taken off: %v", s.Sheds)
	}
	if len(p.Warnings) != 1 || !strings.Contains(p.Warnings[0], "argocd.argoproj.io/tracking-id") || !strings.Contains(p.Warnings[0], "apps/web/a.yaml:1") {
		t.Errorf("warnings are %q", p.Warnings)
	}
}

// TestReleaseWarnings: an app is told of a Helm release that could still delete its objects, for as long as Helm knows it.
func TestReleaseWarnings(t *testing.T) {
	a, b := configMap("a"), configMap("b")
	in := input(a, b)
	have(&in, b)
	in.Inventory[0].From = &v1alpha1.Former{Release: "web-dev/shop"}
	in.Picture.Live[a.ID()] = plan.LiveOf(a.ID(), metaOf("helm", "Update", nil, map[string]string{
		"meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": "web-dev",
	}), "plumb:plumb-system/web-dev")
	if got := plan.ReleasesOf(in.Picture, in.Inventory); len(got) != 1 || got[0].String() != "web-dev/shop" {
		t.Errorf("releases are %v", got)
	}
	if p := plan.Make(in); len(p.Warnings) > 0 {
		t.Errorf("a release that Helm does not know is warned of: %q", p.Warnings)
	}
	in.Picture.Releases = map[string]string{"web-dev/shop": "secret"}
	p := plan.Make(in)
	if len(p.Warnings) != 1 || !strings.Contains(p.Warnings[0], "2 objects") || !strings.Contains(p.Warnings[0], "kubectl -n web-dev delete secret -l owner=helm,name=shop") {
		t.Errorf("warnings are %q", p.Warnings)
	}
	if s := step(t, p, a.ID()); s.Action != plan.Apply || s.From == nil || s.From.Release != "web-dev/shop" || s.From.Annotations["meta.helm.sh/release-name"] != "shop" {
		t.Errorf("it is %+v", s)
	}
}

// TestTheFormerOwnerStaysKnown: an Inventory entry keeps what was recorded when the object was taken over, through later
// applies; and loses it when the object is made anew.
func TestTheFormerOwnerStaysKnown(t *testing.T) {
	a := configMap("a")
	in := input(a)
	have(&in, a)
	from := &v1alpha1.Former{Tool: "Argo CD application guestbook"}
	in.Inventory[0].From, in.Inventory[0].Created, in.Inventory[0].Desired = from, false, "other"
	p := plan.Make(in)
	after := plan.After(in.Inventory, p, map[object.ID]plan.Done{a.ID(): {UID: "uid-a", Owned: "o"}})
	if cmp.Diff(from, after[0].From) != "" {
		t.Errorf("after an apply it is %v", after[0].From)
	}
	delete(in.Picture.Live, a.ID())
	absent(&in, a)
	if ahead, _ := plan.Ahead(in.Inventory, plan.Make(in)); ahead[0].From != nil {
		t.Errorf("of an object that is made anew it is %v", ahead[0].From)
	}
}
