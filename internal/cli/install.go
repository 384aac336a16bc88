package cli

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/deploy"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/install"
)

const installHelp = `Put Plumb into a cluster, or bring it up to date: the definitions of its kinds, its ServiceAccounts and roles, the
admission policies, and the agent. Installing again is upgrading. What runs in the cluster is not touched.

With --repo, or with a file of Repos, Apps, Clusters and Secrets, the agent has something to begin with: one command brings
a new cluster to what Git says. It needs an administrator's rights. -o yaml prints what would be applied, and asks no cluster.`

type installOptions struct {
	kubeFlags
	only     []string
	image    string
	replicas int
	dryRun   bool
	blind    bool     // without the right to list Secrets
	groups   []string // that may be watched then
	noWait   bool
	timeout  time.Duration
	file     string
	repo     struct{ url, name, revision, secret string }
}

func newInstallCommand(env Env) *cobra.Command {
	var o installOptions
	var format string
	cmd := &cobra.Command{
		Use:     "install",
		Short:   "Put Plumb into a cluster, or bring it up to date",
		Long:    installHelp,
		GroupID: groupRun,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runInstall(cmd.Context(), env, screenOf(env, cmd), o, format)
		},
	}
	flags := cmd.Flags()
	o.addConnection(flags)
	flags.StringSliceVar(&o.only, "only", nil, "parts to install: "+strings.Join(deploy.Parts(), ", ")+" (default: all)")
	flags.StringVar(&o.image, "image", defaultImage(), "image of the agent")
	flags.IntVar(&o.replicas, "replicas", 1, "agents; one is active, others stand by")
	flags.BoolVar(&o.blind, "without-secrets", false, "the agent may neither list nor watch Secrets")
	flags.StringSliceVar(&o.groups, "watch-groups", nil, "API groups beside those of Kubernetes that it may watch, with --without-secrets")
	flags.BoolVar(&o.dryRun, "dry-run", false, "show what would change, and change nothing")
	flags.BoolVar(&o.noWait, "no-wait", false, "do not wait until the agent runs")
	flags.DurationVar(&o.timeout, "timeout", 5*time.Minute, "how long to wait for the agent")
	flags.StringVarP(&o.file, "filename", "f", "", "file of Repos, Apps, Clusters and Secrets to begin with; - is standard input")
	flags.StringVar(&o.repo.url, "repo", "", "address of a repository to begin with")
	flags.StringVar(&o.repo.name, "repo-name", "", "name of its Repo (default: the last part of the address)")
	flags.StringVar(&o.repo.revision, "repo-revision", "", "its branch, tag or commit (default: the remote's HEAD branch)")
	flags.StringVar(&o.repo.secret, "repo-secret", "", "Secret in plumb-system with its credentials")
	outputFlag(cmd, &format, "text", "yaml", "json")
	return cmd
}

// defaultImage is the image of this version.
func defaultImage() string {
	if release == "" {
		return deploy.Image
	}
	name, _, _ := strings.Cut(deploy.Image, ":")
	return name + ":" + release
}

// part is a part of an installation, or what the person begins with.
type part struct {
	name    string
	objects []*unstructured.Unstructured
	results []install.Result
}

func runInstall(ctx context.Context, env Env, out screen, o installOptions, format string) error {
	parts, err := o.parts(env)
	if err != nil {
		return err
	}
	var all []*unstructured.Unstructured
	for _, p := range parts {
		all = append(all, p.objects...)
	}
	if format == "yaml" {
		text, err := install.YAML(all)
		if err == nil {
			_, err = out.out.Write(text)
		}
		return err
	}
	installer, err := o.installer(ctx, env, o.dryRun)
	if err != nil {
		return err
	}
	done := installation{parts: parts}
	if done.results, err = installer.Apply(ctx, all); err != nil {
		return err
	}
	if err := done.sort(ctx, installer, all, len(o.only) == 0); err != nil {
		return err
	}
	return o.finish(ctx, env, out, installer, done, format)
}

// installer connects as the person, and refuses a Plumb that another tool keeps.
func (k *kubeFlags) installer(ctx context.Context, env Env, dryRun bool) (*install.Installer, error) {
	cluster, err := k.connect(env)
	if err != nil {
		return nil, err
	}
	installer, err := install.New(cluster.config, userAgent)
	if err != nil {
		return nil, err
	}
	installer.DryRun = dryRun
	return installer, installer.MayTake(ctx)
}

