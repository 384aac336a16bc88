package report

import (
	"fmt"
	"strings"

	"plumb.dev/plumb/internal/policy"
)

// FindingCounts counts findings: those that an exception covers only there.
type FindingCounts struct {
	Denied   int `json:"denied"`
	Approval int `json:"approval"` // that somebody has to agree to
	Warnings int `json:"warnings"`
	Excepted int `json:"excepted"`
}

// CountFindings counts.
func CountFindings(findings []policy.Finding) FindingCounts {
	var n FindingCounts
	for _, f := range findings {
		switch {
		case f.Exception != "":
			n.Excepted++
		case f.Level == policy.Deny:
			n.Denied++
		case f.Level == policy.Approve && f.Approved == "":
			n.Approval++
		case f.Level == policy.Warn:
			n.Warnings++
		}
	}
	return n
}

// String gives "1 denied, 2 to be approved, 3 warnings, 1 excepted", without what there is none of; "" for nothing at all.
func (n FindingCounts) String() string {
	var parts []string
	for _, part := range []struct {
		n    int
		word string
	}{{n.Denied, "denied"}, {n.Approval, "to be approved"}} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.word))
		}
	}
	if n.Warnings > 0 {
		parts = append(parts, plural(n.Warnings, "warning"))
	}
	if n.Excepted > 0 {
		parts = append(parts, fmt.Sprintf("%d excepted", n.Excepted))
	}
	return strings.Join(parts, ", ")
}

// PullFindings are findings as a pull request's plan holds them.
func PullFindings(findings []policy.Finding) []PullFinding {
	var out []PullFinding
	for _, f := range findings {
		p := PullFinding{Level: string(f.Level), Rule: f.Rule, App: f.App, Place: f.Place.String(), Message: f.Message, Groups: f.Groups}
		if f.App != "" {
			p.Object = f.Object.String()
		}
		switch {
		case f.Exception != "":
			p.Excused = "until " + f.Expires + ": " + f.Exception
		case f.Approved != "":
			p.Excused = "approved by " + f.Approved
		}
		out = append(out, p)
	}
	return out
}

// Findings lays out what policies have against objects: one block per finding, the gravest first as they come.
func (s Style) Findings(findings []policy.Finding) []string {
	var lines []string
	for _, f := range findings {
		sign, verdict := s.verdictOf(f)
		head := sign + " " + verdict + "  " + Clean(f.Rule)
		if f.App != "" {
			head += "  " + Clean(f.App) + "  " + Clean(f.Object.String())
		}
		lines = append(lines, head, "  "+Clean(f.Message))
		if place := f.Place.String(); place != "" {
			lines = append(lines, "  at    "+Clean(place))
		}
		if f.Link != "" {
			lines = append(lines, "  see   "+Clean(f.Link))
		}
	}
	return lines
}

// verdictOf gives the sign and the words of a finding.
func (s Style) verdictOf(f policy.Finding) (sign, words string) {
	switch {
	case f.Exception != "":
		return s.Mark(SignFine), "excepted until " + Clean(f.Expires) + ": " + Clean(f.Exception)
	case f.Level == policy.Deny:
		return s.Mark(SignWrong), "denied"
	case f.Level == policy.Approve && f.Approved != "":
		return s.Mark(SignFine), "approved by " + Clean(f.Approved)
	case f.Level == policy.Approve:
		return s.Mark(SignWarning), "needs approval of " + Clean(strings.Join(f.Groups, " or "))
	}
	return s.Mark(SignWarning), "warning"
}
