package server

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/board"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/report"
)

// nothing is asked.
type nothing struct{}

// Me says who asks, and which agent answers.
type Me struct {
	Name      string     `json:"name"`
	Groups    []string   `json:"groups"`
	How       string     `json:"how" enum:"token,kubeconfig,oidc"`
	Expires   *time.Time `json:"expires,omitempty" doc:"When the session ends; absent if it does not"`
	Logout    bool       `json:"logout" doc:"There is a session that may be ended"`
	Version   string     `json:"version" doc:"Of the agent"`
	Simulated bool       `json:"simulated" doc:"Pods are simulated here"`
	ReadOnly  bool       `json:"readOnly" doc:"The agent shows what it would do, and writes no object of a user"`
	Weak      string     `json:"weak" doc:"What the sandbox of renders lacks on this kernel; empty is nothing"`
	Cluster   MyCluster  `json:"cluster"`
}

// MyCluster is the cluster that the agent runs in.
type MyCluster struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

func (s *server) me(ctx context.Context, _ *nothing) (Me, error) {
	who := asker(ctx).Who()
	me := Me{
		Name: who.Name, Groups: orNone(who.Groups), How: who.How, Logout: who.Logout,
		Version: s.Version, Simulated: s.Simulated, ReadOnly: s.Reader.Agent().ReadOnly, Weak: s.Weak, Cluster: MyCluster{Name: "local"},
	}
	if !who.Expires.IsZero() {
		me.Expires = &who.Expires
	}
	if c := s.local(); c != nil {
		me.Cluster.Version = c.Status.Version
	}
	return me, nil
}

// local gives the cluster that the agent runs in, if it is known.
func (s *server) local() *v1alpha1.Cluster {
	for _, c := range s.clusters() {
		if c.Name == "local" {
			return &c
		}
	}
	return nil
}

func (s *server) clusters() []v1alpha1.Cluster {
	if s.Clusters == nil {
		return nil
	}
	return s.Clusters()
}

// agent gives how the agent is.
func (s *server) agent() board.Agent {
	a := s.Reader.Agent()
	return board.Agent{Heard: a.Heard.UTC(), Silent: a.Silent(s.Now()), ReadOnly: a.ReadOnly}
}

// appsQuery chooses apps.
type appsQuery struct {
	Q         string   `query:"q" maxLength:"200" doc:"Words that are all found in names, commits, authors or the sentence of a state"`
	State     []string `query:"state" maxItems:"20" doc:"State words, with commas between"`
	Env       []string `query:"env" maxItems:"100"`
	Cluster   []string `query:"cluster" maxItems:"100"`
	Repo      []string `query:"repo" maxItems:"100" doc:"<namespace>/<name>"`
	Namespace []string `query:"namespace" maxItems:"100"`
	Sort      string   `query:"sort" enum:"trouble,name,changed" default:"trouble" doc:"trouble: what needs a person first, then what changed last"`
	Limit     int      `query:"limit" minimum:"1" maximum:"500" default:"100"`
	Cursor    string   `query:"cursor" maxLength:"4000" doc:"next of the page before"`
}

func (s *server) listApps(ctx context.Context, q *appsQuery) (board.Page, error) {
	sight, err := sees(ctx)
	if err != nil {
		return board.Page{}, err
	}
	return s.Board.List(sight, board.Query{
		Text: q.Q, State: q.State, Env: q.Env, Cluster: q.Cluster, Repo: q.Repo, Namespace: q.Namespace,
		Sort: q.Sort, Limit: q.Limit, Cursor: q.Cursor, Silent: s.agent().Silent != "",
	})
}

// AppName names an App object in an address.
type AppName struct {
	Namespace string `path:"namespace" maxLength:"63"`
	Name      string `path:"name" maxLength:"253"`
}

