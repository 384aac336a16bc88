package object

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plumb.dev/plumb/internal/fault"
)

func TestMarks(t *testing.T) {
	before := []string{"BeforeHookCreation"}
	hook := func(source string, phases ...string) Marks {
		key, value, _ := strings.Cut(source, ": ")
		return Marks{Hook: true, Phases: phases, HookDelete: before, Source: Mark{key, value}}
	}
	notInstall := func(m Marks, phases ...string) Marks { m.NotInstall = phases; return m }
	notUpgrade := func(m Marks, phases ...string) Marks { m.NotUpgrade = phases; return m }
	skip := func(source string) Marks {
		key, value, _ := strings.Cut(source, ": ")
		return Marks{Skip: true, Source: Mark{key, value}}
	}
	ends := func(m Marks, phases ...string) Marks { m.Ends, m.HookDelete = phases, before; return m }
	wave := func(n int, key, value string) Marks { return Marks{Wave: n, Source: Mark{key, value}} }
	for _, tt := range []struct {
		reason      string
		annotations string // "key: value", separated by ;
		want        Marks
		warnings    int
	}{
		{"no annotations", "", Marks{}, 0},
		{"annotations that say nothing to us", "example.com/a: b", Marks{}, 0},
		{"ours: one phase", "plumb.dev/hook: PreSync", hook("plumb.dev/hook: PreSync", "PreSync"), 0},
		{"ours: a list of phases", "plumb.dev/hook: PreSync, PostSync,PreSync", hook("plumb.dev/hook: PreSync, PostSync,PreSync", "PreSync", "PostSync"), 0},
		{"ours: SyncFail", "plumb.dev/hook: SyncFail", hook("plumb.dev/hook: SyncFail", "SyncFail"), 0},
		{"ours: Sync is a hook too", "plumb.dev/hook: Sync", hook("plumb.dev/hook: Sync", "Sync"), 0},
		{"ours: Skip", "plumb.dev/hook: Skip", skip("plumb.dev/hook: Skip"), 0},
		{"Skip wins", "plumb.dev/hook: 'PreSync,Skip'", skip("plumb.dev/hook: PreSync,Skip"), 0},
		{"ours: a wave", "plumb.dev/wave: '-5'", wave(-5, "plumb.dev/wave", "-5"), 0},
		{"a wave of 0 says nothing", "plumb.dev/wave: '0'", Marks{}, 0},
		{"ours: what happens to a hook's object", "plumb.dev/hook: Sync; plumb.dev/hook-delete: 'HookSucceeded,HookFailed'",
			Marks{Hook: true, Phases: []string{"Sync"}, HookDelete: []string{"HookSucceeded", "HookFailed"}, Source: Mark{"plumb.dev/hook", "Sync"}}, 0},
		{"ours: never pruned", "plumb.dev/prune: never", Marks{Prune: PruneNever}, 0},
		{"ours: pruned with consent", "plumb.dev/prune: consent", Marks{Prune: PruneConsent}, 0},
		{"ours: health does not count", "plumb.dev/health: ignore", Marks{IgnoreHealth: true}, 0},
		{"ours: create only", "plumb.dev/apply: create-only", Marks{CreateOnly: true}, 0},
		{"Argo CD's hook, the same words", "argocd.argoproj.io/hook: PostSync", hook("argocd.argoproj.io/hook: PostSync", "PostSync"), 0},
		{"Argo CD's Skip", "argocd.argoproj.io/hook: Skip", skip("argocd.argoproj.io/hook: Skip"), 0},
		{"Argo CD's hooks around deletion are skipped until then", "argocd.argoproj.io/hook: PreDelete", ends(skip("argocd.argoproj.io/hook: PreDelete"), "PreDelete"), 0},
		{"one of them beside a phase of each revision", "argocd.argoproj.io/hook: 'PostDelete,PreSync'", ends(hook("argocd.argoproj.io/hook: PostDelete,PreSync", "PreSync"), "PostDelete"), 0},
		{"ours, the same words", "plumb.dev/hook: PreDelete", ends(skip("plumb.dev/hook: PreDelete"), "PreDelete"), 0},
		{"Skip wins over them too", "plumb.dev/hook: 'PreDelete,Skip'", skip("plumb.dev/hook: PreDelete,Skip"), 0},
		{"Argo CD's wave", "argocd.argoproj.io/sync-wave: '3'", wave(3, "argocd.argoproj.io/sync-wave", "3"), 0},
		{"Argo CD's delete policy", "argocd.argoproj.io/hook: Sync; argocd.argoproj.io/hook-delete-policy: HookSucceeded",
			Marks{Hook: true, Phases: []string{"Sync"}, HookDelete: []string{"HookSucceeded"}, Source: Mark{"argocd.argoproj.io/hook", "Sync"}}, 0},
		{"Prune=false", "argocd.argoproj.io/sync-options: Prune=false", Marks{Prune: PruneNever}, 0},
		{"Prune=confirm", "argocd.argoproj.io/sync-options: Prune=confirm", Marks{Prune: PruneConsent}, 0},
		{"Delete=false", "argocd.argoproj.io/sync-options: Delete=false", Marks{Prune: PruneNever}, 0},
		{"never is stronger than consent", "argocd.argoproj.io/sync-options: 'Delete=false,Prune=confirm'", Marks{Prune: PruneNever}, 0},
		{"Replace=true", "argocd.argoproj.io/sync-options: Replace=true", Marks{ReplaceAllowed: true}, 0},
		{"other options are warned of", "argocd.argoproj.io/sync-options: 'PruneLast=true,CreateNamespace=true'", Marks{}, 2},
		{"options that say what happens anyway are not", "argocd.argoproj.io/sync-options: 'ServerSideApply=true, SkipDryRunOnMissingResource=true'", Marks{}, 0},
		{"IgnoreExtraneous", "argocd.argoproj.io/compare-options: IgnoreExtraneous", Marks{IgnoreExtraneous: true}, 0},
		{"Argo CD's ignored health", "argocd.argoproj.io/ignore-healthcheck: 'true'", Marks{IgnoreHealth: true}, 0},
		{"Helm: before", "helm.sh/hook: 'pre-install,pre-upgrade'", hook("helm.sh/hook: pre-install,pre-upgrade", "PreSync"), 0},
		{"Helm: after", "helm.sh/hook: 'post-install,post-upgrade'", hook("helm.sh/hook: post-install,post-upgrade", "PostSync"), 0},
		{"Helm: after an install only", "helm.sh/hook: post-install", notUpgrade(hook("helm.sh/hook: post-install", "PostSync"), "PostSync"), 0},
		{"Helm: before and after an upgrade", "helm.sh/hook: 'pre-upgrade, post-upgrade'",
			notInstall(hook("helm.sh/hook: pre-upgrade, post-upgrade", "PreSync", "PostSync"), "PreSync", "PostSync"), 0},
		{"Helm: before an install and after an upgrade", "helm.sh/hook: 'pre-install,post-upgrade'",
			notUpgrade(notInstall(hook("helm.sh/hook: pre-install,post-upgrade", "PreSync", "PostSync"), "PostSync"), "PreSync"), 0},
		{"Helm: around deletion", "helm.sh/hook: 'pre-delete,post-delete'", ends(skip("helm.sh/hook: pre-delete,post-delete"), "PreDelete", "PostDelete"), 0},
		{"Helm: a test that also runs then", "helm.sh/hook: 'test,post-delete'", ends(skip("helm.sh/hook: test,post-delete"), "PostDelete"), 0},
		{"Helm: a test is not applied", "helm.sh/hook: test", skip("helm.sh/hook: test"), 0},
		{"Helm: an old word for a test", "helm.sh/hook: test-success", skip("helm.sh/hook: test-success"), 0},
		{"Helm: around rollback is not applied", "helm.sh/hook: 'pre-rollback,post-rollback'", skip("helm.sh/hook: pre-rollback,post-rollback"), 0},
		{"Helm: a test that also runs before", "helm.sh/hook: 'test,pre-install'", notUpgrade(hook("helm.sh/hook: test,pre-install", "PreSync"), "PreSync"), 0},
		{"Helm: crd-install is an ordinary object", "helm.sh/hook: crd-install", Marks{}, 0},
		{"Helm: the weight is the wave of a hook", "helm.sh/hook: pre-install; helm.sh/hook-weight: '-1'",
			notUpgrade(Marks{Hook: true, Phases: []string{"PreSync"}, HookDelete: before, Wave: -1, Source: Mark{"helm.sh/hook", "pre-install"}}, "PreSync"), 0},
		{"Helm: a weight without hook says nothing", "helm.sh/hook-weight: '5'", Marks{}, 0},
		{"Helm: delete policy", "helm.sh/hook: pre-install; helm.sh/hook-delete-policy: 'before-hook-creation,hook-succeeded'",
			notUpgrade(Marks{Hook: true, Phases: []string{"PreSync"}, HookDelete: []string{"BeforeHookCreation", "HookSucceeded"}, Source: Mark{"helm.sh/hook", "pre-install"}}, "PreSync"), 0},
		{"Helm: keep", "helm.sh/resource-policy: keep", Marks{Prune: PruneNever}, 0},
		{"Flux: prune disabled", "kustomize.toolkit.fluxcd.io/prune: Disabled", Marks{Prune: PruneNever}, 0},
		{"Flux: prune enabled says nothing", "kustomize.toolkit.fluxcd.io/prune: enabled", Marks{}, 0},
		{"Flux: create only", "kustomize.toolkit.fluxcd.io/ssa: IfNotPresent", Marks{CreateOnly: true}, 0},
		{"Flux: reconcile disabled", "kustomize.toolkit.fluxcd.io/reconcile: disabled", Marks{LeaveAlone: true}, 0},
		{"Flux: left alone by another name", "kustomize.toolkit.fluxcd.io/ssa: Ignore", Marks{LeaveAlone: true}, 0},
		{"Flux: force is warned of", "kustomize.toolkit.fluxcd.io/force: enabled", Marks{}, 1},
		{"ours before Argo CD's", "plumb.dev/wave: '1'; argocd.argoproj.io/sync-wave: '2'", wave(1, "plumb.dev/wave", "1"), 0},
		{"Argo CD's before Helm's", "argocd.argoproj.io/hook: PreSync; helm.sh/hook: post-install", hook("argocd.argoproj.io/hook: PreSync", "PreSync"), 0},
		{"a hook that does not count is named", "argocd.argoproj.io/sync-wave: '2'; helm.sh/hook: pre-install", wave(2, "argocd.argoproj.io/sync-wave", "2"), 1},
		{"a protection that does not count is named", "plumb.dev/wave: '2'; helm.sh/resource-policy: keep", wave(2, "plumb.dev/wave", "2"), 1},
		{"Flux's add to ours", "plumb.dev/health: ignore; kustomize.toolkit.fluxcd.io/prune: disabled", Marks{IgnoreHealth: true, Prune: PruneNever}, 0},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			got, warnings, err := MarksOf(annotated(t, tt.annotations))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if len(warnings) != tt.warnings {
				t.Errorf("warnings %v", warnings)
			}
		})
	}
}

