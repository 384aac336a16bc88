package github

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/go-github/v88/github"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/forge"
)

const (
	// claimFor is how long a claim of the App is good; GitHub takes ten minutes at most ("Generating a JSON Web Token").
	claimFor = 9 * time.Minute
	// claimBack is how far it is dated back, as GitHub asks, for clocks that differ.
	claimBack = time.Minute
	// renewBefore is how long before its end the token of an installation, which is good for an hour, is replaced.
	renewBefore = 5 * time.Minute
)

// app is the credential of a GitHub App: a token of its installation in one repository, with no more rights than are used.
type app struct {
	access      forge.Access
	owner, name string
	key         *rsa.PrivateKey
	api         *github.Client // as the App itself

	mu    sync.Mutex
	token string
	until time.Time
	id    int64 // of the App, once known
	slug  string
}

func newApp(access forge.Access, gate *forge.Gate) (*app, error) {
	key, err := parseKey(access.App.Key.Reveal())
	if err != nil {
		return nil, err
	}
	a := &app{access: access, key: key}
	a.owner, a.name, _ = strings.Cut(access.Repository, "/")
	a.api, err = client(access, a.claim, gate)
	return a, err
}

// parseKey reads the private key as GitHub makes it (PKCS #1), or as other tools turn it (PKCS #8).
func parseKey(text string) (*rsa.PrivateKey, error) {
	bad := fault.New(fault.CredentialsRefused, "the private key of the GitHub App is no RSA key in PEM").WithNext("put the file that GitHub made into the key private-key of the Secret")
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, bad
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	any, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if key, ok := any.(*rsa.PrivateKey); ok && err == nil {
		return key, nil
	}
	return nil, bad
}

// claim is the header by which the App itself is known: a JSON Web Token, signed with its key (RS256, RFC 7519 and 7515).
func (a *app) claim(context.Context) (string, error) {
	now := time.Now()
	claims, err := json.Marshal(map[string]any{"iat": now.Add(-claimBack).Unix(), "exp": now.Add(claimFor).Unix(), "iss": a.access.App.ID})
	if err != nil {
		return "", err
	}
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + base64.RawURLEncoding.EncodeToString(claims)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, a.key, crypto.SHA256, sum[:])
	if err != nil {
		return "", err
	}
	return "Bearer " + text + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

// credential gives the header with the token of the installation, a new one before the old one ends.
func (a *app) credential(ctx context.Context) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.token != "" && time.Now().Add(renewBefore).Before(a.until) {
		return "Bearer " + a.token, nil
	}
	where, _, err := a.api.Apps.GetRepositoryInstallation(ctx, a.owner, a.name)
	if err != nil {
		answer := answerOf("find the installation of the GitHub App "+a.access.App.ID, err)
		return "", a.access.Trouble(answer)
	}
	made, _, err := a.api.Apps.CreateInstallationToken(ctx, where.GetID(), &github.InstallationTokenOptions{
		Repositories: []string{a.name}, Permissions: rightsOf(where.GetPermissions())})
	if err != nil {
		return "", a.access.Trouble(answerOf("make a token of the GitHub App", err))
	}
	a.token, a.until, a.id = made.GetToken(), made.GetExpiresAt().Time, where.GetAppID()
	return "Bearer " + a.token, nil
}

// rightsOf asks for those of the installation's rights that are used: asking for one that it has not got is an error.
func rightsOf(has *github.InstallationPermissions) *github.InstallationPermissions {
	if has == nil {
		return nil
	}
	return &github.InstallationPermissions{
		Metadata: has.Metadata, Checks: has.Checks, Statuses: has.Statuses, PullRequests: has.PullRequests,
		Issues: has.Issues, Contents: has.Contents, Deployments: has.Deployments,
	}
}

// login gives the name under which an App writes.
func (a *app) login(ctx context.Context) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.slug == "" {
		self, _, err := a.api.Apps.Get(ctx, "")
		if err != nil {
			return "", a.access.Trouble(answerOf("say which GitHub App this is", err))
		}
		a.slug, a.id = self.GetSlug(), self.GetID()
	}
	return a.slug + "[bot]", nil
}

// isOurs tells whether a check run is of this App.
func (a *app) isOurs(run *github.CheckRun) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return run.GetApp().GetID() == a.id || strconv.FormatInt(run.GetApp().GetID(), 10) == a.access.App.ID || run.GetApp().GetClientID() == a.access.App.ID
}
