package charttest

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
)

// clientFor trusts the authority of one server.
func clientFor(ca []byte) *http.Client {
	if ca == nil {
		return http.DefaultClient
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
}
