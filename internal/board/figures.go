package board

import (
	"slices"
	"time"
)

// Figures are the four that DORA's research knows a delivery by, over some days.
type Figures struct {
	Days      int       `json:"days"`
	From      time.Time `json:"from"`
	Deploys   int       `json:"deploys" doc:"Revisions that were applied to an app, each app counted"`
	PerDay    float64   `json:"perDay" doc:"Deploys per day"`
	LeadP50   *float64  `json:"leadP50,omitempty" doc:"Seconds from the commit's time to healthy: half of the deploys took no longer"`
	LeadP95   *float64  `json:"leadP95,omitempty"`
	Failed    int       `json:"failed" doc:"Deploys that failed, for a time or for good"`
	Rate      *float64  `json:"failureRate,omitempty" doc:"Failed of all, 0 to 1"`
	Recovered int       `json:"recovered" doc:"Failures after which the app was healthy again"`
	Recovery  *float64  `json:"recoveryP50,omitempty" doc:"Seconds from when a commit that failed was seen until the app was healthy again: half took no longer"`
	Buckets   []Day     `json:"buckets" doc:"One for each day, the oldest first"`
	Since     time.Time `json:"since" doc:"What is older is not known: the figures are of the commits that are remembered"`
}

// Day is one day of Figures.
type Day struct {
	Day     string   `json:"day" doc:"YYYY-MM-DD, UTC"`
	Deploys int      `json:"deploys"`
	Failed  int      `json:"failed"`
	LeadP50 *float64 `json:"leadP50,omitempty"`
	LeadP95 *float64 `json:"leadP95,omitempty"`
}

// FiguresQuery chooses what figures are of.
type FiguresQuery struct {
	Days int // 1 to 365
	App  string
	Env  string
}

// day gathers what happened on one.
type day struct {
	deploys, failed int
	leads           []float64
}

// deploy is a step with the time of its commit.
type deploy struct {
	step
	committed int64
}

// Figures works out the figures up to now.
func (b *Board) Figures(sight Sight, q FiguresQuery, now time.Time) Figures {
	days := min(max(q.Days, 1), 365)
	midnight := now.UTC().Truncate(24 * time.Hour)
	from := midnight.AddDate(0, 0, 1-days)
	f := Figures{Days: days, From: from, Since: now.UTC(), Buckets: []Day{}}
	all := make([]day, days)
	var leads, recoveries []float64
	for _, deploys := range b.deploys(sight, q) {
		for i, d := range deploys {
			if at := time.UnixMicro(d.seen).UTC(); at.Before(f.Since) {
				f.Since = at
			}
			n := int(time.UnixMicro(d.seen).Sub(from) / (24 * time.Hour))
			if d.seen < from.UnixMicro() || n >= days {
				continue
			}
			failed := d.result == "failed" || d.reason != "" && d.result != "superseded" && d.result != "held" && d.healthy == 0 && d.result != "rolling" && d.result != "waiting" && d.result != "paused"
			if failed {
				f.Failed++
				all[n].failed++
				if at := nextHealthy(deploys[i:]); at != 0 {
					f.Recovered++
					recoveries = append(recoveries, float64(at-d.seen)/1e6)
				}
			}
			if d.applied == 0 && !failed {
				continue
			}
			f.Deploys++
			all[n].deploys++
			if d.healthy != 0 && d.committed != 0 && d.healthy > d.committed {
				lead := float64(d.healthy-d.committed) / 1e6
				leads, all[n].leads = append(leads, lead), append(all[n].leads, lead)
			}
		}
	}
	f.PerDay = float64(f.Deploys) / float64(days)
	if f.Deploys > 0 {
		rate := float64(f.Failed) / float64(f.Deploys)
		f.Rate = &rate
	}
	f.LeadP50, f.LeadP95, f.Recovery = percentile(leads, 50), percentile(leads, 95), percentile(recoveries, 50)
	for i, d := range all {
		f.Buckets = append(f.Buckets, Day{from.AddDate(0, 0, i).Format(time.DateOnly), d.deploys, d.failed, percentile(d.leads, 50), percentile(d.leads, 95)})
	}
	return f
}

// deploys gives what each app went through, the oldest first.
func (b *Board) deploys(sight Sight, q FiguresQuery) map[string][]deploy {
	b.mu.RLock()
	defer b.mu.RUnlock()
	out := map[string][]deploy{}
	for _, c := range b.history.commits {
		committed := int64(0)
		if !c.line.Time.IsZero() {
			committed = c.line.Time.UnixMicro()
		}
		for id, s := range c.steps {
			if s.seen == 0 || q.App != "" && s.app != q.App && id != q.App || q.Env != "" && s.env != q.Env || !sight.Sees(namespaceOf(id)) {
				continue
			}
			out[id] = append(out[id], deploy{s, committed})
		}
	}
	for _, deploys := range out {
		slices.SortFunc(deploys, func(x, y deploy) int { return int(min(1, max(-1, x.seen-y.seen))) })
	}
	return out
}

// nextHealthy is when the app was healthy after the first of the deploys, itself among them; 0 is not yet.
func nextHealthy(deploys []deploy) int64 {
	for _, d := range deploys {
		if d.healthy != 0 {
			return d.healthy
		}
	}
	return 0
}

// percentile gives the nearest-rank percentile; nil of nothing.
func percentile(values []float64, p int) *float64 {
	if len(values) == 0 {
		return nil
	}
	slices.Sort(values)
	v := values[(len(values)*p+99)/100-1]
	return &v
}
