package redact

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"plumb.dev/plumb/internal/object"
)

func encoded(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func secretOf(name, value string) object.Object {
	return object.Object{Fields: map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "a"}, "data": map[string]any{name: encoded(value)}}}
}

// What is secret within a value is found where it stands alone; what merely stands beside it in the value is not hidden.
func TestParts(t *testing.T) {
	const password = "s3cr3t-pw"
	const token = "Zm9vYmFyMTIzQUJDxyz09" // a word drawn by lot
	pem := "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n-----END PRIVATE KEY-----\n"
	service, _ := json.Marshal(map[string]string{"type": "service_account", "project_id": "acme-prod", "private_key_id": "key-of-acme", "private_key": pem})
	for _, tt := range []struct {
		reason, name, value string
		secret, open        []string
	}{
		{"Docker: the password, and what encodes it", ".dockerconfigjson", `{"auths":{"registry.example.com":{"username":"robot","password":"` + password + `","auth":"` + encoded("robot:"+password) + `"}}}`,
			[]string{password, encoded("robot:" + password)}, []string{"registry.example.com", "robot"}},
		{"Docker: what encodes it alone", ".dockerconfigjson", `{"auths":{"registry.example.com":{"auth":"` + encoded("robot:"+password) + `"}}}`, []string{password}, []string{"registry.example.com"}},
		{"Docker: a token of identity", ".dockerconfigjson", `{"auths":{"r.example.com":{"identitytoken":"` + password + `"}}}`, []string{password}, nil},
		{"kubeconfig: token and key", "kubeconfig", "apiVersion: v1\nkind: Config\nclusters:\n- name: production\n  cluster:\n    server: https://api.example.com:6443\nusers:\n- name: admin-user\n  user:\n    token: " + password + "\n    client-key-data: " + encoded(pem) + "\ncurrent-context: production\n",
			[]string{password, encoded(pem), strings.Split(pem, "\n")[1]}, []string{"production", "https://api.example.com:6443", "admin-user", "users:", "kind: Config", "-----BEGIN PRIVATE KEY-----"}},
		{"kubeconfig as JSON, in base64", "config", encoded(`{"users":[{"name":"admin-user","user":{"token":"` + password + `"}}]}`), []string{password}, []string{"admin-user"}},
		{"an address", "url", "postgres://writer:" + password + "@db.example.com:5432/orders", []string{password}, []string{"writer", "db.example.com", "postgres", "orders"}},
		{"an address whose password is encoded", "url", "amqps://writer:p%40ss%2Fw0rd@mq.example.com/vhost", []string{"p@ss/w0rd", "p%40ss%2Fw0rd"}, []string{"mq.example.com"}},
		{"an address whose password nobody has encoded", "url", "postgres://writer:pa/ss#w0rd@db.example.com/orders", []string{"pa/ss#w0rd"}, []string{"db.example.com"}},
		{"an address whose password is a parameter", "url", "jdbc:mysql://db.example.com/orders?user=writer&password=" + password + "&ssl=true", []string{password}, []string{"db.example.com", "orders", "writer"}},
		{"an address whose user is a token", "url", "https://" + token + "@git.example.com/acme.git", []string{token}, []string{"git.example.com"}},
		{"several addresses of one value", "urls", "redis://:" + password + "@a.example.com,redis://:other-pw-2@b.example.com", []string{password, "other-pw-2"}, []string{"a.example.com"}},
		{"a connection string of libpq", "dsn", "host=db.example.com user=writer password=" + password + " sslmode=verify-full", []string{password}, []string{"db.example.com", "writer", "verify-full"}},
		{"a connection string of .NET", "dsn", "Server=db.example.com;User Id=writer;Password=" + password + ";Encrypt=true", []string{password}, []string{"db.example.com", "writer"}},
		{"variables", "env", "LOG_LEVEL=verbose\nexport DB_PASSWORD='" + password + "'\nAPI_TOKEN=\"other-pw-2\"\n", []string{password, "other-pw-2"}, []string{"verbose", "LOG_LEVEL"}},
		{"an ini with comments", "conf", "[client]\nuser = writer-one\npassword = " + password + " # not the old one\n", []string{password}, []string{"writer-one", "[client]"}},
		{"YAML, also on one line, also a list", "conf", "db: {user: writer-one, password: " + password + "}\ntokens:\n- other-pw-2\n- 'other-pw-3'\nlevel: verbose\n", []string{password, "other-pw-2", "other-pw-3"}, []string{"writer-one", "verbose"}},
		{"a list of JSON", "conf", `{"tokens": ["other-pw-2", "other-pw-3"], "level": "verbose"}`, []string{"other-pw-2", "other-pw-3"}, []string{"verbose"}},
		{"a password of several words", "conf", "password: correct horse battery\n", []string{"correct horse battery"}, []string{"correct", "battery"}},
		{"a key within JSON, with its lines escaped", "key.json", string(service), []string{strings.Split(pem, "\n")[1]}, []string{"service_account", "acme-prod"}},
		{"a header", "conf", "Authorization: Bearer " + password + "\nAccept: text/plain\n", []string{password}, []string{"Accept", "text/plain"}},
		{"a header of Basic", "conf", "Authorization: Basic " + encoded("writer:"+password), []string{password}, []string{"writer"}},
		{".pgpass", ".pgpass", "db.example.com:5432:orders:writer:" + password, []string{password}, []string{"db.example.com", "orders"}},
		{".netrc", ".netrc", "machine git.example.com login robot password " + password, []string{password}, []string{"git.example.com"}},
		{"the hash of a password", "htpasswd", "admin-user:$2y$10$Xb1kQ9uD3vG7hJ2mN5pR8eWzYcTfLsKa", []string{"$2y$10$Xb1kQ9uD3vG7hJ2mN5pR8eWzYcTfLsKa"}, []string{"admin-user"}},
		{"a token without a name", "list", "first line\nsome " + token + " here\n", []string{token}, []string{"first", "some"}},
		{"names of secrets are no secrets", "conf", "tokenFile: /var/run/token\nsecretName: my-tls-cert\npassword_policy: sixteen-letters\nauth:\n  type: oauth-code\nkey: app.kubernetes.io/name\nsession: redis-1.cache.svc\nsigningKey: k3y-of-2026\n",
			[]string{"k3y-of-2026"}, []string{"redis-1.cache.svc", "/var/run/token", "my-tls-cert", "sixteen-letters", "oauth-code", "app.kubernetes.io/name"}},
		{"words, times, hosts and numbers are no tokens", "conf", "a: Kubernetes-1.30-Release-Notes.html\nb: 2026-11-27T10:00:00Z\nc: worker-12.eu-central-1.example.com\nd: 12345678901234567890\ne: ThisIsALongNameOfAClass2\nf: /opt/App1/Bin2/Run3\n",
			nil, []string{"Kubernetes-1.30-Release-Notes.html", "2026-11-27T10:00:00Z", "worker-12.eu-central-1.example.com", "12345678901234567890", "ThisIsALongNameOfAClass2", "/opt/App1/Bin2/Run3"}},
		{"words that say nothing stay, though a password is one", "conf", "password: changeit\nsecret: enabled\ntoken: ${TOKEN_OF_ENV}\n", nil, []string{"changeit", "enabled", "TOKEN_OF_ENV"}},
		{"short ones stand in ordinary words", "conf", "password: cat\n", nil, []string{"cat", "scatter"}},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			f := NewFilter(Needles(secretOf(tt.name, tt.value))...)
			for _, s := range tt.secret {
				if got := f.Text("x " + s + " y"); got != "x "+Marker+" y" {
					t.Errorf("%q becomes %q", s, got)
				}
			}
			for _, s := range tt.open {
				if got := f.Text("x " + s + " y"); got != "x "+s+" y" {
					t.Errorf("%q becomes %q", s, got)
				}
			}
		})
	}
}