// OneApp is one App object in full.
type OneApp struct {
	Row      board.Row      `json:"row"`
	App      v1alpha1.App   `json:"app" doc:"As docs/reference/resources.md says, without managedFields"`
	Siblings []board.Row    `json:"siblings" doc:"The same app in all environments and clusters, itself among them, in the order of promotion"`
	Why      []string       `json:"why" doc:"What plumb why says, line by line"`
	Consent  []string       `json:"consent" doc:"Lines of a commit message that let held deletions go"`
	Can      map[string]Can `json:"can" doc:"What you may do now (sync, restore, pause, resume, retry, revert) and read (logs, events, entries); if not, why"`
}

func (s *server) oneApp(ctx context.Context, in *AppName) (OneApp, error) {
	sight, err := sees(ctx)
	if err != nil {
		return OneApp{}, err
	}
	row, ok := s.Board.Row(sight, in.Namespace+"/"+in.Name)
	app, found := s.Reader.App(in.Namespace, in.Name)
	if !ok || !found {
		return OneApp{}, noSuchApp()
	}
	silent := s.agent().Silent != ""
	app.TypeMeta, app.ManagedFields = typeOf("App"), nil
	out := OneApp{Row: board.Say(row, silent), App: app, Siblings: s.Board.Siblings(sight, row.Namespace, row.App)}
	for i := range out.Siblings {
		out.Siblings[i] = board.Say(out.Siblings[i], silent)
	}
	out.Why = orNone(report.Style{}.Why(report.Target{App: app, State: out.Row.State}, commitOf(out.Row.Change), s.Reader.Agent(), s.Now()))
	out.Consent = orNone(report.Target{App: app, State: row.State}.ConsentLines())
	out.Can = map[string]Can{}
	if actor, ok := asker(ctx).(Actor); ok {
		out.Can = actor.Can(ctx, &app)
	}
	return out, nil
}

// commitOf gives the commit of a row's newest change; nil if it is not known.
func commitOf(c *board.ChangeLine) *v1alpha1.CommitLine {
	if c == nil {
		return nil
	}
	return &v1alpha1.CommitLine{ID: c.ID, Author: c.Author, Subject: c.Subject}
}

// changesQuery chooses changes.
type changesQuery struct {
	Q      string   `query:"q" maxLength:"200" doc:"Words that are all found in the commit, its author and subject, or the names of its apps"`
	Repo   []string `query:"repo" maxItems:"100"`
	Author []string `query:"author" maxItems:"20"`
	Env    []string `query:"env" maxItems:"100"`
	State  []string `query:"state" maxItems:"20"`
	App    []string `query:"app" maxItems:"100" doc:"Name in the fleet, or <namespace>/<name> of an App object"`
	Sort   string   `query:"sort" enum:"newest,trouble" default:"newest" doc:"newest: the one that was seen last first; trouble: by state, the worst first"`
	Limit  int      `query:"limit" minimum:"1" maximum:"500" default:"100"`
	Cursor string   `query:"cursor" maxLength:"4000"`
}

func (s *server) listChanges(ctx context.Context, q *changesQuery) (board.ChangePage, error) {
	sight, err := sees(ctx)
	if err != nil {
		return board.ChangePage{}, err
	}
	return s.Board.Changes(sight, board.ChangeQuery{
		Text: q.Q, Repo: q.Repo, Author: q.Author, Env: q.Env, State: q.State, App: q.App, Sort: q.Sort, Limit: q.Limit, Cursor: q.Cursor,
	})
}

// commitName names a commit in an address.
type commitName struct {
	Commit string `path:"commit" pattern:"^[0-9a-f]{7,64}$" doc:"Its id, or the first seven digits or more"`
	Repo   string `query:"repo" maxLength:"400" doc:"<namespace>/<name>; any, if it is left out"`
}

// OneChange is a commit, and what it changed.
type OneChange struct {
	board.Change
	Objects []ChangedObjects `json:"objects" doc:"What it changed in each app whose Entries you may read"`
	NotTold string           `json:"notTold,omitempty" doc:"Why some of it is not told"`
	Reverts []ChangeRevert   `json:"reverts" doc:"For each target, whether you can have its part of the commit taken back now; if not, why"`
}

