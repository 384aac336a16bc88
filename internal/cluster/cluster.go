// Package cluster is the hand that touches a Kubernetes API server: it reads, watches, applies and deletes objects.
//
// The agent has two identities. The agent's own (Cluster) sees metadata and reduced status, and keeps Plumb's bookkeeping.
// Every read that is shown and every write to a user's object goes through a Client, which impersonates exactly one
// ServiceAccount; As is the only place that makes one, and it has no fallback. A command looks as the person who runs it
// (Person), and cannot write.
//
// The package never decides what to apply or delete, never retries, and never logs.
//
// Start at New, As and Client.Apply; Watch feeds Facts.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
)

// Cluster is a connection to one API server under the agent's own identity.
type Cluster struct {
	config  *rest.Config
	codecs  serializer.CodecFactory
	agent   *rest.RESTClient
	mapper  *Mapper
	reads   bool // nothing but reads and dry runs leaves the clients
	mu      sync.Mutex
	clients map[string]*Client
}

// New connects to the API server of a client configuration. It makes no request. Requests are not slowed down on this
// side: the agent bounds how many run at once, and the API server's priority and fairness does the rest.
func New(config *rest.Config, userAgent string) (*Cluster, error) {
	return connect(config, userAgent, false)
}

// NewReadOnly is New for an agent that must not write: whatever a Client is asked to do, its last layer before the wire
// lets only reads and dry runs through. Plumb's own bookkeeping has a connection of its own (Config).
func NewReadOnly(config *rest.Config, userAgent string) (*Cluster, error) {
	return connect(config, userAgent, true)
}

func connect(config *rest.Config, userAgent string, reads bool) (*Cluster, error) {
	config = rest.CopyConfig(config)
	config.QPS = -1
	config.UserAgent = userAgent
	config.WarningHandler = rest.NoWarnings{} // the API server's warnings are about kinds that people chose
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	if err := metav1.AddMetaToScheme(scheme); err != nil {
		return nil, fmt.Errorf("build the metadata scheme: %w", err)
	}
	c := &Cluster{config: config, codecs: serializer.NewCodecFactory(scheme), reads: reads, clients: map[string]*Client{}}
	agent, err := c.rest(config)
	if err != nil {
		return nil, err
	}
	c.agent = agent
	c.mapper = newMapper(agent)
	return c, nil
}

// Config gives a copy of the client configuration of the agent's own identity.
func (c *Cluster) Config() *rest.Config { return rest.CopyConfig(c.config) }

// Mapper tells how kinds are served.
func (c *Cluster) Mapper() *Mapper { return c.mapper }

// Own reads under the agent's own identity: metadata that only triggers work, and the Secrets that a Repo or an App
// names. It cannot write: what is written to a user's object is written by a Client.
type Own struct {
	client Client
}

// Own gives the agent's own eyes.
func (c *Cluster) Own() Own { return Own{client: Client{rest: c.agent, mapper: c.mapper}} }

// Get is Client.Get.
func (o Own) Get(ctx context.Context, id object.ID, version string) (object.Object, error) {
	live, _, err := o.client.Get(ctx, id, version)
	return live, err
}

// GetMetadata is Client.GetMetadata.
func (o Own) GetMetadata(ctx context.Context, id object.ID, version string) (metav1.ObjectMeta, error) {
	return o.client.GetMetadata(ctx, id, version)
}

// As gives a Client that impersonates the ServiceAccount. An empty name is refused: client-go would drop the header
// and the request would run as the agent.
func (c *Cluster) As(namespace, serviceAccount string) (*Client, error) {
	if strings.TrimSpace(namespace) == "" || strings.TrimSpace(serviceAccount) == "" {
		return nil, fault.New(fault.ServiceAccountMissing, "no ServiceAccount to act as (namespace %q, name %q)", namespace, serviceAccount)
	}
	user := "system:serviceaccount:" + namespace + ":" + serviceAccount
	c.mu.Lock()
	defer c.mu.Unlock()
	if client, ok := c.clients[user]; ok {
		return client, nil
	}
	config := rest.CopyConfig(c.config)
	// No groups: the API server adds those of a ServiceAccount itself, and to name them would need the right to impersonate groups.
	config.Impersonate = rest.ImpersonationConfig{UserName: user}
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return mustImpersonate{user: user, next: next} })
	restClient, err := c.rest(config)
	if err != nil {
		return nil, err
	}
	client := &Client{rest: restClient, mapper: c.mapper, user: user}
	c.clients[user] = client
	return client, nil
}

func (c *Cluster) rest(config *rest.Config) (*rest.RESTClient, error) {
	config = rest.CopyConfig(config)
	config.GroupVersion = &schema.GroupVersion{}
	config.APIPath = "/"
	config.NegotiatedSerializer = c.codecs.WithoutConversion()
	if c.reads {
		config.Wrap(func(next http.RoundTripper) http.RoundTripper { return onlyReads{next: next} })
	}
	client, err := rest.RESTClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("make a client for the API server: %w", err)
	}
	return client, nil
}

// onlyReads lets no request through that would store something.
type onlyReads struct{ next http.RoundTripper }

// RoundTrip refuses whatever is neither a read nor a dry run.
func (o onlyReads) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method != http.MethodGet && req.URL.Query().Get("dryRun") != metav1.DryRunAll {
		return nil, fault.New(fault.ReadOnly, "refused to send %s %s: the agent is read-only", req.Method, req.URL.Path)
	}
	return o.next.RoundTrip(req)
}

// mustImpersonate sees to it that no request leaves without the impersonation that it was made for. client-go puts
// wrappers like this one nearest to the wire, below its own impersonating one: this is the last word.
type mustImpersonate struct {
	user string
	next http.RoundTripper
}

// RoundTrip refuses a request as somebody else, and sets the header itself, so that no change of the order of wrappers
// can lose it.
func (m mustImpersonate) RoundTrip(req *http.Request) (*http.Response, error) {
	if m.user == "" {
		return nil, errors.New("refused to send a request as nobody: it would run as the agent")
	}
	if got := req.Header.Get("Impersonate-User"); got != "" && got != m.user {
		return nil, fmt.Errorf("refused to send a request as %q on the connection of %q", got, m.user)
	}
	req = req.Clone(req.Context())
	req.Header.Set("Impersonate-User", m.user)
	return m.next.RoundTrip(req)
}
