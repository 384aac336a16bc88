package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"plumb.dev/plumb/internal/agent"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/people"
	"plumb.dev/plumb/internal/render/sandbox"
	"plumb.dev/plumb/internal/server"
	"plumb.dev/plumb/internal/traces"
)

// agentFlags are the flags of the daemon.
type agentFlags struct {
	kubeconfig, context string
	cacheDir            string
	listen              string
	expose              bool
	lead                bool
	tokenFile           string
	pageURL             string
	oidc                people.OIDC
	allowLocal          bool
	simulated           bool
	readOnly            bool
	withoutSecrets      bool
	secretsEvery        time.Duration
	announce            bool
	verbose             bool
	logFormat           string
	workers, slots      int
}

// collectAt is the growth of the heap, in percent, at which the agent collects garbage: memory is its budget, and it is idle most
// of the time. At 50, the first sync of 200 apps takes 0.3 s more of processor time
// and 25 MiB less than at 100 within a soft limit of 64 MiB (measured), which a larger fleet would have collected against for ever.
const collectAt = 50

// newAgentCommand gives the daemon's verb: the process that keeps a cluster true to Git.
func newAgentCommand(env Env) *cobra.Command {
	var f agentFlags
	cmd := &cobra.Command{
		Use:     "agent",
		Short:   "Run the agent that keeps a cluster true to Git",
		GroupID: groupRun,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return runAgent(cmd.Context(), env, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.kubeconfig, "kubeconfig", "", "kubeconfig of the agent; default: the cluster that it runs in, else the usual places")
	flags.StringVar(&f.context, "context", "", "context of the kubeconfig")
	flags.StringVar(&f.cacheDir, "cache-dir", "", "folder for mirrors and renders, private to this agent; default: plumb/agent in the user's cache folder")
	flags.StringVar(&f.listen, "listen", "127.0.0.1:0", "address of the page, the hooks and the metrics, on loopback")
	flags.BoolVar(&f.expose, "expose", false, "allow an address beyond loopback: in a cluster, for probes, hooks and metrics")
	flags.BoolVar(&f.lead, "leader-elect", true, "stand by while another agent is active; without it two may be, which costs work and harms nothing")
	flags.StringVar(&f.tokenFile, "token-file", "", "file that holds the token for page, API and metrics; without it they are closed")
	flags.StringVar(&f.pageURL, "page-url", "", "address at which people reach the page (https://plumb.example.com): what is told of pull requests and commits links to it")
	flags.StringVar(&f.oidc.Issuer, "oidc-issuer", "", "OIDC provider by which people log in on the page, as it names itself in its tokens (https://…); needs --page-url")
	flags.StringVar(&f.oidc.ClientID, "oidc-client-id", "", "name of the page at that provider; its tokens must be for this client")
	flags.StringVar(&f.oidc.SecretFile, "oidc-client-secret-file", "", "file that holds the client's secret; without it the client is a public one (PKCE is used always)")
	flags.StringVar(&f.oidc.UsernameClaim, "oidc-username-claim", "sub", "claim that names the person")
	flags.StringVar(&f.oidc.GroupsClaim, "oidc-groups-claim", "groups", "claim that names their groups")
	flags.StringVar(&f.oidc.UsernamePrefix, "oidc-username-prefix", "oidc:", "what stands before each name for RBAC")
	flags.StringVar(&f.oidc.GroupsPrefix, "oidc-groups-prefix", "oidc:", "what stands before each group for RBAC")
	flags.StringSliceVar(&f.oidc.Scopes, "oidc-scopes", []string{"profile", "email", "groups"}, "scopes to ask the provider for, beside openid")
	flags.StringVar(&f.oidc.CAFile, "oidc-ca-file", "", "certificates that the provider's is judged by; default: those of the system")
	flags.BoolVar(&f.allowLocal, "allow-local", false, "allow repositories at file:///")
	flags.BoolVar(&f.readOnly, "read-only", false, "only compare and show: write no object of a user and no inventory")
	flags.BoolVar(&f.withoutSecrets, "without-secrets", false, "neither list nor watch Secrets: those of apps are looked at one by one, as the app's ServiceAccount")
	flags.DurationVar(&f.secretsEvery, "secrets-every", 5*time.Minute, "how often, with --without-secrets")
	flags.BoolVar(&f.simulated, "simulated", false, "say on every page that pods are simulated")
	flags.BoolVar(&f.announce, "announce", false, "print one JSON line with the address when ready, and end when standard input does")
	flags.BoolVar(&f.verbose, "verbose", false, "log more: also what matters only to who looks for a mistake")
	flags.StringVar(&f.logFormat, "log-format", "json", "form of the log on standard error: json or text")
	flags.IntVar(&f.workers, "workers", 0, "apps in work at once (default 24)")
	flags.IntVar(&f.slots, "slots", 0, "requests in flight for users' objects (default 40)")
	return cmd
}

func runAgent(ctx context.Context, env Env, f agentFlags) error {
	debug.SetGCPercent(collectAt)
	sandbox.ForgetText()
	config, err := agentConfig(f)
	if err != nil {
		return err
	}
	token, err := tokenOf(f.tokenFile)
	if err != nil {
		return err
	}
	cache, err := cacheDir(f.cacheDir)
	if err != nil {
		return err
	}
	log, err := logOf(env.Stderr, f)
	if err != nil {
		return err
	}
	listener, err := server.Listen(f.listen, f.expose)
	if err != nil {
		return err
	}
	defer listener.Close()
	if f.announce {
		var end context.CancelFunc
		ctx, end = context.WithCancel(ctx)
		go func() {
			_, _ = io.Copy(io.Discard, env.Stdin)
			end()
		}()
	}
	sent, err := traces.Open(ctx, versionOf().Version, func(err error) { log.Warn("traces are lost", "error", err) })
	if err != nil { // no reason not to deliver
		log.Warn("there are no traces", "error", err)
	}
	defer closeTraces(ctx, sent)
	var answers server.Switch
	if !f.withoutSecrets {
		f.secretsEvery = 0
	} else if f.secretsEvery < time.Second {
		return usagef("plumb agent --without-secrets --secrets-every 5m", "--secrets-every %s is less than a second", f.secretsEvery)
	}
	if err := checkPageURL(f.pageURL); err != nil {
		return err
	}
	options := agent.Options{
		SecretsEvery: f.secretsEvery,
		Config:       config, Traces: sent, CacheDir: cache, AllowLocal: f.allowLocal, ReadOnly: f.readOnly, Version: versionOf().Version, Log: log,
		Workers: f.workers, Slots: f.slots, PageURL: f.pageURL, OIDC: f.oidc,
		Election: agent.Election{Off: !f.lead, Address: reachable(env, f, listener), Standby: answers.Standby},
	}
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() error { return server.Serve(ctx, listener, &answers) })
	both.Go(func() error { return f.terms(ctx, env, options, &answers, token) })
	return both.Wait()
}