// ChangedObjects is what a commit changed in one app.
type ChangedObjects struct {
	ID         string                  `json:"id" doc:"<namespace>/<name> of the App object"`
	Previous   string                  `json:"previous,omitempty" doc:"The commit that was applied before"`
	Changes    []v1alpha1.ObjectChange `json:"changes"`
	Counts     map[string]int          `json:"counts,omitempty"`
	LeftOut    *v1alpha1.LeftOut       `json:"leftOut,omitempty"`
	Incomplete bool                    `json:"incomplete,omitempty" doc:"What changed is not known in full"`
}

// maxRecords is for how many apps of a commit the record is read.
const maxRecords = 50

func (s *server) oneChange(ctx context.Context, in *commitName) (OneChange, error) {
	sight, err := sees(ctx)
	if err != nil {
		return OneChange{}, err
	}
	change, ok := s.Board.Change(sight, in.Repo, in.Commit)
	if !ok {
		return OneChange{}, fault.New(fault.RevisionNotFound, "no app that you may see was changed by such a commit, as far as is remembered").WithNext("plumb history APP has the whole record of an app")
	}
	out := OneChange{Change: change, Objects: []ChangedObjects{}}
	s.reverts(ctx, &out)
	return out, s.records(ctx, &out)
}

// recordsAtOnce is how many apps' records are read at once.
const recordsAtOnce = 6

// records adds what the Entries of a change say, to whoever may read them, in the order of its targets.
func (s *server) records(ctx context.Context, out *OneChange) error {
	if s.Entries == nil {
		return nil
	}
	apps, err := s.readable(ctx, out)
	if err != nil {
		return err
	}
	told := make([][]ChangedObjects, len(apps))
	reading, ctx := errgroup.WithContext(ctx)
	reading.SetLimit(recordsAtOnce)
	for i, app := range apps {
		reading.Go(func() error {
			entries, err := s.Entries(ctx, app, out.ID)
			for _, e := range entries {
				told[i] = append(told[i], changedObjects(app.Namespace+"/"+app.Name, e))
			}
			return err
		})
	}
	if err := reading.Wait(); err != nil {
		return err
	}
	out.Objects = append(out.Objects, slices.Concat(told...)...)
	return nil
}

// readable gives the apps of a change whose Entries a person may read, and says why others are left out.
func (s *server) readable(ctx context.Context, out *OneChange) ([]v1alpha1.App, error) {
	var apps []v1alpha1.App
	may := map[string]bool{}
	for i, t := range out.Targets {
		if i == maxRecords {
			out.NotTold = "the record is read for the first " + strconv.Itoa(maxRecords) + " apps only"
			break
		}
		app, found := s.Reader.App(namespaceAndName(t.ID))
		if !found {
			continue
		}
		allowed, asked := may[app.Namespace]
		if !asked {
			verdicts, err := asker(ctx).May(ctx, []Right{{Verb: "list", Group: v1alpha1.GroupVersion.Group, Resource: "entries", Namespace: app.Namespace}})
			if err != nil {
				return nil, err
			}
			if allowed = len(verdicts) == 1 && verdicts[0].OK; !allowed && len(verdicts) == 1 {
				out.NotTold = verdicts[0].Why
			}
			may[app.Namespace] = allowed
		}
		if allowed {
			apps = append(apps, app)
		}
	}
	return apps, nil
}

func changedObjects(id string, e v1alpha1.Entry) ChangedObjects {
	return ChangedObjects{
		ID: id, Previous: e.Revision.Previous, Changes: orNone(e.Revision.Changes), Counts: e.Revision.Counts,
		LeftOut: e.LeftOut, Incomplete: e.Revision.Incomplete,
	}
}