// installation is what was done.
type installation struct {
	parts   []part
	results []install.Result
}

// sort gives each part its results, and takes out what an older version had installed.
func (done *installation) sort(ctx context.Context, installer *install.Installer, all []*unstructured.Unstructured, whole bool) error {
	rest := done.results
	for i := range done.parts {
		n := len(done.parts[i].objects)
		done.parts[i].results, rest = rest[:n], rest[n:]
	}
	if !whole {
		return nil
	}
	old, err := installer.Tidy(ctx, all)
	done.parts = append(done.parts, part{name: "outdated", results: old})
	done.results = append(done.results, old...)
	return err
}

// finish tells what was done, and waits for the agent.
func (o installOptions) finish(ctx context.Context, env Env, out screen, installer *install.Installer, done installation, format string) error {
	if format == "text" {
		out.lines(installText(done.parts, o.dryRun))
	}
	if o.awaits() {
		fmt.Fprintln(env.Stderr, "waiting until the agent runs …")
		ctx, stop := context.WithTimeout(ctx, o.timeout)
		defer stop()
		if err := installer.Wait(ctx); err != nil {
			return err
		}
	}
	if format == "json" {
		return out.machine(format, map[string]any{"apiVersion": outputVersion, "kind": "Installation", "dryRun": o.dryRun, "objects": done.results})
	}
	if !o.dryRun {
		out.lines(o.next())
	}
	return nil
}

// awaits tells whether an agent is installed that is to be waited for.
func (o installOptions) awaits() bool {
	wanted := len(o.only) == 0
	for _, name := range o.only {
		wanted = wanted || name == deploy.Agent
	}
	return wanted && !o.noWait && !o.dryRun
}

func (o installOptions) next() []string {
	switch {
	case o.repo.url != "" || o.file != "":
		return []string{"next   plumb status -w"}
	case len(o.only) > 0:
		return []string{"next   plumb doctor"}
	}
	return []string{"next   plumb install --repo https://git.example.com/acme/fleet.git, or kubectl apply a Repo; then plumb status -w"}
}

// parts gives what is to be applied.
func (o installOptions) parts(env Env) ([]part, error) {
	if o.replicas < 1 {
		return nil, usagef("plumb install --only crds,access,policies installs all but the agent", "--replicas %d leaves no agent", o.replicas)
	}
	if len(o.groups) > 0 && !o.blind {
		return nil, usagef("plumb install --without-secrets --watch-groups "+strings.Join(o.groups, ","), "--watch-groups is for --without-secrets: otherwise the agent may watch all groups")
	}
	for _, name := range o.only {
		if _, err := deploy.Part(name); err != nil {
			return nil, usagef("plumb install --only "+strings.Join(deploy.Parts(), ","), "%v", err)
		}
	}
	wanted := o.only
	if len(wanted) == 0 {
		wanted = deploy.Parts()
	}
	var parts []part
	for _, name := range wanted {
		objects, err := install.Objects(install.Options{Image: o.image, Replicas: o.replicas, Parts: []string{name}, WithoutSecrets: o.blind, Groups: o.groups})
		if err != nil {
			return nil, err
		}
		parts = append(parts, part{name: name, objects: objects})
	}
	begin, err := o.begin(env)
	if err == nil && len(begin) > 0 {
		parts = append(parts, part{name: "begin", objects: begin})
	}
	return parts, err
}

// begin gives the resources that the agent is to begin with.
func (o installOptions) begin(env Env) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	if o.file != "" {
		text, err := readFile(env, o.file)
		if err != nil {
			return nil, err
		}
		if objects, err = install.Begin(text); err != nil {
			return nil, err
		}
	}
	if o.repo.url == "" {
		return objects, nil
	}
	name := o.repo.name
	if name == "" {
		name = repoNameOf(o.repo.url)
	}
	if name == "" {
		return nil, usagef("plumb install --repo "+o.repo.url+" --repo-name fleet", "the address %s suggests no name for its Repo", o.repo.url)
	}
	spec := map[string]any{"url": o.repo.url}
	for field, value := range map[string]string{"revision": o.repo.revision, "secret": o.repo.secret} {
		if value != "" {
			spec[field] = value
		}
	}
	return append(objects, &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(), "kind": "Repo",
		"metadata": map[string]any{"name": name, "namespace": v1alpha1.Namespace}, "spec": spec,
	}}), nil
}

