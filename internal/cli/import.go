package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/report"
)

const importHelp = `Take over what another delivery tool has delivered: Argo CD or Flux. Objects that bear its tracking marks are refused by
Plumb until you run this, in a clone of the repository that delivers them.

--adopt APP shows first, without touching anything, whose each object is, what would change on it, whether pods would be
restarted, and whether the other tool lets go; where it does not, with the exact commands. Then it asks, and the agent takes
the objects over: no object is deleted or made anew, the marks of the other tool go, its fields become Plumb's. Without a
terminal nothing is done unless --yes is given. If pods would be restarted, --yes needs --allow-restart too.

--give-back APP is the way back: the app is paused, and its objects get the marks and the field manager that they had.
Nothing is deleted or restarted.

Exit codes: 0 done, shown, or nothing to do; 1 not confirmed; 3 it cannot be done as it stands; 8 asked for, and not done yet.`

type importOptions struct {
	kubeFlags
	adopt, giveBack   bool
	yes, allowRestart bool
	all               bool
	timeout           time.Duration
	format            string
}

func newImportCommand(env Env) *cobra.Command {
	var o importOptions
	cmd := &cobra.Command{
		Use:     "import --adopt | --give-back app[/env]",
		Short:   "Take over what Argo CD or Flux has delivered, or give it back",
		Long:    importHelp,
		GroupID: groupAsk,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			run := importing{importOptions: o, env: env, out: screenOf(env, cmd)}
			switch {
			case o.adopt && o.giveBack:
				return usagef("plumb import --adopt "+first(args), "--adopt and --give-back are opposites")
			case !o.adopt && !o.giveBack:
				return usage(fault.New(fault.Unsupported, "importing whole repositories of other tools is not there yet").
					WithNext("plumb import --adopt APP takes the objects of one app over; plumb apps --explain DIR says how a repository is read"))
			case len(args) == 0:
				return usagef("plumb apps lists them", "the app is not named")
			case o.giveBack:
				return run.giveBackApps(cmd.Context(), args[0])
			}
			return run.adoptApps(cmd.Context(), args[0])
		},
	}
	flags := cmd.Flags()
	o.add(flags)
	flags.BoolVar(&o.adopt, "adopt", false, "take the objects of an app over from the tools that track them")
	flags.BoolVar(&o.giveBack, "give-back", false, "give them back, and pause the app")
	flags.BoolVarP(&o.yes, "yes", "y", false, "do it without asking")
	flags.BoolVar(&o.allowRestart, "allow-restart", false, "with --yes: also if pods are restarted, because Git says something else than what runs")
	flags.BoolVar(&o.all, "all", false, "list also objects of which nothing changes but whose they are")
	flags.DurationVar(&o.timeout, "timeout", 2*time.Minute, "how long to wait; the request stays, whatever happens")
	outputFlag(cmd, &o.format, "table", "json", "yaml")
	cmd.ValidArgsFunction = completeNames(env, &o.kubeFlags)
	return cmd
}

// importing is one call of the verb.
type importing struct {
	importOptions
	env Env
	out screen
}

// adoptApps shows what it means, asks, and has the agent do it.
func (o importing) adoptApps(ctx context.Context, name string) error {
	l, closeAll, err := openLive(ctx, o.env, liveOptions{kube: o.kubeFlags}, o.env.Dir)
	if err != nil {
		return err
	}
	defer closeAll()
	targets, err := selectTargets(l.fleet.Targets(), name)
	if err != nil {
		return err
	}
	var answers []report.Adoption
	for _, t := range targets {
		answer, err := l.adoption(ctx, t.App)
		if err != nil {
			return err
		}
		answers = append(answers, answer)
	}
	if o.format == "table" {
		for _, a := range answers {
			o.out.lines(o.out.style.Adoption(a, o.all))
		}
	}
	do, err := o.mayAdopt(o.env, answers, name)
	if err == nil && do {
		err = o.adoptNow(ctx, l, targets, answers)
	}
	if o.format != "table" {
		if failed := o.out.machine(o.format, adoptionAnswerOf(answers)); failed != nil {
			return failed
		}
	}
	return err
}

