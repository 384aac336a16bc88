package plan

// HoldReason TODO
type HoldReason string
type removal struct{}

func (m *maker) removalSteps() []Step    { return nil }
func (m *maker) consumed() []Consent     { return nil }
func (m *maker) copiesWarning() []string { return nil }