// ListQuery is what all lists that are gone through whole are asked by.
type ListQuery struct {
	Q      string `query:"q" maxLength:"200" doc:"Words that are all found in an item"`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"500"`
	Cursor string `query:"cursor" maxLength:"4000" doc:"next of the page before"`
}

func (q ListQuery) of(sort string, chosen map[string][]string) board.ListQuery {
	return board.ListQuery{Text: q.Q, Chosen: chosen, Sort: sort, Limit: q.Limit, Cursor: q.Cursor}
}

// driftQuery chooses fields that differ or were put right.
type driftQuery struct {
	ListQuery
	State     []string `query:"state" maxItems:"2" doc:"open: differs now; healed: was undone"`
	Manager   []string `query:"manager" maxItems:"100" doc:"Field managers"`
	Kind      []string `query:"kind" maxItems:"5" doc:"changed, removed, added, missing or label"`
	Namespace []string `query:"namespace" maxItems:"100" doc:"Of the App objects"`
	Sort      string   `query:"sort" enum:"newest,app" default:"newest" doc:"newest: what differs now first, then what was seen or undone last"`
}

func (s *server) drift(ctx context.Context, q *driftQuery) (board.DriftPage, error) {
	sight, err := sees(ctx)
	if err != nil {
		return board.DriftPage{}, err
	}
	return s.Board.Drift(sight, q.of(q.Sort, map[string][]string{"state": q.State, "manager": q.Manager, "kind": q.Kind, "namespace": q.Namespace}))
}

// RepoList is a page of Repos.
type RepoList struct{ board.Part[board.RepoRow] }

// reposQuery chooses Repos.
type reposQuery struct {
	ListQuery
	State     []string `query:"state" maxItems:"4" doc:"ok, failed, deciding or new"`
	Namespace []string `query:"namespace" maxItems:"100"`
	Sort      string   `query:"sort" enum:"name,trouble" default:"name"`
}

func (s *server) listRepos(ctx context.Context, q *reposQuery) (RepoList, error) {
	sight, err := sees(ctx)
	if err != nil {
		return RepoList{}, err
	}
	page, err := s.Board.Repos(sight, q.of(q.Sort, map[string][]string{"state": q.State, "namespace": q.Namespace}))
	return RepoList{page}, err
}

// figuresQuery chooses what figures are of.
type figuresQuery struct {
	Days int    `query:"days" minimum:"1" maximum:"365" default:"30"`
	App  string `query:"app" maxLength:"400" doc:"Name in the fleet, or <namespace>/<name> of an App object; all, if it is left out"`
	Env  string `query:"env" maxLength:"63"`
}

func (s *server) figures(ctx context.Context, q *figuresQuery) (board.Figures, error) {
	sight, err := sees(ctx)
	if err != nil {
		return board.Figures{}, err
	}
	return s.Board.Figures(sight, board.FiguresQuery{Days: q.Days, App: q.App, Env: q.Env}, s.Now()), nil
}

// ClusterList is the agent's own cluster, those of the Apps that a person sees, and for who sees all Apps also those without any.
type ClusterList struct{ board.Part[ClusterRow] }

// clustersQuery chooses clusters.
type clustersQuery struct {
	ListQuery
	Version []string `query:"version" maxItems:"100" doc:"Of Kubernetes"`
	Sort    string   `query:"sort" enum:"own,name" default:"own" doc:"own: the agent's own cluster first"`
}

var clusterListing = board.Listing[ClusterRow]{
	ID:      func(c *ClusterRow) string { return c.Name },
	Text:    func(c *ClusterRow) string { return c.Name + "\n" + c.Version + "\n" + c.UID },
	Columns: map[string]func(*ClusterRow) string{"version": func(c *ClusterRow) string { return c.Version }},
	Orders: []board.Order[ClusterRow]{
		{Name: "own", Key: func(c *ClusterRow) string {
			if c.Agent != nil {
				return ""
			}
			return "other"
		}},
		{Name: "name", Key: func(*ClusterRow) string { return "" }},
	},
}

// ClusterRow is one cluster.
type ClusterRow struct {
	Name    string        `json:"name"`
	Version string        `json:"version,omitempty" doc:"Of Kubernetes"`
	UID     string        `json:"uid,omitempty" doc:"Of its namespace kube-system"`
	Heard   *time.Time    `json:"heard,omitempty"`
	Apps    []board.Facet `json:"apps" doc:"How many apps are how"`
	Agent   *ClusterAgent `json:"agent,omitempty" doc:"The agent that answers, at its own cluster"`
	Checks  []ClusterFact `json:"checks" doc:"What the agent needs to do its work"`
}

// ClusterAgent is the agent of a cluster.
type ClusterAgent struct {
	board.Agent
	Version   string `json:"version"`
	Simulated bool   `json:"simulated"`
	Weak      string `json:"weak,omitempty" doc:"What the sandbox of renders lacks on this kernel"`
}

// ClusterFact is one thing that the agent needs, and how it is.
type ClusterFact struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	Text string `json:"text"`
}

func (s *server) listClusters(ctx context.Context, q *clustersQuery) (ClusterList, error) {
	sight, err := sees(ctx)
	if err != nil {
		return ClusterList{}, err
	}
	counts := s.Board.Counts(sight, s.agent().Silent != "")
	known := map[string]v1alpha1.Cluster{"local": {}}
	names := []string{"local"}
	for _, c := range s.clusters() {
		if _, theirs := counts[c.Name]; !sight.All && !theirs && c.Name != "local" {
			continue
		}
		if _, there := known[c.Name]; !there {
			names = append(names, c.Name)
		}
		known[c.Name] = c
	}
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		if _, there := known[name]; !there {
			names = append(names, name)
		}
	}
	var all []ClusterRow
	for _, name := range names {
		all = append(all, s.clusterRow(name, known[name], counts[name]))
	}
	page, _, err := clusterListing.Of(all, q.of(q.Sort, map[string][]string{"version": q.Version}))
	return ClusterList{page}, err
}

func (s *server) clusterRow(name string, c v1alpha1.Cluster, apps []board.Facet) ClusterRow {
	agent := s.agent()
	row := ClusterRow{Name: name, Version: c.Status.Version, UID: c.Status.UID, Apps: orNone(apps), Checks: []ClusterFact{}}
	if seen := c.Status.LastSeen; seen != nil {
		at := seen.UTC()
		row.Heard = &at
	}
	if name != "local" {
		return row
	}
	row.Agent = &ClusterAgent{Agent: agent, Version: s.Version, Simulated: s.Simulated, Weak: s.Weak}
	if s.Ready != nil {
		for _, check := range s.Ready() {
			row.Checks = append(row.Checks, ClusterFact(check))
		}
	}
	return row
}

// PullList is the open pull requests that have a plan, or wait for somebody's word.
type PullList struct{ board.Part[board.PullRow] }

// pullsQuery chooses pull requests.
type pullsQuery struct {
	ListQuery
	Status []string `query:"status" maxItems:"3" doc:"pending, success or failure"`
	Repo   []string `query:"repo" maxItems:"100" doc:"<namespace>/<name>"`
	Author []string `query:"author" maxItems:"20"`
	Sort   string   `query:"sort" enum:"repo,trouble" default:"repo" doc:"repo: the newest of each Repo first; trouble: what failed, then what waits, then the most risks"`
}

func (s *server) listPulls(ctx context.Context, q *pullsQuery) (PullList, error) {
	sight, err := sees(ctx)
	if err != nil {
		return PullList{}, err
	}
	page, err := s.Board.Pulls(sight, q.of(q.Sort, map[string][]string{"status": q.Status, "repo": q.Repo, "author": q.Author}))
	return PullList{page}, err
}

// pullName names a pull request in an address.
type pullName struct {
	Namespace string `path:"namespace" maxLength:"63"`
	Name      string `path:"name" maxLength:"253"`
	Number    int    `path:"number" minimum:"1"`
}

// OnePull is the plan of a pull request, with the status that plumb gives it.
type OnePull struct {
	report.PullPlan
	Status string `json:"status" enum:"pending,success,failure"`
	Line   string `json:"line"`
}

func (s *server) onePull(_ context.Context, in *pullName) (OnePull, error) {
	if s.Pull != nil {
		if plan, found := s.Pull(in.Namespace+"/"+in.Name, in.Number); found {
			out := OnePull{PullPlan: plan}
			out.Status, out.Line = report.PullStatus(plan)
			return out, nil
		}
	}
	return OnePull{}, &Refusal{*fault.New(fault.PathNotFound, "there is no plan of such a pull request").WithNext("those that are open have one"), http.StatusNotFound}
}
