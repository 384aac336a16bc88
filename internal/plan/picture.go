package plan

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"plumb.dev/plumb/internal/health"
	"plumb.dev/plumb/internal/object"
)

// sight is what a Picture knows of one object, as it is serialised.
type sight struct {
	object.ID
	Live     *Live  `json:"live,omitempty"`
	Absent   bool   `json:"absent,omitempty"`
	Presumed bool   `json:"presumed,omitempty"`
	Wanted   *Claim `json:"wanted,omitempty"`
	GivenUp  string `json:"givenUp,omitempty"`

	Health   *health.Verdict `json:"health,omitempty"`
	Troubled bool            `json:"troubled,omitempty"`
}

// pictureFields are the fields of a Picture that JSON holds as they are.
type pictureFields Picture

type pictureJSON struct {
	pictureFields
	Objects         []sight           `json:"objects,omitempty"`
	Undecided       map[string]string `json:"undecided,omitempty"`
	LivingApps      *[]string         `json:"livingApps,omitempty"` // absent: they could not be listed
	EmptyNamespaces []string          `json:"emptyNamespaces,omitempty"`
}

// MarshalJSON writes what is known of each object in the order of IDs, so that equal Pictures have equal bytes.
func (p Picture) MarshalJSON() ([]byte, error) {
	out := pictureJSON{pictureFields: pictureFields(p), Undecided: p.Undecided, EmptyNamespaces: trueKeys(p.EmptyNamespaces)}
	if p.LivingApps != nil {
		living := trueKeys(p.LivingApps)
		out.LivingApps = &living
	}
	sights := map[object.ID]sight{}
	note := func(id object.ID, change func(*sight)) {
		s := sights[id]
		s.ID = id
		change(&s)
		sights[id] = s
	}
	for id, live := range p.Live {
		note(id, func(s *sight) { s.Live = &live })
	}
	for id, absent := range p.Absent {
		note(id, func(s *sight) { s.Absent = absent })
	}
	for id, presumed := range p.Presumed {
		note(id, func(s *sight) { s.Presumed = presumed })
	}
	for id, claim := range p.Wanted {
		note(id, func(s *sight) { s.Wanted = &claim })
	}
	for id, uid := range p.GivenUp {
		note(id, func(s *sight) { s.GivenUp = uid })
	}
	for id, v := range p.Health {
		note(id, func(s *sight) { s.Health = &v })
	}
	for id, troubled := range p.Troubled {
		note(id, func(s *sight) { s.Troubled = troubled })
	}
	for _, id := range slices.SortedFunc(maps.Keys(sights), object.ID.Compare) {
		out.Objects = append(out.Objects, sights[id])
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON wrote. Another version is refused.
func (p *Picture) UnmarshalJSON(data []byte) error {
	var in pictureJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return fmt.Errorf("read a picture: %w", err)
	}
	if in.Version != Version {
		return fmt.Errorf("read a picture: its version is %d, this program reads %d", in.Version, Version)
	}
	*p = Picture(in.pictureFields)
	p.Live, p.Absent = map[object.ID]Live{}, map[object.ID]bool{}
	p.Wanted, p.GivenUp = map[object.ID]Claim{}, map[object.ID]string{}
	p.Undecided, p.EmptyNamespaces = in.Undecided, keySet(in.EmptyNamespaces)
	if in.LivingApps != nil {
		p.LivingApps = keySet(*in.LivingApps)
	}
	for _, s := range in.Objects {
		p.see(s)
	}
	return nil
}

func (p *Picture) see(s sight) {
	if s.Live != nil {
		p.Live[s.ID] = *s.Live
	}
	if s.Absent {
		p.Absent[s.ID] = true
	}
	if s.Presumed {
		if p.Presumed == nil {
			p.Presumed = map[object.ID]bool{}
		}
		p.Presumed[s.ID] = true
	}
	if s.Wanted != nil {
		p.Wanted[s.ID] = *s.Wanted
	}
	if s.GivenUp != "" {
		p.GivenUp[s.ID] = s.GivenUp
	}
	if s.Health != nil {
		if p.Health == nil {
			p.Health = map[object.ID]health.Verdict{}
		}
		p.Health[s.ID] = *s.Health
	}
	if s.Troubled {
		if p.Troubled == nil {
			p.Troubled = map[object.ID]bool{}
		}
		p.Troubled[s.ID] = true
	}
}

func trueKeys(set map[string]bool) []string {
	keys := []string{}
	for key, is := range set {
		if is {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

func keySet(keys []string) map[string]bool {
	set := make(map[string]bool, len(keys))
	for _, key := range keys {
		set[key] = true
	}
	return set
}
