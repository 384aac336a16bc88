package cli

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"plumb.dev/plumb/internal/fleet"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/render"
	"plumb.dev/plumb/internal/report"
)

const renderHelp = `Print the objects that a folder means, exactly as kustomize build or helm template would, and as the agent does: in the
same locked child process, without asking a cluster. Charts from elsewhere are fetched, and kept for the next call.

    plumb render DIR        any folder: a chart, a kustomization, or plain YAML
    plumb render app/env    an app of the repository around the current directory

What is printed is what Git holds, Secrets included; the two marks that the agent adds when it applies are left out.`

type renderOptions struct {
	namespace, release string
	values, set        []string
	format             string
	noFetch            bool
	answers            answerFlags
	upgrade            bool
	sources            []string
}

func newRenderCommand(env Env) *cobra.Command {
	var o renderOptions
	cmd := &cobra.Command{
		Use:     "render DIR | app/env",
		Short:   "Print the objects that a folder means, without a cluster",
		Long:    renderHelp,
		GroupID: groupSee,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runRender(cmd.Context(), env, screenOf(env, cmd), o, args[0])
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.namespace, "namespace", "n", "", "namespace that a chart sees (default: the app's)")
	flags.StringVar(&o.release, "release", "", "release name that a chart sees (default: the app's name)")
	flags.StringArrayVarP(&o.values, "values", "f", nil, "values file for a chart, wins over the app's; may be repeated")
	flags.StringArrayVar(&o.set, "set", nil, "value for a chart as for helm --set; may be repeated")
	o.answers.add(flags)
	flags.BoolVar(&o.upgrade, "is-upgrade", false, "tell charts that this is an upgrade, not an install")
	sourceFlag(flags, &o.sources)
	noFetchFlag(flags, &o.noFetch)
	outputFlag(cmd, &o.format, "yaml", "json")
	return cmd
}

func runRender(ctx context.Context, env Env, out screen, o renderOptions, what string) error {
	answers, err := o.answers.capabilities()
	if err != nil {
		return err
	}
	req, closer, err := renderRequest(ctx, env, what, o.noFetch)
	if err != nil {
		return err
	}
	defer closer()
	besides, err := openBesides(env, o.sources, o.noFetch)
	if err != nil {
		return err
	}
	defer besides.Close()
	besides.working(&req)
	req.Set, req.Upgrade, req.Capabilities = o.set, o.upgrade, answers
	if o.namespace != "" {
		req.Namespace = o.namespace
	}
	if o.release != "" {
		req.Release = o.release
	}
	req, closeValues, err := withValues(env, req, o.values)
	if err != nil {
		return err
	}
	defer closeValues()
	manifest, err := renderOne(ctx, req)
	if err != nil {
		return err
	}
	for _, warning := range manifest.Warnings {
		fmt.Fprintln(env.Stderr, "warning:", warningText(warning))
	}
	if o.format == "json" {
		return out.machine("json", listOf(manifest.Objects))
	}
	return out.manifests(manifest.Objects)
}

// renderRequest reads what is to be rendered: a directory that exists, else an app of the repository around.
func renderRequest(ctx context.Context, env Env, what string, noFetch bool) (render.Request, func(), error) {
	dir, isDir := absolute(env, what), false
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		isDir = true
	} else {
		dir = env.Dir
	}
	w, closer, err := workspaceAround(env, dir)
	if err != nil {
		return render.Request{}, nil, err
	}
	app, err := w.app(dir, isDir, what)
	if err != nil {
		closer()
		return render.Request{}, nil, err
	}
	req := requestOf(w.tree, app)
	charts, err := openCharts(env, noFetch)
	if err == nil {
		err = charts.complete(ctx, w.tree, app, &req)
	}
	if err != nil {
		closer()
		return render.Request{}, nil, err
	}
	return req, closer, nil
}

func (w *workspace) app(dir string, isDir bool, what string) (fleet.App, error) {
	if isDir {
		rel, err := w.relative(dir)
		if err != nil {
			return fleet.App{}, err
		}
		return w.byHand(rel)
	}
	address, err := fleet.ParseAddress(what)
	if err != nil {
		return fleet.App{}, usagef("plumb render DIR, or plumb render app/env", "%q is neither a directory nor the name of an app", what)
	}
	found, err := byAddress(w.tree, address)
	if err != nil {
		return fleet.App{}, err
	}
	if len(found) > 1 {
		return fleet.App{}, usagef("for example plumb render "+found[0].Address().String(), "%s is in %d environments", what, len(found))
	}
	if found[0].Fault != nil {
		return fleet.App{}, found[0].Fault
	}
	return found[0], nil
}

func warningText(w render.Warning) string {
	text := report.Clean(w.Message)
	if place := w.Place.String(); place != "" {
		text = place + ": " + text
	}
	return text
}

// manifests prints objects as YAML documents, each with the place that it comes from.
func (s screen) manifests(objects []object.Object) error {
	for _, o := range objects {
		data, err := yaml.Marshal(o.Fields)
		if err != nil {
			return fmt.Errorf("write %s: %w", o.ID(), err)
		}
		fmt.Fprintln(s.out, "---")
		if place := o.Place.String(); place != "" {
			fmt.Fprintln(s.out, "# "+report.Clean(place))
		}
		if _, err := s.out.Write(data); err != nil {
			return err
		}
	}
	return nil
}

// listOf gives objects as kubectl's List.
func listOf(objects []object.Object) map[string]any {
	items := make([]any, len(objects))
	for i, o := range objects {
		items[i] = o.Fields
	}
	return map[string]any{"apiVersion": "v1", "kind": "List", "items": items}
}
