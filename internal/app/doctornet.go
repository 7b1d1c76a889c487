package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/egress"
)

// DefaultReach is what the way to receivers is tried with if the operator names nothing better.
const DefaultReach = "https://example.com/"

// networkLimit is how long each check of the network may take.
const networkLimit = 10 * time.Second

// neverTargets are addresses that only a careless --allow-target opens.
var neverTargets = []struct{ address, what string }{
	{"127.0.0.1", "services on this machine"},
	{"169.254.169.254", "the metadata service of a cloud, which hands out credentials"},
}

// network checks DNS and the way to receivers, by the client that sends deliveries.
func (d *doctor) network(ctx context.Context) {
	c, err := d.config.egress(d.userAgent)
	if err != nil {
		d.bad(Fail, "targets", err, "correct --allow-target or --proxy")
		return
	}
	defer c.Close()
	d.targets(ctx, c)
	if d.reach == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 2*networkLimit)
	defer cancel()
	if d.config.Proxy == "" && !d.dns(ctx) {
		return
	}
	res, err := c.Do(ctx, &egress.Request{Method: http.MethodHead, URL: d.reach, Timeout: networkLimit})
	var failed *egress.Error
	switch {
	case errors.As(err, &failed) && failed.Kind == egress.KindBlocked:
		d.bad(Warn, "egress", err, "")
	case errors.As(err, &failed) && failed.Kind == egress.KindTLS:
		d.bad(Warn, "egress", err, "install the system's certificates (ca-certificates), or name the authorities "+
			"of your network in SSL_CERT_FILE")
	case err != nil:
		d.bad(Warn, "egress", err, "let this machine connect to receivers, or set --proxy; if hooks send to private "+
			"targets only, try one of them with --reach URL")
	default:
		d.ok("egress", "%s answers with %d in %s", hookyard.MaskURL(d.reach), res.Status,
			res.Duration.Round(time.Millisecond))
	}
}

// targets checks that the guard stands before addresses that hooks must not reach.
func (d *doctor) targets(ctx context.Context, c *egress.Client) {
	var open []string
	for _, never := range neverTargets {
		ours := d.config.Dev && isLoopback(never.address)
		if c.CheckURL(ctx, "http://"+never.address) == nil && !ours {
			open = append(open, never.address+" ("+never.what+")")
		}
	}
	if len(open) > 0 {
		d.bad(Warn, "targets", fmt.Errorf("hooks may send to %s", strings.Join(open, " and ")),
			"make --allow-target narrower")
		return
	}
	except := ""
	if len(d.config.AllowTargets) > 0 {
		except = ", except " + strings.Join(d.config.AllowTargets, ", ")
	}
	d.ok("targets", "private addresses are refused%s", except)
}

// dns reports whether the name of the host to reach can be resolved.
func (d *doctor) dns(ctx context.Context) bool {
	u, err := url.Parse(d.reach)
	if err != nil || u.Hostname() == "" {
		d.bad(Fail, "dns", fmt.Errorf("--reach %q is no URL", hookyard.MaskURL(d.reach)), "write https://HOST/")
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, networkLimit)
	defer cancel()
	start := time.Now()
	addresses, err := net.DefaultResolver.LookupHost(ctx, u.Hostname())
	if err != nil {
		status := Fail
		if d.reach == DefaultReach { // a closed network does not find it, and may need no more than its own names
			status = Warn
		}
		d.bad(status, "dns", err, "see that the resolvers in /etc/resolv.conf answer; without DNS no hook is "+
			"reached by name. If there are private names only, try one of them with --reach URL")
		return false
	}
	d.ok("dns", "%s has %s, found in %s", u.Hostname(), hookyard.Count(len(addresses), "address"),
		time.Since(start).Round(time.Millisecond))
	return true
}