// terms runs the agent each time that it is its turn, until ctx ends.
func (f agentFlags) terms(ctx context.Context, env Env, options agent.Options, answers *server.Switch, token string) error {
	for {
		a, err := agent.Run(ctx, options)
		if err != nil && ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return cannotBegin(err)
		}
		answers.Active(a.Handler(token, f.simulated))
		if f.announce {
			line, _ := json.Marshal(map[string]any{"listen": options.Election.Address, "pid": os.Getpid(), "readOnly": f.readOnly})
			fmt.Fprintln(env.Stdout, string(line))
		}
		select {
		case <-ctx.Done():
			return a.Close()
		case <-a.Lost():
		}
		answers.Standby("", "")
		if err := a.Close(); err != nil {
			return err
		}
	}
}

// checkPageURL refuses an address that cannot be linked to.
func checkPageURL(address string) error {
	if address == "" {
		return nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return usagef("plumb agent --page-url https://plumb.example.com", "--page-url %q is no address that people can open", address)
	}
	return nil
}

// reachable gives the address at which other agents reach this one: that of its pod.
func reachable(env Env, f agentFlags, listener net.Listener) string {
	host, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return ""
	}
	if ip := env.Getenv("POD_IP"); f.expose && ip != "" {
		host = ip
	}
	return net.JoinHostPort(host, port)
}

// closeTraces sends what is left of the traces, for a short while.
func closeTraces(ctx context.Context, sent *traces.Traces) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	_ = sent.Close(ctx) // lost spans were told
}

// logOf makes the agent's log.
func logOf(w io.Writer, f agentFlags) (*slog.Logger, error) {
	options := &slog.HandlerOptions{Level: slog.LevelInfo}
	if f.verbose {
		options.Level = slog.LevelDebug
	}
	switch f.logFormat {
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	}
	return nil, fault.New(fault.InvalidSettings, "there is no log format %q", f.logFormat).WithNext("use --log-format json or text")
}

func agentConfig(f agentFlags) (*rest.Config, error) {
	if f.kubeconfig == "" && f.context == "" {
		if config, err := rest.InClusterConfig(); err == nil {
			return config, nil
		}
	}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = f.kubeconfig
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: f.context}).ClientConfig()
	if err != nil {
		return nil, fault.New(fault.Unreachable, "no kubeconfig can be used: %w", err).WithNext("name one with --kubeconfig")
	}
	return config, nil
}

func tokenOf(file string) (string, error) {
	if file == "" {
		return "", nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return "", fault.New(fault.CredentialsRefused, "the token cannot be read: %w", err).WithNext("see --token-file")
	}
	return strings.TrimSpace(string(data)), nil
}

func cacheDir(dir string) (string, error) {
	if dir != "" {
		return dir, nil
	}
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fault.New(fault.Unreachable, "there is no cache folder: %w", err).WithNext("name one with --cache-dir")
	}
	return filepath.Join(base, "plumb", "agent"), nil
}

// cannotBegin says what an agent that does not begin needs; a fault that knows it says so itself.
func cannotBegin(err error) error {
	if f := fault.Of(err, fault.Unreachable); f.Next != "" {
		return fault.New(f.Reason, "the agent cannot begin: %w", err).WithNext("%s", f.Next)
	}
	return fault.New(fault.Unreachable, "the agent cannot begin: %w", err).WithNext("see that the API server answers and that Plumb's definitions are installed")
}
