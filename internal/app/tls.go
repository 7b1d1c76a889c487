package app

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// secure reports whether the server speaks TLS itself.
func (c *Config) secure() bool { return c.TLSCert != "" || len(c.ACME) > 0 }

// checkTLS refuses settings of TLS that cannot work together.
func (c *Config) checkTLS() error {
	switch {
	case (c.TLSCert == "") != (c.TLSKey == ""):
		return errors.New("--tls-cert and --tls-key belong together: give both files")
	case c.TLSCert != "" && len(c.ACME) > 0:
		return errors.New("--tls-cert and --acme exclude each other: keep the files, or let hookyard get certificates")
	case c.RedirectHTTP != "" && !c.secure():
		return errors.New("--redirect-http needs --tls-cert or --acme")
	case c.secure() && strings.HasPrefix(c.BaseURL, "http://"):
		return fmt.Errorf("--base-url %q must begin with https://, because of --tls-cert or --acme", c.BaseURL)
	}
	return nil
}

// listen opens the port, or takes the socket that systemd has opened (sd_listen_fds(3)); --listen is ignored then.
func listen(address string) (net.Listener, error) {
	sockets, err := activation.Listeners()
	if err != nil {
		return nil, fmt.Errorf("socket activation: %w", err)
	}
	switch {
	case len(sockets) > 1:
		return nil, fmt.Errorf("socket activation: %d sockets were passed; hookyard serves on one", len(sockets))
	case len(sockets) == 1 && sockets[0] == nil:
		return nil, errors.New("socket activation: the socket is not a stream socket")
	case len(sockets) == 1:
		return sockets[0], nil
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w (setting: --listen)", address, err)
	}
	return l, nil
}

// useTLS makes the server speak TLS 1.2 or later with HTTP/2, and makes the server that redirects from plain HTTP.
func (a *App) useTLS() error {
	redirect := http.Handler(http.HandlerFunc(a.toHTTPS))
	if len(a.config.ACME) > 0 {
		// Certificates and the account's key are files of this node. Behind a balancer with several nodes, the balancer
		// has to hold the certificate: a CA's question may reach another node than the one that asked.
		m := &autocert.Manager{
			Prompt: autocert.AcceptTOS, Cache: autocert.DirCache(filepath.Join(a.config.Data, "acme")),
			HostPolicy: autocert.HostWhitelist(a.config.ACME...), Email: a.config.ACMEEmail,
			Client: &acme.Client{DirectoryURL: a.config.ACMEDirectory, UserAgent: a.userAgent()},
		}
		a.server.TLSConfig = m.TLSConfig()
		a.server.TLSConfig.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			cert, err := m.GetCertificate(hello)
			if err != nil && slices.Contains(a.config.ACME, hello.ServerName) { // others are strangers' mistakes
				a.log.Warn("no certificate", "host", hello.ServerName, "error", err)
			}
			return cert, err
		}
		redirect = m.HTTPHandler(redirect)
	} else {
		a.pair = &keyPair{cert: a.config.TLSCert, key: a.config.TLSKey, log: a.log}
		if _, err := a.pair.get(nil); err != nil {
			return err
		}
		a.server.TLSConfig = &tls.Config{GetCertificate: a.pair.get}
	}
	a.server.TLSConfig.MinVersion = tls.VersionTLS12
	if a.config.RedirectHTTP == "" {
		return nil
	}
	var err error
	if a.plain, err = net.Listen("tcp", a.config.RedirectHTTP); err != nil {
		return fmt.Errorf("cannot listen on %s: %w (setting: --redirect-http)", a.config.RedirectHTTP, err)
	}
	a.redirect = &http.Server{Handler: redirect, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: a.config.ReadTimeout,
		MaxHeaderBytes: a.server.MaxHeaderBytes, ErrorLog: a.server.ErrorLog}
	return nil
}

// toHTTPS redirects to the same path at the base URL's host. Only 308 keeps the method of a POST.
func (a *App) toHTTPS(w http.ResponseWriter, r *http.Request) {
	base, err := url.Parse(a.config.BaseURL)
	if err != nil {
		http.Error(w, "use https", http.StatusBadRequest)
		return
	}
	status := http.StatusPermanentRedirect
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		status = http.StatusMovedPermanently
	}
	http.Redirect(w, r, "https://"+base.Host+r.URL.RequestURI(), status)
}

// serve serves until the server is shut down.
func (a *App) serve() error {
	err := error(nil)
	if a.server.TLSConfig != nil {
		err = a.server.ServeTLS(a.listener, "", "")
	} else {
		err = a.server.Serve(a.listener)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// keyPair is a certificate in files. It reads them again after they changed, so a renewal needs no restart. It is safe
// for concurrent use.
type keyPair struct {
	cert, key string
	log       *slog.Logger

	mu      sync.Mutex
	now     *tls.Certificate
	version string // of the files that were read last, good or not
	looked  time.Time
}

// ReadCertificate looks at once whether the files of the certificate have changed, instead of at the next connection.
// It does nothing without --tls-cert.
func (a *App) ReadCertificate() {
	if a.pair == nil {
		return
	}
	a.pair.mu.Lock()
	a.pair.looked = time.Time{}
	a.pair.mu.Unlock()
	_, _ = a.pair.get(nil) // an error is logged, and there is a certificate already
}

// keyPairPause is how long a certificate is used before its files are looked at again.
const keyPairPause = time.Second

func (k *keyPair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.now != nil && time.Since(k.looked) < keyPairPause {
		return k.now, nil
	}
	k.looked = time.Now()
	version, err := versionOf(k.cert, k.key)
	if err == nil && version == k.version && k.now != nil {
		return k.now, nil
	}
	var pair tls.Certificate
	if err == nil {
		pair, err = tls.LoadX509KeyPair(k.cert, k.key)
	}
	changed := version != k.version
	k.version = version
	switch {
	case err == nil:
		if k.now != nil {
			k.log.Info("the certificate was read again", "file", k.cert, "notAfter", pair.Leaf.NotAfter)
		}
		k.now = &pair
	case k.now == nil:
		return nil, fmt.Errorf("--tls-cert %s, --tls-key %s: %w", k.cert, k.key, err)
	case changed: // a renewal may be half written
		k.log.Warn("the new certificate cannot be read; the old one stays", "file", k.cert, "error", err)
	}
	return k.now, nil
}

// versionOf tells files from what they were before they were written again.
func versionOf(paths ...string) (string, error) {
	var b strings.Builder
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			return "", err
		}
		fmt.Fprint(&b, info.Size(), info.ModTime().UnixNano(), " ")
	}
	return b.String(), nil
}
