package cli

import (
	"strings"

	"github.com/Masterminds/semver/v3"
	"github.com/spf13/pflag"

	"plumb.dev/plumb/internal/render"
)

// answerFlags are what a chart is told of a cluster where none is asked, by the names that helm template has.
type answerFlags struct {
	kubeVersion string
	apiVersions []string
}

func (a *answerFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&a.kubeVersion, "kube-version", "", "version of Kubernetes that charts see (default "+strings.TrimPrefix(render.KubeVersionDefault, "v")+")")
	flags.StringSliceVarP(&a.apiVersions, "api-versions", "a", nil, "served version or kind that charts see beside those of helm template, as apps/v1 or apps/v1/Deployment; may be repeated")
}

// given tells whether anything was said.
func (a answerFlags) given() bool { return a.kubeVersion != "" || len(a.apiVersions) > 0 }

// capabilities gives the answers.
func (a answerFlags) capabilities() (render.Capabilities, error) {
	answers := render.Builtin{Added: a.apiVersions}
	if a.kubeVersion != "" {
		version, err := semver.NewVersion(a.kubeVersion)
		if err != nil {
			return nil, usagef("for example --kube-version 1.37.2", "%q is not a version of Kubernetes", a.kubeVersion)
		}
		answers.Version = "v" + version.String()
	}
	return answers, nil
}