// mayAdopt decides whether to go ahead with what was shown.
func (o importOptions) mayAdopt(env Env, answers []report.Adoption, name string) (bool, error) {
	adopts, restarts := 0, 0
	for _, a := range answers {
		adopts, restarts = adopts+a.Adopts(), restarts+a.Restarts()
		switch {
		case a.Fault != nil:
			return false, &failure{code: exitFailed}
		case a.Adopts() > 0 && a.Held():
			return false, failed(fault.New(fault.OwnedByOther, "nothing was taken over: another tool does not let go of the objects of %s", a.Address).
				WithNext("run the commands above, then this one again"))
		case a.Adopts() > 0 && a.Refused() > 0:
			return false, failed(fault.New(fault.Rejected, "nothing was taken over: not every object of %s can be had", a.Address).
				WithNext("mend what is marked ! above, then run this again"))
		}
	}
	again := "plumb import --adopt " + name + " --yes"
	switch {
	case adopts == 0:
		return false, nil
	case o.yes && restarts > 0 && !o.allowRestart:
		return false, failed(fault.New(fault.OwnedByOther, "nothing was taken over: the pods of %s would be restarted, because Git says something else than what runs", counted(restarts, "object", "objects")).
			WithNext("commit what runs, or run %s --allow-restart", again))
	case o.yes:
		return true, nil
	case !env.Interactive || o.format != "table":
		fmt.Fprintln(env.Stderr, "nothing was written; to take them over: "+again)
		return false, nil
	}
	question := fmt.Sprintf("Take %s over?", counted(adopts, "object", "objects"))
	if restarts > 0 {
		question = fmt.Sprintf("Take %s over, and restart the pods of %d?", counted(adopts, "object", "objects"), restarts)
	}
	if !ask(env, question) {
		fmt.Fprintln(env.Stderr, "nothing was written")
		return false, answerNo()
	}
	return true, nil
}

// failed is an error of a verb whose operation failed, with the words to tell it in.
func failed(f *fault.Fault) error { return &failure{code: exitFailed, cause: f} }

// ask asks a question on the terminal; only a clear yes is one.
func ask(env Env, question string) bool {
	fmt.Fprint(env.Stderr, question+" [y/N] ")
	line, _ := bufio.NewReader(env.Stdin).ReadString('\n')
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "y" || answer == "yes"
}

// adoptNow asks the agent for each app, and waits until it has taken the objects over.
func (o importing) adoptNow(ctx context.Context, l *live, targets []report.Target, answers []report.Adoption) error {
	for i, t := range targets {
		a := &answers[i]
		if a.Adopts() == 0 {
			continue
		}
		_, token := syncRequest(o.env.Now())
		request := v1alpha1.AdoptRequest{Token: token, Commit: a.Commit}
		for _, tool := range a.Tools {
			request.From = append(request.From, tool.Name)
		}
		text, err := json.Marshal(request)
		if err != nil {
			return fmt.Errorf("write the request: %w", err)
		}
		if err := l.kube.patchApp(ctx, t.App, annotation(v1alpha1.AnnotationAdopt, string(text))); err != nil {
			return err
		}
		fmt.Fprintln(o.env.Stderr, "asked the agent to take over:", a.Address)
		app, err := o.handled(ctx, l.kube, t, func(h v1alpha1.AppHandled) bool { return h.Adopt == token })
		if err != nil {
			return err
		}
		if f := notAdopted(app, a.Address); f != nil {
			return failed(f)
		}
		a.Done = true
		if o.format == "table" {
			o.out.lines(adopted(*a))
		}
	}
	return nil
}

// notAdopted tells why the agent has answered a request and not carried it out.
func notAdopted(app v1alpha1.App, address string) *fault.Fault {
	for _, warning := range app.Status.Warnings {
		if strings.HasPrefix(warning, "nothing was adopted") {
			return fault.New(fault.OwnedByOther, "%s", warning).WithNext("run this again")
		}
	}
	if t := (report.Target{App: app}); t.Reason() == fault.OwnedByOther {
		return fault.New(fault.OwnedByOther, "%s is not taken over completely: %s", address, app.Status.Summary).WithNext("plumb why %s", address)
	}
	return nil
}

