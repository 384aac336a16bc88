package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/playground"
	"plumb.dev/plumb/internal/report"
	"plumb.dev/plumb/internal/server"
)

const uiHelp = `Open the page in a browser, logged in as you are in your kubeconfig. What you see and do there is what the API server lets
you see and do; nothing has a password of its own.

The page is reached through a port-forward to the active agent's pod, which lasts until Ctrl-C and needs the right to create
pods/portforward in plumb-system; with --at it is asked at an address of its own. Your bearer token goes to the agent, once, for a
code that logs one browser in for as long as the token is good, at most twelve hours.

With --playground it makes a new link to the page of a running plumb up.`

type uiOptions struct {
	kubeFlags
	at         string
	playground bool
	dir        string
	noBrowser  bool
}

func newUICommand(env Env) *cobra.Command {
	var o uiOptions
	cmd := &cobra.Command{
		Use:     "ui",
		Short:   "Open the page in a browser, logged in by your kubeconfig",
		Long:    uiHelp,
		GroupID: groupSee,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return runUI(cmd.Context(), env, o) },
	}
	o.addConnection(cmd.Flags())
	cmd.Flags().StringVar(&o.at, "at", "", "address of the page (https://plumb.example.com), instead of a port-forward")
	cmd.Flags().BoolVar(&o.playground, "playground", false, "of the playground that runs here (plumb up), instead of a cluster's")
	cmd.Flags().StringVar(&o.dir, "dir", "", "of the playground whose state is kept in this folder")
	cmd.Flags().BoolVar(&o.noBrowser, "no-browser", false, "print the address, and open nothing")
	return cmd
}

func runUI(ctx context.Context, env Env, o uiOptions) error {
	if o.playground || o.dir != "" {
		return openPlayground(ctx, env, o)
	}
	if err := checkPageAt(o.at); err != nil {
		return err
	}
	k, err := o.connect(env)
	if err != nil {
		return err
	}
	token, err := k.bearer(ctx)
	if err != nil {
		return err
	}
	address := strings.TrimSuffix(o.at, "/")
	var ended <-chan error
	if address == "" {
		if address, ended, err = k.forward(ctx); err != nil {
			return err
		}
	}
	if err := openPage(ctx, env, address, token, !o.noBrowser); err != nil || ended == nil {
		return err
	}
	fmt.Fprintln(env.Stderr, "the page is reached through this command; Ctrl-C ends it")
	select {
	case <-ctx.Done():
		return nil
	case err := <-ended:
		return fault.New(fault.Unreachable, "the port-forward to the agent has ended: %w", orEnded(err)).WithNext("call plumb ui again")
	}
}

// openPage has the page give a link for a token, and opens it.
func openPage(ctx context.Context, env Env, address, token string, browser bool) error {
	link, err := server.LinkAt(ctx, address, token)
	if err != nil {
		return err
	}
	fmt.Fprintf(env.Stdout, "%s\n", link.URL)
	fmt.Fprintf(env.Stderr, "you are %s there; the address logs one browser in, once, until %s\n", report.Clean(link.Name), link.Until.Local().Format("15:04:05"))
	if browser {
		playground.OpenBrowser(env.Getenv, link.URL)
	}
	return nil
}

// openPlayground opens the page of a playground that runs on this machine, with the token that is kept in its folder.
func openPlayground(ctx context.Context, env Env, o uiOptions) error {
	if o.at != "" {
		return usagef("plumb ui --playground", "--at does not go with --playground, which knows its address")
	}
	p := playground.Options{Getenv: env.Getenv, Context: o.context}
	if o.dir != "" {
		p.Dir = absolute(env, o.dir)
	}
	address, token, err := playground.Running(p)
	if err != nil {
		return fault.New(fault.Unreachable, "%w", err).WithNext("plumb up starts one; --dir names the folder of another")
	}
	return openPage(ctx, env, address, token, !o.noBrowser)
}

func orEnded(err error) error {
	if err == nil {
		return errors.New("the agent's pod is gone")
	}
	return err
}

// checkPageAt refuses an address to which a bearer token must not go.
func checkPageAt(at string) error {
	if at == "" {
		return nil
	}
	u, err := url.Parse(at)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Scheme != "http" && u.Scheme != "https" {
		return usagef("plumb ui --at https://plumb.example.com", "--at %q is no address of a page", at)
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme == "http" && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return usagef("plumb ui --at https://"+u.Host, "your token would go to %s in the clear", u.Host)
	}
	return nil
}

