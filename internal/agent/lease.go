package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/apply"
	"plumb.dev/plumb/internal/cluster"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
)

// The Lease says which agent is active, and its renewTime that the states still hold: readers call an agent silent after two
// minutes (resources.md §2). It saves work and prevents nothing: two active agents are harmless, and one that cannot reach the
// API server goes on until it sees that another has the Lease.
const (
	leaseTime = 30 * time.Second // after so long without a renewal another agent takes over
	beat      = 10 * time.Second // between two renewals
	standBeat = 3 * time.Second  // between two looks of an agent that stands by
)

// Election says how an agent becomes the active one.
type Election struct {
	Off     bool                         // be active whoever else is
	Address string                       // where this agent answers, as other agents reach it: host:port; "" is nowhere
	Standby func(holder, address string) // called while another agent is active, with its name and address
}

// tenure is what an agent knows of the Lease.
type tenure struct {
	identity string
	lease    *coordinationv1.Lease // as it was seen last; nil if there was none
	seen     time.Time             // when, by this agent's own clock, it was seen to have changed
	beside   string                // who holds it, and is heard from, while this agent is active too
}

// newTenure names the agent by its host and its cache folder: the same folder is the same agent, also after a crash.
func newTenure(options Options) (*tenure, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("this host has no name: %w", err)
	}
	dir, err := filepath.Abs(options.CacheDir)
	if err != nil {
		return nil, fmt.Errorf("the cache folder %s cannot be used: %w", options.CacheDir, err)
	}
	sum := sha256.Sum256([]byte(dir))
	return &tenure{identity: host + "_" + hex.EncodeToString(sum[:4])}, nil
}

// look takes in the Lease as it is now. Only that it changed counts, and when that was seen: clocks of others may be wrong.
func (s *tenure) look(lease *coordinationv1.Lease, now time.Time) {
	if lease == nil || s.lease == nil || lease.ResourceVersion != s.lease.ResourceVersion {
		s.seen = now
	}
	s.lease = lease
}

func (s *tenure) holder() string {
	if s.lease == nil || s.lease.Spec.HolderIdentity == nil {
		return ""
	}
	return *s.lease.Spec.HolderIdentity
}

func (s *tenure) address() string {
	if s.lease == nil {
		return ""
	}
	return s.lease.Annotations[v1alpha1.AnnotationAddress]
}

// free tells whether this agent may be the active one: it is already, nobody is, or who was is silent.
func (s *tenure) free(now time.Time) bool {
	holder := s.holder()
	if holder == "" || holder == s.identity {
		return true
	}
	patience := leaseTime
	if seconds := s.lease.Spec.LeaseDurationSeconds; seconds != nil && *seconds > 0 {
		patience = min(patience, time.Duration(*seconds)*time.Second)
	}
	return now.Sub(s.seen) >= patience
}

// taken gives the Lease as this agent holds it from now on.
func (s *tenure) taken(about map[string]string, now time.Time) *coordinationv1.Lease {
	at, seconds := metav1.NewMicroTime(now), int32(leaseTime.Seconds())
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: v1alpha1.Namespace, Name: Lease}}
	var transitions int32
	if s.lease != nil {
		lease = s.lease.DeepCopy()
		lease.ManagedFields = nil
		if lease.Spec.LeaseTransitions != nil {
			transitions = *lease.Spec.LeaseTransitions
		}
	}
	if s.holder() != s.identity {
		lease.Spec.AcquireTime = &at
		if s.holder() != "" {
			transitions++
		}
	}
	lease.Annotations = about
	lease.Spec.HolderIdentity, lease.Spec.RenewTime, lease.Spec.LeaseDurationSeconds = &s.identity, &at, &seconds
	lease.Spec.LeaseTransitions = &transitions
	return lease
}

// about is what the active agent says of itself: what others need to reach it, and to judge it.
func (ag *Agent) about() map[string]string {
	about := map[string]string{v1alpha1.AnnotationAddress: ag.options.Election.Address, v1alpha1.AnnotationVersion: ag.options.Version}
	if ag.options.ReadOnly {
		about[v1alpha1.AnnotationReadOnly] = "true"
	}
	if ag.tenure.beside != "" {
		about[v1alpha1.AnnotationBeside] = ag.tenure.beside
	}
	if every := ag.options.SecretsEvery; every > 0 {
		about[v1alpha1.AnnotationSecrets] = every.String()
	}
	switch {
	case !ag.tested.Load():
	case ag.sandbox.Weakness == "":
		about[v1alpha1.AnnotationSandbox] = "complete"
	default:
		about[v1alpha1.AnnotationSandbox] = ag.sandbox.Weakness
	}
	return about
}

// stand waits until this agent is the active one.
func (ag *Agent) stand(ctx context.Context) error {
	told := ""
	for first := true; ; first = false {
		got, err := ag.take(ctx)
		switch {
		case got:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && first:
			return fmt.Errorf("the API server does not answer: %w", err)
		case err != nil:
			ag.log.Warn("the Lease cannot be read or taken", "error", err)
		case ag.tenure.holder() != told:
			told = ag.tenure.holder()
			ag.log.Info("another agent is active; this one stands by", "active", told)
		}
		if ag.options.Election.Standby != nil && err == nil {
			ag.options.Election.Standby(ag.tenure.holder(), ag.tenure.address())
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(standBeat):
		}
	}
}

