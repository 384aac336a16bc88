package fleet

import (
	"slices"

	"plumb.dev/plumb/internal/fault"
)

var kindWords = map[string]string{Helm: "Helm chart", Kustomize: "Kustomize", Plain: "plain manifests"}

// kindOf tells as what the folder renders, with the wish of its levels.
func (x *examiner) kindOf(l listing, levels []level) (string, *fault.Fault, error) {
	fits, err := x.reader.fits(l)
	if err != nil {
		return "", nil, err
	}
	if makesChart(l, levels) {
		if l.marked(chartFile) {
			return "", twoCharts(l), nil
		}
		fits = append([]string{Helm}, fits...)
	}
	wish, own := x.root.level.settings.Render, false
	for _, v := range levels {
		if v.settings.Render != "" {
			wish, own = v.settings.Render, true
		}
	}
	if wish == Plain && len(fits) > 0 && !slices.Contains(fits, Plain) {
		plain, err := x.reader.plain(l)
		if err != nil {
			return "", nil, err
		}
		if plain {
			return Plain, nil, nil
		}
	}
	kind, bad := choose(l.dir, fits, wish, own)
	return kind, bad, nil
}

func twoCharts(l listing) *fault.Fault {
	return fault.New(fault.Ambiguous, "holds %s, and helm.chart names another chart: which of the two is it?", chartFile).
		At(fault.Place{File: l.dir}).WithNext("take one of them away; a chart that another one needs is a dependency in %s", chartFile)
}
