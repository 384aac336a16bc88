package agent

import (
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
)

func TestWhoIsActive(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	held := func(holder string, seconds int32, version string) *coordinationv1.Lease {
		wrong := metav1.NewMicroTime(start.Add(-24 * time.Hour)) // the clock of the holder
		return &coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{ResourceVersion: version},
			Spec:       coordinationv1.LeaseSpec{HolderIdentity: &holder, LeaseDurationSeconds: &seconds, RenewTime: &wrong},
		}
	}
	for _, row := range []struct {
		reason string
		first  *coordinationv1.Lease // at start
		then   *coordinationv1.Lease // after
		after  time.Duration
		free   bool
	}{
		{"there is no Lease", nil, nil, 0, true},
		{"it was given back", held("", 30, "1"), held("", 30, "1"), 0, true},
		{"it is ours: a crash is no other agent", held("me", 30, "1"), held("me", 30, "1"), 0, true},
		{"another has it, and its clock being a day behind is no silence", held("other", 30, "1"), held("other", 30, "1"), time.Second, false},
		{"another renews it", held("other", 30, "1"), held("other", 30, "2"), time.Hour, false},
		{"another was silent for nearly the Lease's time", held("other", 30, "1"), held("other", 30, "1"), leaseTime - time.Second, false},
		{"another was silent for the Lease's time", held("other", 30, "1"), held("other", 30, "1"), leaseTime, true},
		{"a Lease of an older version names a longer time", held("other", 120, "1"), held("other", 120, "1"), leaseTime, true},
		{"a Lease that names a shorter time", held("other", 5, "1"), held("other", 5, "1"), 5 * time.Second, true},
	} {
		s := &tenure{identity: "me"}
		s.look(row.first, start)
		s.look(row.then, start.Add(row.after))
		if got := s.free(start.Add(row.after)); got != row.free {
			t.Errorf("%s: free is %t", row.reason, got)
		}
	}
}

func TestALeaseThatIsTaken(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s := &tenure{identity: "me"}
	first := s.taken(map[string]string{v1alpha1.AnnotationAddress: "10.0.0.1:7420"}, now)
	if *first.Spec.HolderIdentity != "me" || *first.Spec.LeaseTransitions != 0 || !first.Spec.AcquireTime.Equal(first.Spec.RenewTime) || first.Annotations[v1alpha1.AnnotationAddress] != "10.0.0.1:7420" {
		t.Errorf("the first Lease is %+v", first.Spec)
	}
	s.look(first, now)
	renewed := s.taken(map[string]string{v1alpha1.AnnotationAddress: "10.0.0.1:7420"}, now.Add(time.Minute))
	if !renewed.Spec.AcquireTime.Equal(first.Spec.AcquireTime) || renewed.Spec.RenewTime.Equal(first.Spec.RenewTime) || *renewed.Spec.LeaseTransitions != 0 {
		t.Errorf("a renewal changes %+v", renewed.Spec)
	}
	next := &tenure{identity: "other"}
	next.look(renewed, now)
	over := next.taken(nil, now.Add(time.Hour))
	if *over.Spec.HolderIdentity != "other" || *over.Spec.LeaseTransitions != 1 || over.Spec.AcquireTime.Equal(first.Spec.AcquireTime) {
		t.Errorf("taken over it is %+v", over.Spec)
	}
}

func TestOneAgentPerCacheFolder(t *testing.T) {
	dir := t.TempDir()
	unlock, err := lockFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockFolder(dir); err == nil {
		t.Error("two agents have one folder")
	}
	unlock()
	unlock, err = lockFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}
