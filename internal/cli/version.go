package cli

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"plumb.dev/plumb/internal/render"
)

// Set by the linker: -ldflags "-X plumb.dev/plumb/internal/cli.release=v0.1.0 -X plumb.dev/plumb/internal/cli.commit=…".
var release, commit string

// versionAnswer is what version -o json prints.
type versionAnswer struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Version    string            `json:"version"`
	Commit     string            `json:"commit,omitempty"`
	Go         string            `json:"go"`
	Platform   string            `json:"platform"`
	Sandbox    *render.Sandbox   `json:"sandbox,omitempty"` // what locks the rendering child on this kernel
	Renderers  map[string]string `json:"renderers"`
}

func newVersionCommand(env Env) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Show the version, and what renders are made with",
		GroupID: groupRun,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			answer, out := versionOf(), screenOf(env, cmd)
			answer.Sandbox = sandboxHere(cmd.Context())
			if format != "text" {
				return out.machine(format, answer)
			}
			out.lines(answer.text())
			return nil
		},
	}
	outputFlag(cmd, &format, "text", "json", "yaml")
	return cmd
}

func versionOf() versionAnswer {
	v := versionAnswer{
		APIVersion: outputVersion, Kind: "Version",
		Version: release, Commit: commit,
		Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Renderers: rendererVersions(),
	}
	if v.Version == "" {
		v.Version = "devel"
	}
	return v
}

// rendererVersions reads the versions of the linked modules, so that they cannot be wrong.
func rendererVersions() map[string]string {
	out := map[string]string{}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return out
	}
	names := map[string]string{"sigs.k8s.io/kustomize/api": "kustomize", "helm.sh/helm/v4": "helm"}
	for _, module := range info.Deps {
		if name := names[module.Path]; name != "" {
			out[name] = module.Version
		}
	}
	return out
}

func (v versionAnswer) text() []string {
	line := "plumb " + v.Version
	if v.Commit != "" {
		line += " (" + v.Commit + ")"
	}
	lines := []string{line, fmt.Sprintf("  built with  %s for %s", v.Go, v.Platform)}
	for _, name := range []string{"kustomize", "helm"} {
		if version := v.Renderers[name]; version != "" {
			lines = append(lines, fmt.Sprintf("  renders     %s %s", name, version))
		}
	}
	switch {
	case v.Sandbox == nil:
		lines = append(lines, "  sandbox     no rendering child can be started here")
	case v.Sandbox.Weakness != "":
		lines = append(lines, "  sandbox     weak: "+v.Sandbox.Weakness)
	default:
		lines = append(lines, "  sandbox     complete")
	}
	return lines
}

// sandboxHere starts a rendering child and asks what really locks it; nil if none can be started.
func sandboxHere(ctx context.Context) *render.Sandbox {
	renderer, err := render.New(render.Options{Children: 1})
	if err != nil {
		return nil
	}
	defer renderer.Close()
	sandbox, err := renderer.Sandbox(ctx)
	if err != nil {
		return nil
	}
	return &sandbox
}
