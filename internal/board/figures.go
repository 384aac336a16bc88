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
	Failed    int       `json:"failed" doc:"Deploys that failed, for a time or for good, or that a later one took back"`
	Reverted  int       `json:"reverted" doc:"Of them, those that were taken back"`
	Rate      *float64  `json:"failureRate,omitempty" doc:"Failed of all, 0 to 1"`
	Recovered int       `json:"recovered" doc:"Of Failed, those after which the app was healthy again: with the same commit, with a later one, or with the one that took it back"`
	Recovery  *float64  `json:"recoveryP50,omitempty" doc:"Seconds from when such a commit was seen until the app was healthy again: half took no longer"`
	Buckets   []Day     `json:"buckets" doc:"One for each day, the oldest first"`
	Since     time.Time `json:"since" doc:"When the first deploy was seen of those that are known, now if there is none"`
	LeftOut   bool      `json:"leftOut" doc:"There were more: what was seen before Since is forgotten"`
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

// Figures works out the figures up to now.
func (b *Board) Figures(sight Sight, q FiguresQuery, now time.Time) Figures {
	days := min(max(q.Days, 1), 365)
	midnight := now.UTC().Truncate(24 * time.Hour)
	from := midnight.AddDate(0, 0, 1-days)
	f := Figures{Days: days, From: from, Since: now.UTC(), Buckets: []Day{}}
	c := counting{days: make([]day, days), from: from}
	b.mu.RLock()
	defer b.mu.RUnlock()
	for i := range b.history.past.apps {
		a := &b.history.past.apps[i]
		if len(a.deploys) == 0 || !q.wants(a) || !sight.Sees(namespaceOf(a.id)) {
			continue
		}
		if at := time.UnixMicro(a.deploys[0].seen).UTC(); at.Before(f.Since) {
			f.Since = at
		}
		c.take(a.deploys, &f)
	}
	f.LeftOut = b.history.past.floor >= from.UnixMicro()
	f.PerDay = float64(f.Deploys) / float64(days)
	if f.Deploys > 0 {
		rate := float64(f.Failed) / float64(f.Deploys)
		f.Rate = &rate
	}
	f.LeadP50, f.LeadP95, f.Recovery = percentile(c.leads, 50), percentile(c.leads, 95), percentile(c.recoveries, 50)
	for i, d := range c.days {
		f.Buckets = append(f.Buckets, Day{from.AddDate(0, 0, i).Format(time.DateOnly), d.deploys, d.failed, percentile(d.leads, 50), percentile(d.leads, 95)})
	}
	return f
}

func (q *FiguresQuery) wants(a *pastApp) bool {
	return (q.App == "" || a.app == q.App || a.id == q.App) && (q.Env == "" || a.env == q.Env)
}

// counting is figures on their way over the apps.
type counting struct {
	from              time.Time
	days              []day
	leads, recoveries []float64
}

// take counts the deploys of one app, the oldest first.
func (c *counting) take(deploys []deploy, f *Figures) {
	reverts := slices.ContainsFunc(deploys, func(d deploy) bool { return d.isRevert() }) // in most apps nothing is
	for i := range deploys {
		d := &deploys[i]
		n := int(time.UnixMicro(d.seen).Sub(c.from) / (24 * time.Hour))
		if d.seen < c.from.UnixMicro() || n >= len(c.days) {
			continue
		}
		var back *deploy
		if reverts {
			back = takenBackBy(deploys[i:])
		}
		if bad := d.failed || back != nil; bad {
			f.Failed++
			c.days[n].failed++
			at := nextHealthy(deploys[i:])
			if back != nil {
				f.Reverted++
				if !d.failed { // it was healthy, and no good
					at = back.healthy
				}
			}
			if at != 0 {
				f.Recovered++
				c.recoveries = append(c.recoveries, float64(at-d.seen)/1e6)
			}
		}
		if d.applied == 0 && !d.failed {
			continue
		}
		f.Deploys++
		c.days[n].deploys++
		if d.healthy != 0 && d.committed != 0 && d.healthy > d.committed {
			lead := float64(d.healthy-d.committed) / 1e6
			c.leads, c.days[n].leads = append(c.leads, lead), append(c.days[n].leads, lead)
		}
	}
}

// failed tells whether a commit failed in an app, for a time or for good.
func (s step) failed() bool {
	switch s.result {
	case "failed":
		return true
	case "superseded", "held", "rolling", "waiting", "paused":
		return false
	}
	return s.reason != "" && s.healthy == 0
}

// revertedWithin is among how many deploys after one the revert of it is looked for.
const revertedWithin = 50

// takenBackBy finds the deploy that takes the first one back; nil is none.
func takenBackBy(deploys []deploy) *deploy {
	for i := range deploys[1:min(len(deploys), revertedWithin+1)] {
		if d := &deploys[i+1]; d.takesBack(&deploys[0]) {
			return d
		}
	}
	return nil
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

// percentile gives the nearest-rank percentile; nil of nothing. The values change places.
func percentile(values []float64, p int) *float64 {
	if len(values) == 0 {
		return nil
	}
	v := nth(values, (len(values)*p+99)/100-1)
	return &v
}

// nth gives the value that would stand at a place if all were sorted, by sorting only what is around it (Hoare's selection).
func nth(values []float64, n int) float64 {
	for len(values) > 32 {
		pivot := median(values[0], values[len(values)/2], values[len(values)-1])
		i, j := 0, len(values)-1
		for i <= j {
			for values[i] < pivot {
				i++
			}
			for values[j] > pivot {
				j--
			}
			if i <= j {
				values[i], values[j] = values[j], values[i]
				i, j = i+1, j-1
			}
		}
		switch {
		case n <= j:
			values = values[:j+1]
		case n >= i:
			values, n = values[i:], n-i
		default:
			return values[n]
		}
	}
	slices.Sort(values)
	return values[n]
}

func median(a, b, c float64) float64 { return max(min(a, b), min(max(a, b), c)) }