func readFile(env Env, name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(env.Stdin)
	}
	text, err := os.ReadFile(absolute(env, name))
	if err != nil {
		return nil, fault.New(fault.PathNotFound, "the file cannot be read: %w", err)
	}
	return text, nil
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// repoNameOf makes a name of the last part of an address: "fleet" of https://git.example.com/acme/Fleet.git.
func repoNameOf(address string) string {
	if u, err := url.Parse(address); err == nil && u.Path != "" {
		address = u.Path
	}
	name := notInNames.ReplaceAllString(strings.ToLower(strings.TrimSuffix(path.Base(address), ".git")), "-")
	return strings.Trim(name[:min(len(name), 40)], "-")
}

// installText is a line for each part, and what everybody should know of the access.
func installText(parts []part, dryRun bool) []string {
	var lines []string
	for _, p := range parts {
		counts := map[string]int{}
		for _, r := range p.results {
			counts[r.Did]++
		}
		var said []string
		for _, did := range []string{install.Created, install.Changed, install.Unchanged, install.Deleted} {
			if counts[did] > 0 {
				said = append(said, fmt.Sprintf("%d %s", counts[did], did))
			}
		}
		if len(said) > 0 {
			lines = append(lines, fmt.Sprintf("%-9s %s", p.name, strings.Join(said, ", ")))
		}
		for _, r := range p.results {
			if r.Did != install.Unchanged && (dryRun || p.name == "outdated") {
				lines = append(lines, "          "+r.Did+"  "+r.Object)
			}
		}
		if p.name == deploy.Access && !dryRun {
			lines = append(lines, "          plumb-system/plumb-deployer is cluster-admin: apps of plumb-system whose Repo names no ServiceAccount are applied as it")
		}
	}
	if dryRun {
		lines = append(lines, "nothing was changed (--dry-run)")
	}
	return lines
}

const uninstallHelp = `Take Plumb out of a cluster: the agent, its access and its policies. What apps have delivered runs on, and so stay Repos,
Apps and their Inventories: installing again goes on where this stopped. With --crds these go too, and still no workload.
The namespace plumb-system always stays, since it holds your Secrets.`

func newUninstallCommand(env Env) *cobra.Command {
	var flags kubeFlags
	var crds, dryRun bool
	var format string
	cmd := &cobra.Command{
		Use:     "uninstall",
		Short:   "Take Plumb out of a cluster; what runs stays",
		Long:    uninstallHelp,
		GroupID: groupRun,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			installer, err := flags.installer(cmd.Context(), env, dryRun)
			if err != nil {
				return err
			}
			results, err := installer.Remove(cmd.Context(), crds)
			if err != nil {
				return err
			}
			out := screenOf(env, cmd)
			if format == "json" {
				return out.machine(format, map[string]any{"apiVersion": outputVersion, "kind": "Installation", "dryRun": dryRun, "objects": results})
			}
			out.lines(uninstallText(results, crds, dryRun))
			return nil
		},
	}
	flags.addConnection(cmd.Flags())
	cmd.Flags().BoolVar(&crds, "crds", false, "delete the definitions too, and with them all Repos, Apps and Inventories")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "show what would go, and delete nothing")
	outputFlag(cmd, &format, "text", "json")
	return cmd
}

func uninstallText(results []install.Result, crds, dryRun bool) []string {
	if len(results) == 0 {
		return []string{"Plumb is not installed here"}
	}
	var lines []string
	for _, r := range results {
		lines = append(lines, r.Did+"  "+r.Object)
	}
	if dryRun {
		return append(lines, "nothing was changed (--dry-run)")
	}
	if crds {
		return append(lines, "what apps have delivered runs on; kubectl delete namespace plumb-system takes its Secrets too")
	}
	return append(lines, "what apps have delivered runs on; Repos and Apps stay too, until plumb uninstall --crds")
}
