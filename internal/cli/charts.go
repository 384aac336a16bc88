package cli

import (
	"context"
	"io/fs"
	"path/filepath"
	"sync"

	"github.com/spf13/pflag"

	"plumb.dev/plumb/internal/chart"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/fleet"
	"plumb.dev/plumb/internal/render"
)

// charts fetches what apps need from elsewhere, each chart once. Its store is the person's own: it asks every address that a folder
// names, with the person's own credential for that address, if there is one.
type charts struct {
	store *chart.Store
	env   Env

	mu     sync.Mutex
	known  map[chart.Ref]fetched
	logins *logins // nil until somebody is asked
}

type fetched struct {
	chart *chart.Chart
	err   error
}

// noFetchFlag adds the flag that keeps a verb from the network.
func noFetchFlag(flags *pflag.FlagSet, to *bool) {
	flags.BoolVar(to, "no-fetch", false, "fetch no charts from elsewhere: use those that an earlier call has fetched")
}

func openCharts(env Env, noFetch bool) (*charts, error) {
	dir := filepath.Join(filepath.Dir(clonesDir(env)), "charts")
	store, err := chart.Open(dir, chart.Options{Private: true, Offline: noFetch})
	return &charts{store: store, env: env, known: map[chart.Ref]fetched{}}, err
}

// complete gives a request the charts from elsewhere that an app is made of.
func (c *charts) complete(ctx context.Context, tree fs.FS, app fleet.App, req *render.Request) error {
	if req.Render != fleet.Helm {
		return nil
	}
	if app.Settings.Helm != nil && app.Settings.Helm.Chart != nil {
		s := app.Settings.Helm.Chart
		found, err := c.fetch(ctx, chart.Ref{Repo: s.Repo, Name: s.Name, Version: s.Version, Digest: s.Digest})
		if err != nil {
			return fault.Of(err, fault.FetchFailed).At(app.Places["helm"])
		}
		req.UseChart(found.FS(), found.File())
		return nil
	}
	missing, err := chart.Missing(tree, app.Path)
	if err != nil {
		return err
	}
	for _, d := range missing {
		if d.Folder != "" {
			req.AddFolder(d.Name, d.Folder)
			continue
		}
		found, err := c.fetch(ctx, d.Ref)
		if err != nil {
			return fault.Of(err, fault.FetchFailed).At(d.Place)
		}
		req.AddArchive(found.Ref.Name+"-"+found.Version, found.FS(), found.File())
	}
	return nil
}

// fetch fetches a chart; a range means the same for all apps of one call.
func (c *charts) fetch(ctx context.Context, ref chart.Ref) (*chart.Chart, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	known, ok := c.known[ref]
	if ok {
		return known.chart, known.err
	}
	if c.logins == nil {
		read, err := readLogins(c.env)
		if err != nil {
			return nil, err
		}
		c.logins = &read
	}
	known.chart, known.err = c.store.Fetch(ctx, chart.Want{Ref: ref, Access: c.logins.access})
	known.err = c.logins.advise(known.err, ref.Repo)
	c.known[ref] = known
	return known.chart, known.err
}