// port checks that the port is free, or that a hookyard serves on it.
func (d *doctor) port(ctx context.Context) {
	l, err := net.Listen("tcp", d.config.Listen)
	if err == nil {
		_ = l.Close()
		d.ok("port", "%s is free", d.config.Listen)
		return
	}
	if !errors.Is(err, syscall.EADDRINUSE) {
		d.bad(Fail, "port", err, "choose an address of this machine for --listen; ports below 1024 need the right "+
			"CAP_NET_BIND_SERVICE, which the package's systemd unit gives")
		return
	}
	scheme := "http://"
	if d.config.secure() {
		scheme = "https://"
	}
	host, port, _ := net.SplitHostPort(d.config.Listen)
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	// Only whether it is a hookyard is asked, and nothing is sent that is secret; the certificate has another name.
	info, err := d.ask(ctx, scheme+net.JoinHostPort(host, port), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		d.bad(Fail, "port", fmt.Errorf("%s is in use by another program: %w", d.config.Listen, err),
			"stop it, or choose another --listen")
		return
	}
	d.serves = true
	d.ok("port", "hookyard %s serves on %s", info.Version, d.config.Listen)
}

// aside checks the port of an option that is served besides --listen, if there is one.
func (d *doctor) aside(name, option, address string) {
	if address == "" {
		return
	}
	l, err := net.Listen("tcp", address)
	switch {
	case err == nil:
		_ = l.Close()
		d.ok(name, "%s is free", address)
	case d.serves && errors.Is(err, syscall.EADDRINUSE):
		d.ok(name, "%s is in use, as it is while the server runs", address)
	default:
		d.bad(Fail, name, fmt.Errorf("cannot listen on %s: %w", address, err),
			"stop what uses it, or choose another --"+option)
	}
}

// ask asks the server at base what it is.
func (d *doctor) ask(ctx context.Context, base string, secure *tls.Config) (client.ServerInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, networkLimit)
	defer cancel()
	t := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: secure, DisableKeepAlives: true}
	c, err := client.New(base, "", client.WithHTTPClient(&http.Client{Transport: t}), client.WithRetries(0),
		client.WithUserAgent(d.userAgent))
	if err != nil {
		return client.ServerInfo{}, err
	}
	return c.Info(ctx)
}

// certificateNoted is how long before its end a certificate is named.
const certificateNoted = 14 * 24 * time.Hour

// baseURL checks that the base URL leads to this server.
func (d *doctor) baseURL(ctx context.Context) {
	base := d.config.BaseURL
	host, port, _ := net.SplitHostPort(d.config.Listen)
	if base == "" && isLoopback(host) {
		d.ok("base-url", "not set: this machine reaches the server on port %s", port)
		return
	}
	if base == "" {
		d.bad(Warn, "base-url", fmt.Errorf("not set: links and sources' URLs begin with http://%s", d.config.Listen),
			"set --base-url to the URL that people and senders use")
		return
	}
	if !d.serves {
		d.ok("base-url", "%s was not tried, because no server runs on %s", base, d.config.Listen)
		return
	}
	var ends time.Time
	_, err := d.ask(ctx, base, &tls.Config{VerifyConnection: func(s tls.ConnectionState) error {
		ends = s.PeerCertificates[0].NotAfter
		return nil
	}})
	var wrong *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	u, _ := url.Parse(base) // Complete has checked it
	switch {
	case errors.As(err, &authority):
		d.bad(Warn, "base-url", err, "use a certificate that senders trust, with all certificates of its chain")
	case errors.As(err, &wrong):
		d.bad(Fail, "base-url", err, "renew the certificate, or use one for this name")
	case err != nil:
		d.bad(Warn, "base-url", fmt.Errorf("%s: %w", base, err), "see that the name leads to this server, that the "+
			"proxy passes requests on, and that the firewall lets them through; this machine may be the only one that "+
			"cannot")
	case !ends.IsZero() && time.Until(ends) < certificateNoted:
		d.bad(Warn, "base-url", fmt.Errorf("the certificate of %s ends on %s", base, ends.Format(time.DateOnly)),
			"renew it")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		d.bad(Warn, "base-url", fmt.Errorf("%s answers without TLS: passwords and tokens can be read on the way", base),
			"use https, in a proxy or with --tls-cert or --acme")
	default:
		d.ok("base-url", "%s leads to a hookyard", base)
	}
}
