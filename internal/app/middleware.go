package app

import (
	"cmp"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/inbound"
)

// middleware wraps the routes in what every request passes first: with --trust-proxy the address of the client, and
// with --dev the check of the host.
func (a *App) middleware(next http.Handler) http.Handler {
	if len(a.config.proxies) > 0 {
		next = trustProxies(a.config.proxies, next)
	}
	if a.config.Dev {
		next = a.rejectForeignHosts(next)
	}
	if u, err := url.Parse(a.config.BaseURL); err == nil && u.Path != "" {
		next = withPrefix(u.Path, next)
	}
	next = cleanPaths(next) // before those above: they look at the path
	next = a.limitHeaders(next)
	next = secureHeaders(strings.HasPrefix(a.config.BaseURL, "https://"), next)
	return logRequests(a.log, next)
}

// headerRoom is how many times the limit a header may have before the connection is closed with a bare 431. Up to there
// the answer says what the limit is.
const headerRoom = 2

// limitHeaders refuses requests whose URL or whole header is over the limit.
func (a *App) limitHeaders(next http.Handler) http.Handler {
	limit := a.config.Limits.RequestHeader
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := len(r.RequestURI)
		if n > limit {
			a.api.Fail(w, r, hookyard.Errorf(hookyard.TooLarge,
				"path and query are %d bytes long, at most %d are allowed (setting: --max-request-header)", n, limit))
			return
		}
		for name, values := range r.Header {
			for _, v := range values {
				n += len(name) + len(v) + len(": \r\n")
			}
		}
		if n > limit {
			http.Error(w, fmt.Sprintf("the header is %d bytes long, at most %d are allowed "+
				"(setting: --max-request-header)", n, limit), http.StatusRequestHeaderFieldsTooLarge)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// secureHeaders gives every response the headers that OWASP's list of secure headers asks for. A handler may set
// others: pages load scripts and styles of their own.
func secureHeaders(https bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
		if https { // this host alone: others of the domain may have no TLS
			h.Set("Strict-Transport-Security", "max-age=63072000")
		}
		next.ServeHTTP(w, r)
	})
}

// cleanPaths serves a path such as //in/shop//orders as its clean form. The mux would redirect to it, which senders do
// not follow. Pages are left to the mux, so that each has one URL.
func cleanPaths(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		escaped := r.URL.EscapedPath()
		clean := path.Clean("/" + escaped)
		if strings.HasSuffix(escaped, "/") && clean != "/" {
			clean += "/"
		}
		if clean == escaped || isRead(r) && !isForPrograms(clean) {
			next.ServeHTTP(w, r)
			return
		}
		decoded, err := url.PathUnescape(clean)
		if err != nil {
			next.ServeHTTP(w, r)
			return
		}
		r2 := *r
		u := *r.URL
		u.Path, u.RawPath = decoded, clean
		r2.URL = &u
		next.ServeHTTP(w, &r2)
	})
}

func isRead(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }

// isForPrograms reports whether a path is one that programs read.
func isForPrograms(path string) bool {
	return strings.HasPrefix(path, "/in/") || strings.HasPrefix(path, "/smee/") || strings.HasPrefix(path, "/api/") ||
		strings.Contains(path, "/_webhook/")
}

// logRequests logs every request at its end, at the level debug. It leaves out the query, which may hold a token.
func logRequests(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !log.Enabled(r.Context(), slog.LevelDebug) {
			next.ServeHTTP(w, r)
			return
		}
		start, seen := time.Now(), &statusWriter{ResponseWriter: w}
		defer func() {
			log.DebugContext(r.Context(), "request", "method", r.Method, "path", hookyard.CleanLine(r.URL.Path, 500),
				"status", cmp.Or(seen.status, http.StatusOK), "took", time.Since(start), "remote", r.RemoteAddr)
		}()
		next.ServeHTTP(seen, r)
	})
}

// statusWriter remembers the status of a response. [http.ResponseController] reaches the writer inside.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 || w.status/100 == 1 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// trustProxies sets r.RemoteAddr to the client's address, with port 0, if the request came by trusted proxies.
func trustProxies(proxies []netip.Prefix, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if client, ok := inbound.ForwardedFor(proxies, r); ok {
			r.RemoteAddr = netip.AddrPortFrom(client, 0).String()
		}
		next.ServeHTTP(w, r)
	})
}

// parseProxies reads --trust-proxy.
func parseProxies(list []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, s := range list {
		p, err := netip.ParsePrefix(s)
		if addr, aerr := netip.ParseAddr(s); aerr == nil {
			addr = addr.Unmap()
			p, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil || p.Addr().Is4In6() {
			return nil, fmt.Errorf(
				"--trust-proxy %q: write the proxy's address or its network, for example 10.0.0.7 or 10.0.0.0/8", s)
		}
		out = append(out, p)
	}
	return out, nil
}

// rejectForeignHosts refuses requests for a host that is not this machine. If a site points its name at 127.0.0.1 (DNS
// rebinding), its pages share our origin in a browser, and with --dev every caller may do everything. Requests without
// a host do not come from a browser. Requests to a source are exempt: tunnels have names of their own, and the answer
// holds nothing worth reading.
func (a *App) rejectForeignHosts(next http.Handler) http.Handler {
	var own string
	if u, err := url.Parse(a.config.BaseURL); err == nil {
		own = u.Hostname()
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := hostOf(r.Host)
		foreign := host != "" && !isLoopback(host) && !strings.EqualFold(host, own)
		if foreign && !strings.HasPrefix(r.URL.Path, "/in/") {
			a.api.Fail(w, r, hookyard.Errorf(hookyard.Forbidden, "with --dev there is no sign-in, so only requests "+
				"for this machine are answered, and %s is another name: use localhost, or set --base-url",
				hookyard.Clean(host, 200)))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// hostOf is a Host header without its port.
func hostOf(s string) string {
	if host, _, err := net.SplitHostPort(s); err == nil {
		return host
	}
	return strings.Trim(s, "[]")
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