// take looks at the Lease and takes it if it is free.
func (ag *Agent) take(ctx context.Context) (got bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, beat)
	defer cancel()
	lease, err := ag.ledger.Lease(ctx, v1alpha1.Namespace, Lease)
	if err != nil {
		return false, err
	}
	now := time.Now()
	ag.tenure.look(lease, now)
	if !ag.tenure.free(now) {
		if !ag.options.Election.Off {
			return false, nil
		}
		ag.tenure.beside = ag.tenure.holder()
	}
	return ag.hold(ctx)
}

// hold writes the Lease as this agent's. It does not if somebody else has written it since it was seen.
func (ag *Agent) hold(ctx context.Context) (got bool, err error) {
	now := time.Now()
	stored, taken, err := ag.ledger.PutLease(ctx, ag.tenure.taken(ag.about(), now))
	if err != nil || taken {
		return false, err
	}
	ag.tenure.look(stored, now)
	ag.mu.Lock()
	ag.beatAt = now
	ag.mu.Unlock()
	return true, nil
}

// heartbeat renews the Lease until ctx ends, or until another agent has it: then this one ends.
func (ag *Agent) heartbeat(ctx context.Context) {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		held := ag.keepLease(ctx, beat/2)
		ag.feel()
		if !held {
			return
		}
	}
}

// keepLease renews the Lease, unless that was tried not long ago. If another agent has it, this one ends its work.
func (ag *Agent) keepLease(ctx context.Context, notLong time.Duration) (held bool) {
	ag.renewing.Lock()
	defer ag.renewing.Unlock()
	if ag.life.Err() != nil {
		return false
	}
	if time.Since(ag.askedAt) < notLong {
		return true
	}
	held = ag.renew(ctx)
	ag.askedAt = time.Now()
	if held {
		return true
	}
	ag.log.Warn("another agent has the Lease; this one ends its work", "active", ag.tenure.holder())
	close(ag.lost)
	ag.end()
	return false
}

// mayWrite asks for the Lease before a write, if it has not been renewed for as long as it is valid: this process may have stood still,
// and what it had decided may be old. One that cannot ask goes on, and asks again when that time has passed once more.
func (ag *Agent) mayWrite(ctx context.Context) error {
	ag.mu.Lock()
	renewed := ag.beatAt
	ag.mu.Unlock()
	if renewed.IsZero() || time.Since(renewed) < leaseTime || ag.keepLease(ctx, leaseTime) {
		return nil
	}
	return fault.New(fault.Superseded, "another agent is the active one by now")
}

// fenced is a Target to which nothing is written while another agent may be the active one.
type fenced struct {
	apply.Target
	may func(context.Context) error
}

func (f fenced) Apply(ctx context.Context, o object.Object, opts cluster.ApplyOptions) (cluster.Applied, error) {
	if err := f.may(ctx); err != nil {
		return cluster.Applied{}, err
	}
	return f.Target.Apply(ctx, o, opts)
}

func (f fenced) Patch(ctx context.Context, id object.ID, version string, patch []byte, manager string) (cluster.Applied, error) {
	if err := f.may(ctx); err != nil {
		return cluster.Applied{}, err
	}
	return f.Target.Patch(ctx, id, version, patch, manager)
}

func (f fenced) Delete(ctx context.Context, id object.ID, version string, exact cluster.Exactly) error {
	if err := f.may(ctx); err != nil {
		return err
	}
	return f.Target.Delete(ctx, id, version, exact)
}

// renew renews the Lease. It is false only if another agent has it: one that cannot be written is no reason to stop.
func (ag *Agent) renew(ctx context.Context) (held bool) {
	ctx, cancel := context.WithTimeout(ctx, beat/2)
	defer cancel()
	ag.tenure.beside = "" // if nobody has written it since the last time, nobody is
	got, err := ag.hold(ctx)
	if !got && err == nil {
		got, err = ag.take(ctx)
	}
	if err != nil {
		ag.log.Warn("the Lease was not renewed", "error", err)
		return true
	}
	return got || ag.options.Election.Off
}

// Lost is closed when another agent has become the active one.
func (ag *Agent) Lost() <-chan struct{} { return ag.lost }

// releaseLimit bounds the last request of an agent that ends in good order.
const releaseLimit = 2 * time.Second

// release lets another agent take over at once.
func (ag *Agent) release() {
	select {
	case <-ag.lost:
		return
	default:
	}
	ctx, cancel := context.WithTimeout(context.Background(), releaseLimit)
	defer cancel()
	lease := ag.tenure.taken(nil, time.Now())
	lease.Spec.HolderIdentity = new("")
	if _, _, err := ag.ledger.PutLease(ctx, lease); err != nil {
		ag.log.Debug("the Lease was not released", "error", err)
	}
}
