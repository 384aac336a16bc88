package report

import "slices"

// Risk is a word for what a change does besides what it says.
type Risk string

// The risks.
const (
	RiskDataLoss   Risk = "data-loss"  // what is stored goes
	RiskContents   Risk = "contents"   // other objects go with it: a Namespace, a definition
	RiskRights     Risk = "rights"     // somebody may do more than before
	RiskRecreate   Risk = "recreate"   // deleted and made anew
	RiskSelector   Risk = "selector"   // other pods are selected
	RiskDowntime   Risk = "downtime"   // all pods stop before new ones start
	RiskRestart    Risk = "restart"    // pods are replaced one after the other
	RiskAutoscaler Risk = "autoscaler" // an autoscaler and Git disagree about a number
	RiskShrink     Risk = "shrink"     // a volume is to become smaller, which no storage does
	RiskUnchecked  Risk = "unchecked"  // the API server could not be asked
)

// gravest lists the risks, the gravest first, with the words that stand in a verdict.
var gravest = []struct {
	risk Risk
	text string
}{
	{RiskDataLoss, "deletes data"},
	{RiskContents, "deletes everything in a Namespace or of a kind"},
	{RiskRights, "widens rights"},
	{RiskRecreate, "recreates objects"},
	{RiskShrink, "shrinks a volume"},
	{RiskSelector, "selects other pods"},
	{RiskDowntime, "stops all pods of a workload at once"},
	{RiskAutoscaler, "sets what an autoscaler sets"},
	{RiskRestart, "restarts pods"},
	{RiskUnchecked, "not all of it could be checked"},
}

// Compare orders risks, the gravest first.
func (r Risk) Compare(other Risk) int { return gravity([]Risk{r}) - gravity([]Risk{other}) }

// gravity orders risks: 0 is the gravest; what is no risk comes last.
func gravity(risks []Risk) int {
	for i, g := range gravest {
		if slices.Contains(risks, g.risk) {
			return i
		}
	}
	return len(gravest)
}

// attention tells whether a risk is told above everything else: a rolling restart is what deployments are for.
func attention(risks []Risk) bool {
	return slices.ContainsFunc(risks, func(r Risk) bool { return r != RiskRestart && r != RiskUnchecked })
}
