package agent

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// An alert that asks for a metric that is not there never fires, and nobody notices.
func TestAlertsAskForWhatIsServed(t *testing.T) {
	data, err := os.ReadFile("../../deploy/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var rules struct {
		Spec struct {
			Groups []struct {
				Rules []struct {
					Alert, Expr string
					Annotations map[string]string
				}
			}
		}
	}
	if err := yaml.Unmarshal(data, &rules); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/reference/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(Plumb[A-Za-z]+)` \\|").FindAllStringSubmatch(string(page), -1) {
		told = append(told, m[1])
	}
	var there []string
	for _, group := range rules.Spec.Groups {
		for _, rule := range group.Rules {
			there = append(there, rule.Alert)
			if rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" {
				t.Errorf("%s does not say what to do", rule.Alert)
			}
			names := regexp.MustCompile(`plumb_[a-z_]+`).FindAllString(rule.Expr, -1)
			if len(names) == 0 {
				t.Errorf("%s asks for nothing", rule.Alert)
			}
			for _, name := range names {
				if !slices.ContainsFunc(documented(t), func(row string) bool { return strings.HasPrefix(row, name+" ") }) {
					t.Errorf("%s asks for %s, which is not served", rule.Alert, name)
				}
			}
		}
	}
	if !slices.Equal(there, told) {
		t.Errorf("the rules are %q, the page tells of %q", there, told)
	}
}
