package egress

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

type tlsServer struct {
	*httptest.Server
	conns atomic.Int32
	proto atomic.Value // of the last request
}

// startTLS serves 200 "ok" with httptest's certificate, which is for 127.0.0.1 and example.com.
func startTLS(t *testing.T, config *tls.Config) *tlsServer {
	t.Helper()
	s := &tlsServer{}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		s.proto.Store(r.Proto + " " + r.TLS.NegotiatedProtocol + " " + r.TLS.ServerName)
		_, _ = io.WriteString(w, "ok")
	}))
	s.EnableHTTP2 = true
	s.TLS = config
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Config.ConnState = func(_ net.Conn, st http.ConnState) {
		if st == http.StateNew {
			s.conns.Add(1)
		}
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func (s *tlsServer) roots() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(s.Certificate())
	return p
}

func TestTLS(t *testing.T) {
	t.Parallel()
	s := startTLS(t, &tls.Config{NextProtos: []string{"h2", "http/1.1"}, MinVersion: tls.VersionTLS12})
	c := newClient(t, Options{RootCAs: s.roots()})
	for i, body := range [][]byte{nil, []byte("x"), make([]byte, 1<<20)} {
		resp, err := c.Do(t.Context(), &Request{URL: s.URL, Body: body, MaxBody: 10})
		if err != nil || string(resp.Body) != "ok" {
			t.Fatalf("%+v %v", resp, err)
		}
		if fresh := resp.Timing.TLS > 0; fresh != (i == 0) {
			t.Errorf("request %d: TLS took %v", i, resp.Timing.TLS)
		}
	}
	if got := s.proto.Load(); got != "HTTP/1.1 http/1.1 " || s.conns.Load() != 1 {
		t.Errorf("server saw %q on %d connections", got, s.conns.Load())
	}
}

func TestTLSVerification(t *testing.T) {
	t.Parallel()
	s := startTLS(t, nil)
	r := fakeDNS(t, func(string, int) []string { return []string{"127.0.0.1"} })
	trusting := newClient(t, Options{RootCAs: s.roots(), Resolver: r})
	doubting := newClient(t, Options{RootCAs: x509.NewCertPool(), Resolver: r})
	at := func(host string) string { return strings.Replace(s.URL, "127.0.0.1", host, 1) }
	for _, tt := range []struct {
		name     string
		c        *Client
		url      string
		insecure bool
		want     string // of the message
	}{
		{"name on the certificate", trusting, at("example.com"), false, ""},
		{"another name", trusting, at("other.test"), false, "not other.test"},
		{"another name, insecure", trusting, at("other.test"), true, ""},
		{"unknown authority", doubting, s.URL, false, "not trusted"},
		{"unknown authority, insecure", doubting, s.URL, true, ""},
		{"verified again after insecure", doubting, s.URL, false, "not trusted"},
	} {
		_, err := tt.c.Do(t.Context(), &Request{URL: tt.url, InsecureTLS: tt.insecure})
		if tt.want == "" {
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
		} else if e := asErrorOrNil(err); e == nil || e.Kind != KindTLS || !strings.Contains(e.Message, tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	if got, _ := s.proto.Load().(string); !strings.HasPrefix(got, "HTTP/1.1") {
		t.Errorf("server saw %q", got)
	}
}

func TestOldTLS(t *testing.T) {
	t.Parallel()
	s := startTLS(t, &tls.Config{MinVersion: tls.VersionTLS10,
		MaxVersion: tls.VersionTLS11}) //nolint:gosec // to be refused
	_, err := newClient(t, Options{RootCAs: s.roots()}).Do(t.Context(), &Request{URL: s.URL})
	if e := asError(t, err); e.Kind != KindTLS {
		t.Errorf("%s: %v", e.Kind, e)
	}
}

func TestHandshakeHangs(t *testing.T) {
	t.Parallel()
	s := serveRaw(t, silent)
	c := newClient(t, Options{TLSTimeout: 50 * time.Millisecond})
	_, err := c.Do(t.Context(), &Request{URL: "https://" + s.addr})
	if e := asError(t, err); e.Kind != KindTimeout || !strings.Contains(e.Message, "0.05 s") {
		t.Errorf("%s: %v", e.Kind, e)
	}
}

func TestPlainServerForTLS(t *testing.T) {
	t.Parallel()
	s := serveRaw(t, func(p *peer) { p.say("HTTP/1.1 400 Bad Request\r\n\r\n") })
	_, err := newClient(t, Options{}).Do(t.Context(), &Request{URL: "https://" + s.addr})
	if e := asError(t, err); e.Kind != KindTLS {
		t.Errorf("%s: %v", e.Kind, e)
	}
}