// bearer gives the token that the kubeconfig logs in with, wherever it comes from: a file, a program, the kubeconfig itself.
func (k *kube) bearer(ctx context.Context) (string, error) {
	if k.config.Impersonate.UserName != "" {
		return "", usagef("plumb ui", "--as is of no use here: the page is opened as who has the token")
	}
	config := rest.CopyConfig(k.config)
	seen := ""
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripperFunc(func(req *http.Request) (*http.Response, error) {
			if token, ok := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer "); ok {
				seen = token
			}
			return next.RoundTrip(req)
		})
	})
	as, err := newKube(config, k.selected, k.own)
	if err != nil {
		return "", err
	}
	name, err := as.me(ctx)
	if err != nil {
		return "", err
	}
	if seen == "" {
		return "", fault.New(fault.CredentialsRefused, "the kubeconfig logs %s in without a bearer token (with a client certificate), and only a token can be handed on", name).
			WithNext("log in as a ServiceAccount: kubectl config set-credentials plumb-ui --token=$(kubectl create token NAME) && kubectl config set-context --current --user=plumb-ui; or by OIDC at the page itself")
	}
	return seen, nil
}

type roundTripperFunc func(*http.Request) (*http.Response, error)

// RoundTrip calls the function.
func (f roundTripperFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// forward opens a port of loopback that leads to the active agent.
func (k *kube) forward(ctx context.Context) (address string, ended <-chan error, err error) {
	pod, port, err := k.activeAgent(ctx)
	if err != nil {
		return "", nil, err
	}
	transport, upgrader, err := spdy.RoundTripperFor(k.config)
	if err != nil {
		return "", nil, err
	}
	to := k.leases.Post().AbsPath("api", "v1", "namespaces", v1alpha1.Namespace, "pods", pod, "portforward").URL()
	dialer := spdy.NewDialerForStreaming(upgrader, &http.Client{Transport: transport}, http.MethodPost, to)
	ready := make(chan struct{})
	forwarder, err := portforward.NewOnAddressesForStreamingWithContext(ctx, dialer, []string{"127.0.0.1"}, []string{"0:" + port}, ready, io.Discard, io.Discard)
	if err != nil {
		return "", nil, err
	}
	done := make(chan error, 1)
	go func() { done <- forwarder.ForwardPorts() }()
	select {
	case <-ready:
	case err := <-done:
		return "", nil, fault.New(fault.Unreachable, "no port-forward to pod %s/%s: %w", v1alpha1.Namespace, pod, orEnded(err)).
			WithNext("it needs the right to create pods/portforward there; or name the page's address: plumb ui --at https://…")
	case <-ctx.Done():
		return "", nil, ctx.Err()
	}
	ports, err := forwarder.GetPorts()
	if err != nil || len(ports) == 0 {
		return "", nil, fault.New(fault.Unreachable, "the port-forward has no port: %w", orEnded(err))
	}
	return fmt.Sprintf("http://127.0.0.1:%d", ports[0].Local), done, nil
}

// activeAgent gives the pod of the agent that has the Lease, and the port of its page.
func (k *kube) activeAgent(ctx context.Context) (pod, port string, err error) {
	var lease coordinationv1.Lease
	if err := k.leases.Get().Namespace(v1alpha1.Namespace).Resource("leases").Name(leaseName).Do(ctx).Into(&lease); err != nil {
		return "", "", fault.New(fault.Unreachable, "no agent is known: %w", err).WithNext("plumb doctor says what is missing; plumb install installs one")
	}
	holder := ""
	if lease.Spec.HolderIdentity != nil {
		holder = *lease.Spec.HolderIdentity
	}
	_, port, err = net.SplitHostPort(lease.Annotations[v1alpha1.AnnotationAddress])
	pod, _, found := strings.Cut(holder, "_") // an agent is named by its host, which is the pod
	if holder == "" || !found || err != nil {
		return "", "", fault.New(fault.Unreachable, "no agent is active that says where it is reached").WithNext("plumb doctor says why; or name the page's address: plumb ui --at https://…")
	}
	return pod, port, nil
}
