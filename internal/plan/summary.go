package plan

// Explain gives one line per step, for people.
func Explain(p Plan) []string {
	var lines []string
	for _, s := range p.Steps {
		lines = append(lines, string(s.Action)+" "+s.ID.String()+": "+s.Why)
	}
	return lines
}