func TestPhasesAt(t *testing.T) {
	for _, tt := range []struct{ annotations, install, upgrade string }{
		{"helm.sh/hook: 'pre-install,post-upgrade'", "PreSync", "PostSync"},
		{"helm.sh/hook: 'pre-install,pre-upgrade'", "PreSync", "PreSync"},
		{"helm.sh/hook: 'post-install'", "PostSync", ""},
		{"argocd.argoproj.io/hook: 'PreSync,SyncFail'", "PreSync SyncFail", "PreSync SyncFail"},
	} {
		marks, _, err := MarksOf(annotated(t, tt.annotations))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(marks.PhasesAt(true), " "); got != tt.install {
			t.Errorf("%s runs at an install in %q, want %q", tt.annotations, got, tt.install)
		}
		if got := strings.Join(marks.PhasesAt(false), " "); got != tt.upgrade {
			t.Errorf("%s runs at an upgrade in %q, want %q", tt.annotations, got, tt.upgrade)
		}
	}
}

func TestMarksRefuse(t *testing.T) {
	for _, tt := range []struct{ reason, annotations string }{
		{"an unknown phase", "plumb.dev/hook: presync"},
		{"a phase around deletion that nobody knows", "plumb.dev/hook: SyncDelete"},
		{"an unknown phase of Argo CD", "argocd.argoproj.io/hook: Never"},
		{"an unknown hook of Helm", "helm.sh/hook: pre-instal"},
		{"a wave that is no number", "plumb.dev/wave: first"},
		{"a wave beyond 32 bits", "argocd.argoproj.io/sync-wave: '4294967296'"},
		{"an unknown prune", "plumb.dev/prune: 'false'"},
		{"an unknown apply", "plumb.dev/apply: once"},
		{"an unknown health", "plumb.dev/health: none"},
		{"an unknown delete policy", "plumb.dev/hook: Sync; plumb.dev/hook-delete: Always"},
		{"Helm's word in ours", "plumb.dev/hook: Sync; plumb.dev/hook-delete: hook-succeeded"},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			got, _, err := MarksOf(annotated(t, tt.annotations))
			f := fault.Of(err, "")
			if f == nil || f.Reason != fault.InvalidObject || f.Code != "MARK_INVALID" || f.Next == "" {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func annotated(t *testing.T, annotations string) Object {
	text := configMap
	if annotations != "" {
		text += "  annotations:\n    " + strings.ReplaceAll(annotations, "; ", "\n    ") + "\n"
	}
	return parseOne(t, text)
}
