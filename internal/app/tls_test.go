package app_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hookyard/hookyard/internal/app"
	"github.com/hookyard/hookyard/internal/testenv"
)

// TestTLS serves HTTP/2 with a certificate that is replaced while it runs, once by half a file.
func TestTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	roots := x509.NewCertPool()
	roots.AddCert(testenv.WritePair(t, 1, cert, key))
	plain := fmt.Sprintf("127.0.0.1:%d", testenv.Port(t))
	a := start(t, func(c *app.Config) {
		c.TLSCert, c.TLSKey = cert, key
		c.RedirectHTTP = plain
	})

	get := func() *http.Response {
		c := http.Client{Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true, DisableKeepAlives: true}}
		resp, err := c.Get(a.BaseURL() + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp
	}
	serial := func() int64 { return get().TLS.PeerCertificates[0].SerialNumber.Int64() }
	if resp := get(); resp.StatusCode != http.StatusOK || resp.ProtoMajor != 2 || serial() != 1 {
		t.Errorf("%s by %s with certificate %d; want 200 by HTTP/2 with 1", resp.Status, resp.Proto, serial())
	}
	if err := os.WriteFile(cert, []byte("-----BEGIN CERT"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := serial(); got != 1 {
		t.Errorf("certificate %d after half a file was written; want the one before", got)
	}
	roots = x509.NewCertPool()
	roots.AddCert(testenv.WritePair(t, 2, filepath.Join(dir, "other.pem"), key))
	renewed, err := os.ReadFile(filepath.Join(dir, "other.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cert, renewed, 0o600); err != nil {
		t.Fatal(err)
	}
	testenv.Until(t, "the new certificate is used", func() bool {
		c, err := tls.Dial("tcp", a.Addr(), &tls.Config{RootCAs: roots})
		if err != nil {
			return false
		}
		return c.Close() == nil
	})
	roots = x509.NewCertPool()
	roots.AddCert(testenv.WritePair(t, 3, cert, key))
	a.ReadCertificate() // at once
	if got := serial(); got != 3 {
		t.Errorf("certificate %d after it was read again; want 3", got)
	}

	direct := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for method, want := range map[string]int{"GET": http.StatusMovedPermanently, "POST": http.StatusPermanentRedirect} {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+plain+"/in/a/b/c?d=1", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := direct.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if to := resp.Header.Get("Location"); resp.StatusCode != want || to != a.BaseURL()+"/in/a/b/c?d=1" {
			t.Errorf("plain %s: %s to %q; want %d to the same path at %s", method, resp.Status, to, want, a.BaseURL())
		}
	}
}

func TestTLSRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(c *app.Config){
		"belong together": func(c *app.Config) { c.TLSKey = "key.pem" },
		"exclude": func(c *app.Config) {
			c.TLSCert, c.TLSKey = "a", "b"
			c.ACME = []string{"x.example"}
		},
		"needs":    func(c *app.Config) { c.RedirectHTTP = ":80" },
		"https://": func(c *app.Config) { c.ACME, c.BaseURL = []string{"x.example"}, "http://x.example" },
	} {
		c := app.DefaultConfig()
		change(&c)
		if err := c.Complete(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Complete = %v; want something with %q", err, want)
		}
	}
}
