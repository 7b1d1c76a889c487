package egress

import (
	"context"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strconv"
)

// proxyFunc parses the option Proxy. The result is nil for no proxy.
func proxyFunc(option string) (func(*http.Request) (*url.URL, error), error) {
	switch option {
	case "":
		return nil, nil
	case "env":
		return http.ProxyFromEnvironment, nil
	}
	u, err := url.Parse(option)
	if err != nil || u.Scheme != "http" || u.Hostname() == "" {
		// not quoted: it may contain a password
		return nil, errors.New(`--proxy: want "env" or a URL such as http://proxy.example:3128`)
	}
	return http.ProxyURL(u), nil
}

// proxyFor returns the proxy for a target, with a port, or nil for none.
func (c *Client) proxyFor(t *target) (*url.URL, *Error) {
	if c.proxy == nil {
		return nil, nil
	}
	scheme := "http"
	if t.tls {
		scheme = "https"
	}
	u, err := c.proxy(&http.Request{URL: &url.URL{Scheme: scheme, Host: t.hostHeader}})
	if err != nil || u != nil && u.Scheme != "http" {
		return nil, &Error{Kind: KindConnect, Message: "the proxy named in the environment is not an http:// URL"}
	}
	if u == nil {
		return nil, nil
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	return &url.URL{Scheme: "http", User: u.User, Host: net.JoinHostPort(u.Hostname(), port)}, nil
}

// throughProxy prepares a new connection to a proxy. For https it opens a tunnel; for http, each request will contain
// the whole URL.
func (x *exchange) throughProxy(ctx context.Context, cn *conn, proxy *url.URL) *Error {
	auth := ""
	if proxy.User != nil {
		password, _ := proxy.User.Password()
		auth = "Basic " + base64.StdEncoding.EncodeToString([]byte(proxy.User.Username()+":"+password))
	}
	if !x.target.tls {
		cn.absolute, cn.proxyAuth = true, auth
		return nil
	}
	_ = cn.raw.SetDeadline(x.deadline)
	stop := context.AfterFunc(ctx, cn.interrupt)
	status, err := x.tunnel(cn, auth)
	stop()
	if err != nil {
		return x.fail(KindConnect, "asking the proxy for a connection", cn.remote, err)
	}
	if status < 200 || status > 299 {
		return &Error{Kind: KindConnect, Remote: cn.remote,
			Message: "the proxy refuses to connect to " + x.target.host + ": it answers " + strconv.Itoa(status)}
	}
	return nil
}

// tunnel requests a tunnel (RFC 9110 section 9.3.6) and returns the status of the response.
func (x *exchange) tunnel(cn *conn, auth string) (status int, err error) {
	dest := net.JoinHostPort(x.target.host, x.target.port)
	req := appendField([]byte("CONNECT "+dest+" HTTP/1.1\r\n"), "Host", dest)
	if auth != "" {
		req = appendField(req, "Proxy-Authorization", auth)
	}
	if _, err := cn.raw.Write(append(req, "\r\n"...)); err != nil {
		return 0, err
	}
	cn.limit = maxResponseHeader
	b := reader{src: cn}
	h, err := b.head()
	if err == nil && b.r != b.w && h.status < 300 {
		err = protocolError("the proxy sent more than an answer")
	}
	return h.status, err
}
