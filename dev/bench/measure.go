package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

// firstSync runs from the start of the agent's process with an empty cache to the API server's answer to the last apply.
func firstSync(ctx context.Context, l *lab) error {
	o, p, a, f := l.options, l.plane, l.agent, l.figures
	offset := p.auditOffset()
	begun, err := a.start(ctx)
	if err != nil {
		return err
	}
	if err := a.waitOK(ctx, o.apps, 10*time.Minute); err != nil {
		return err
	}
	if err := p.awaitBooks(ctx); err != nil {
		return err
	}
	f.CPU, f.CPUParts = a.cpu()
	requests, _, err := p.requests(offset)
	if err != nil {
		return err
	}
	var last time.Time
	applies := 0
	f.FirstWrites = map[string]float64{}
	for _, r := range requests {
		f.FirstWrites[kindOf(r)] += 1 / float64(o.apps)
		if kindOf(r) == "managed_write" && r.Verb == "patch" {
			applies++
			if r.Answered.After(last) {
				last = r.Answered
			}
		}
	}
	if applies < o.apps*objectsPerApp {
		return fmt.Errorf("the audit log shows %d applies of %d objects", applies, o.apps*objectsPerApp)
	}
	f.FirstSync = last.Sub(begun).Seconds()
	f.FirstSyncRatio = f.FirstSync / f.Limit
	return nil
}

// values watches the first ConfigMap of every app and tells when it takes a value.
type values struct {
	events <-chan watch.Event
	stop   func()
}

func watchValues(ctx context.Context, p *plane) (*values, error) {
	list, err := p.admin.Resource(configMaps).List(ctx, metav1.ListOptions{FieldSelector: "metadata.name=settings-0"})
	if err != nil {
		return nil, err
	}
	w, err := p.admin.Resource(configMaps).Watch(ctx, metav1.ListOptions{
		FieldSelector: "metadata.name=settings-0", ResourceVersion: list.GetResourceVersion(),
	})
	if err != nil {
		return nil, err
	}
	return &values{events: w.ResultChan(), stop: w.Stop}, nil
}

// await waits for an event that shows the value.
func (v *values) await(ctx context.Context, namespace, value string) (time.Time, error) {
	limit := time.NewTimer(time.Minute)
	defer limit.Stop()
	for {
		select {
		case e, ok := <-v.events:
			if !ok {
				return time.Time{}, fmt.Errorf("the watch ended")
			}
			o, isObject := e.Object.(*unstructured.Unstructured)
			if !isObject || o.GetNamespace() != namespace {
				continue
			}
			if got, _, _ := unstructured.NestedString(o.Object, "data", "value"); got == value {
				return time.Now(), nil
			}
		case <-limit.C:
			return time.Time{}, fmt.Errorf("%s did not take the value %q within a minute", namespace, value)
		case <-ctx.Done():
			return time.Time{}, ctx.Err()
		}
	}
}

// apart is the time between commits: what is measured is a commit that comes by itself. The agent takes a storm of them
// as one.
const apart = 1500 * time.Millisecond

// commits measures from the start of git push to the changed object's event, each on another app with another value.
func commits(ctx context.Context, l *lab) error {
	o, p, a, f := l.options, l.plane, l.agent, l.figures
	v, err := watchValues(ctx, p)
	if err != nil {
		return err
	}
	defer v.stop()
	var sample []float64
	pace := time.NewTicker(apart)
	defer pace.Stop()
	for i := range o.samples {
		<-pace.C
		app := i % o.apps
		value := "commit-" + strconv.Itoa(i)
		if err := l.fleet.change(app, value); err != nil {
			return err
		}
		begun := time.Now()
		if err := l.fleet.push(); err != nil {
			return err
		}
		at, err := v.await(ctx, appName(app), value)
		if err != nil {
			return err
		}
		sample = append(sample, float64(at.Sub(begun).Microseconds())/1000)
		if err := a.waitOK(ctx, o.apps, time.Minute); err != nil {
			return err
		}
	}
	f.Commit = quantiles(sample)
	return nil
}