// A password is hidden in whatever way a message writes it.
func TestFormsOfAPassword(t *testing.T) {
	const password = `p@s/s&w<o"rd é+1`
	asJSON, _ := json.Marshal(password)
	f := NewFilter(Hide(password))
	for _, tt := range []struct{ reason, form string }{
		{"of a query", url.QueryEscape(password)}, {"of a path", url.PathEscape(password)}, {"of an address", url.UserPassword("u", password).String()},
		{"as Go's JSON", string(asJSON)}, {"within Basic authentication", encoded("robot:" + password)},
	} {
		if got := f.Text("it is " + tt.form); !strings.Contains(got, Marker) || strings.Contains(got, `rd`) {
			t.Errorf("%s: %s", tt.reason, got)
		}
	}
}

// Values that overlap are hidden together: nothing is left of the second.
func TestOverlappingValues(t *testing.T) {
	if got := Text("x abcdefghijkl y", Hide("abcdefgh"), Hide("efghijkl"), Hide("fghijk")); got != "x "+Marker+" y" {
		t.Error(got)
	}
}

// Whatever a file has around it, a password behind its name is found.
func TestPasswordsAreFoundInFiles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		password := rapid.StringMatching(`[A-Za-z0-9][A-Za-z0-9!@$%^*_+-]{6,30}[0-9]`).Draw(t, "password")
		name := rapid.SampledFrom([]string{"password", "DB_PASSWORD", "dbPassword", "client-secret", "apiKey", "spring.datasource.password", "github_token", "ADMIN_PASS"}).Draw(t, "name")
		before := rapid.StringMatching(`([a-z]{1,8}: [a-z0-9./]{1,12}\n){0,5}`).Draw(t, "before")
		line := rapid.SampledFrom([]string{"N=P", "N = P", "N: P", "N: \"P\"", "N='P'", "- N: P", "{\"N\":\"P\",\"a\":1}", "{a: b, N: P}", "export N=P", "a=b;N=P;c=d", "x://h/p?a=b&N=P&c=d"}).Draw(t, "line")
		line = strings.NewReplacer("N", name, "P", password).Replace(line)
		if !slices.Contains(parts("file", before+line+"\nlast: line\n"), password) {
			t.Fatalf("%q is not found in %q", password, line)
		}
	})
}

func FuzzParts(f *testing.F) {
	for _, s := range []string{`{"auth":"dTpwYXNzd29yZA=="}`, "token: a\n- b", "x://u:p@h", "password=\"\\", "a:1:b:c:d", "password:[\"a\", b, ", "://://@:", "pass='", "token=>\n- ", "key: |\n  -----BEGIN A-----"} {
		f.Add("auth", s)
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		found := parts(name, value)
		if len(found) > partsAtMost {
			t.Fatalf("%d parts", len(found))
		}
		for _, part := range found {
			if len(part) < MinNeedle || part == value {
				t.Fatalf("%q is a part of %q", part, value)
			}
		}
		checkText(t, value, "a", name, "c")
	})
}
