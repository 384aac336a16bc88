package simulator

import (
	_ "embed"
	"fmt"
	"strings"

	"sigs.k8s.io/kwok/kustomize/stage/node/fast"
	"sigs.k8s.io/kwok/pkg/apis/internalversion"
	"sigs.k8s.io/kwok/pkg/config"
)

//go:embed stages.yaml
var podStages string

// simulateKey is the label or annotation that chooses how a pod or claim behaves.
const simulateKey = "plumb.dev/simulate"

// The words in capitals of stages.yaml, as jq. They are written once here because every stage asks the same questions.
var stageWords = strings.NewReplacer(
	"MODE", quoted(jqMode),
	"WAITING", quoted(`.status.containerStatuses.[0].state.waiting.reason`),
	"READY", quoted(`.status.conditions.[] | select( .type == "Ready" ) | .status`),
	"CRASHES", quoted(`(`+jqMode+`) as $m | $m == "crash-loop" or ($m == "fail" and .spec.restartPolicy == "Always")`),
	"SLOW", quoted(jqRaw+` | ltrimstr("slow-start") | ltrimstr("-") | if . == "" then "10s" else . end`),
	"BACKOFF", quoted(`[pow(2; [.status.containerStatuses.[0].restartCount // 1, 6] | min), 60] | min | tostring + "s"`),
	"STATUS start", statusOf("start"), "STATUS image-pull", statusOf("image-pull"), "STATUS image-backoff", statusOf("image-backoff"),
	"STATUS ready", statusOf("ready"), "STATUS crash", statusOf("crash"), "STATUS restart", statusOf("restart"),
	"STATUS complete", statusOf("complete"), "STATUS fail", statusOf("fail"),
)

const (
	jqRaw  = `(.metadata.annotations["` + simulateKey + `"] // .metadata.labels["` + simulateKey + `"] // "")`
	jqMode = jqRaw + ` | capture("^(?<m>image-pull|crash-loop|never-ready|slow-start|fail)(-.*)?$").m // ""`
)

func quoted(jq string) string { return "'" + jq + "'" }

// statusOf is the template of a status: kwok supplies the pod and its addresses, PodStatus the rest.
func statusOf(stage string) string {
	return `'{{ PodStatus "` + stage + `" . (NodeIPsWith .spec.nodeName)` +
		` (and (not .status.podIP) (PodIPsWith .spec.nodeName (or .spec.hostNetwork false) "" "" "")) }}'`
}

// loadStages returns the stages of pods and nodes, by what they are for.
func loadStages() (map[internalversion.StageResourceRef][]*internalversion.Stage, error) {
	stages := map[internalversion.StageResourceRef][]*internalversion.Stage{}
	for _, text := range append(strings.Split(stageWords.Replace(podStages), "\n---\n"), fast.DefaultNodeInit) {
		stage, err := config.UnmarshalWithType[*internalversion.Stage](text)
		if err != nil {
			return nil, fmt.Errorf("stage: %w", err)
		}
		stages[stage.Spec.ResourceRef] = append(stages[stage.Spec.ResourceRef], stage)
	}
	return stages, nil
}