// heals measures from the API server's answer to a foreign write to the event that restores the field.
func heals(ctx context.Context, l *lab) error {
	o, p, a, f := l.options, l.plane, l.agent, l.figures
	v, err := watchValues(ctx, p)
	if err != nil {
		return err
	}
	defer v.stop()
	var sample []float64
	for i := range o.samples {
		app := (o.samples + i) % o.apps
		patch := fmt.Sprintf(`{"data":{"value":"foreign-%d"}}`, i)
		_, err := p.admin.Resource(configMaps).Namespace(appName(app)).Patch(ctx, "settings-0", types.MergePatchType, []byte(patch),
			metav1.PatchOptions{FieldManager: "kubectl-edit"})
		if err != nil {
			return err
		}
		begun := time.Now()
		want := "0"
		if app < o.samples {
			want = "commit-" + strconv.Itoa(app)
		}
		at, err := v.await(ctx, appName(app), want)
		if err != nil {
			return err
		}
		sample = append(sample, float64(at.Sub(begun).Microseconds())/1000)
		if err := a.waitOK(ctx, o.apps, time.Minute); err != nil {
			return err
		}
	}
	f.Heal = quantiles(sample)
	return nil
}

// idle counts what the agent does when there is nothing to do. Watch renewals and the Lease are counted apart.
func idle(ctx context.Context, l *lab) error {
	o, p, a, f := l.options, l.plane, l.agent, l.figures
	if err := a.waitOK(ctx, o.apps, time.Minute); err != nil {
		return err
	}
	if err := settled(ctx, p); err != nil {
		return err
	}
	offset, begun := p.auditOffset(), time.Now()
	before, _ := a.cpu()
	select {
	case <-time.After(o.idle):
	case <-ctx.Done():
		return ctx.Err()
	}
	f.IdleMinutes = time.Since(begun).Minutes()
	after, _ := a.cpu()
	f.IdleCPU = (after - before) / f.IdleMinutes
	requests, _, err := p.requests(offset)
	if err != nil {
		return err
	}
	f.IdleByKind = map[string]float64{}
	for _, r := range requests {
		f.IdleByKind[kindOf(r)] += 1 / f.IdleMinutes
		if kindOf(r) != "watch" && kindOf(r) != "lease" {
			f.IdleRequests += 1 / f.IdleMinutes
			fmt.Fprintf(os.Stderr, "  while idle: %s %s %s/%s at %s\n", r.Verb, r.Object.Resource, r.Object.Namespace, r.Object.Name, r.Answered.Format(time.TimeOnly))
		}
	}
	return nil
}

// settled waits until the record of the last heal is written, which comes a moment after the heal and belongs to it: until
// there was no request for a second.
func settled(ctx context.Context, p *plane) error {
	last, offset := time.Now(), p.auditOffset()
	return eventually(ctx, time.Minute, 20*time.Millisecond, func() error {
		requests, end, err := p.requests(offset)
		if err != nil {
			return err
		}
		offset = end
		for _, r := range requests {
			if kind := kindOf(r); kind != "watch" && kind != "lease" {
				last = time.Now()
			}
		}
		if quiet := time.Since(last); quiet < time.Second {
			return fmt.Errorf("the agent made a request %s ago", quiet)
		}
		return nil
	})
}

// restart is kill -9 and a start with the same cache.
func restart(ctx context.Context, l *lab) error {
	o, p, a, f := l.options, l.plane, l.agent, l.figures
	a.kill()
	offset := p.auditOffset()
	begun, err := a.start(ctx)
	if err != nil {
		return err
	}
	if err := eventually(ctx, time.Minute, 20*time.Millisecond, func() error {
		n, err := a.metric("plumb_apps_verified")
		if err != nil {
			return err
		}
		if int(n) != o.apps {
			return fmt.Errorf("%d of %d apps are verified", int(n), o.apps)
		}
		return nil
	}); err != nil {
		return err
	}
	f.Restart.Ready = time.Since(begun).Seconds()
	if f.Restart.Renders, err = a.metric("plumb_renders_total"); err != nil {
		return err
	}
	requests, _, err := p.requests(offset)
	if err != nil {
		return err
	}
	for _, r := range requests {
		if kindOf(r) == "managed_write" {
			f.Restart.Writes++
		}
	}
	return nil
}

func quantiles(sample []float64) Quantiles {
	slices.Sort(sample)
	at := func(q float64) float64 { return sample[min(len(sample)-1, int(q*float64(len(sample))))] }
	return Quantiles{P50: at(0.50), P95: at(0.95), N: len(sample)}
}