// adopted says what was done, and what is left to do on the other tool's side.
func adopted(a report.Adoption) []string {
	lines := []string{fmt.Sprintf("%s has taken over %s; nothing was deleted.   (plumb import --give-back %s)", report.Clean(a.Address), counted(a.Adopts(), "object", "objects"), report.Clean(a.Address))}
	for _, tool := range a.Tools {
		if tool.Gone != "" {
			lines = append(lines, "When nothing else is left in "+report.Clean(tool.Name)+", take it away, where it is made or by", "    "+report.Clean(tool.Gone))
		}
	}
	for _, r := range a.Releases {
		lines = append(lines, "Let Helm forget the release "+report.Clean(r.Name)+":", "    "+report.Clean(r.Forget))
	}
	return lines
}

// handled waits until the agent has answered a request of an app, and gives the app as it is then.
func (o importing) handled(ctx context.Context, k *kube, t report.Target, is func(v1alpha1.AppHandled) bool) (v1alpha1.App, error) {
	var app v1alpha1.App
	last := ""
	err := within(ctx, o.timeout, func(ctx context.Context) error {
		_, err := k.follow(ctx, o.env, func(f report.Fleet) ([]string, bool, error) {
			if silent := f.Agent.Silent(f.Now); silent != "" {
				return nil, false, fault.New(fault.Stale, "nobody carries the request out: %s", silent).WithNext("start the agent; the request stays")
			}
			for _, now := range f.Apps {
				if now.Namespace == t.App.Namespace && now.Name == t.App.Name {
					app, last = now, now.Status.Summary
					return nil, is(now.Status.Handled), nil
				}
			}
			return nil, false, fault.New(fault.PathNotFound, "the App %s/%s is gone", t.App.Namespace, t.App.Name)
		})
		return err
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return app, pending(fault.New(fault.Stale, "it is not done after %s: %s", o.timeout, last).WithNext("plumb why %s; the request stays", t.Address()))
	}
	return app, err
}

func annotation(key, value string) map[string]any {
	return map[string]any{"metadata": map[string]any{"annotations": map[string]any{key: value}}}
}

// adoptionAnswer is what import --adopt -o json prints.
type adoptionAnswer struct {
	APIVersion string        `json:"apiVersion"`
	Kind       string        `json:"kind"`
	Apps       []adoptionApp `json:"apps"`
}

type adoptionApp struct {
	Address  string               `json:"address"`
	Commit   string               `json:"commit,omitempty"`
	Fault    *fault.Fault         `json:"fault,omitempty"`
	Adopts   int                  `json:"adopts"`
	Changes  int                  `json:"changes"`
	Restarts int                  `json:"restarts"`
	Refused  int                  `json:"refused"`
	Others   int                  `json:"others"`
	Tools    []report.OtherTool   `json:"tools"`
	Releases []report.HelmRelease `json:"releases,omitempty"`
	Objects  []adoptedObject      `json:"objects"`
	Notes    []string             `json:"notes,omitempty"`
	Done     bool                 `json:"done"`
}

type adoptedObject struct {
	report.AdoptedObject
	Fields []fieldDiff `json:"fields,omitempty"`
}

func adoptionAnswerOf(answers []report.Adoption) adoptionAnswer {
	out := adoptionAnswer{APIVersion: outputVersion, Kind: "Adoption", Apps: []adoptionApp{}}
	for _, a := range answers {
		app := adoptionApp{
			Address: a.Address, Commit: a.Commit, Fault: a.Fault, Adopts: a.Adopts(), Changes: a.Changes(), Restarts: a.Restarts(), Refused: a.Refused(),
			Others: a.Others, Tools: a.Tools, Releases: a.Releases, Objects: []adoptedObject{}, Notes: a.Notes, Done: a.Done,
		}
		for _, o := range a.Objects {
			object := adoptedObject{AdoptedObject: o}
			for _, f := range o.Fields {
				object.Fields = append(object.Fields, fieldDiff{f.Field, f.Kind, f.From, f.To})
			}
			app.Objects = append(app.Objects, object)
		}
		out.Apps = append(out.Apps, app)
	}
	return out
}
