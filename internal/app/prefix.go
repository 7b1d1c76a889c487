package app

import (
	"net/http"
	"strings"

	"github.com/hookyard/hookyard/internal/bin"
	"github.com/hookyard/hookyard/internal/relay"
)

// withPrefix serves next below the path of --base-url, which next does not know: it is removed from requests and added
// to redirects and to the paths of cookies. A reverse proxy may have removed it from requests already.
func withPrefix(prefix string, next http.Handler) http.Handler {
	stripped := http.StripPrefix(prefix, next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch rest, below := strings.CutPrefix(r.URL.Path, prefix); {
		case below && rest == "":
			http.Redirect(w, r, prefix+"/", http.StatusFound)
		case below && rest[0] == '/':
			stripped.ServeHTTP(prefixed(w, prefix, rest), r)
		default:
			next.ServeHTTP(prefixed(w, prefix, r.URL.Path), r)
		}
	})
}

// prefixed returns a writer for the response to a request for path. Those of sources and bins are chosen by users and
// stay as they are.
func prefixed(w http.ResponseWriter, prefix, path string) http.ResponseWriter {
	if strings.HasPrefix(path, "/in/") || strings.HasPrefix(path, "/smee/") || relay.Matches(path) ||
		bin.Matches(path) {
		return w
	}
	return &prefixWriter{ResponseWriter: w, prefix: prefix}
}

// prefixWriter adds a prefix to the paths in the header of a response.
type prefixWriter struct {
	http.ResponseWriter
	prefix string
	wrote  bool
}

func (w *prefixWriter) WriteHeader(status int) {
	if !w.wrote {
		w.wrote = true
		h := w.Header()
		if to := h.Get("Location"); strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "//") {
			h.Set("Location", w.prefix+to)
		}
		for i, c := range h["Set-Cookie"] {
			if !strings.HasPrefix(c, "__Host-") { // whose path must be /
				h["Set-Cookie"][i] = cookieBelow(w.prefix, c)
			}
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *prefixWriter) Write(b []byte) (int, error) {
	if !w.wrote {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(b)
}

func (w *prefixWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// cookieBelow returns a Set-Cookie header with the prefix before its path.
func cookieBelow(prefix, cookie string) string {
	before, path, ok := strings.Cut(cookie, "; Path=/")
	if !ok {
		return cookie
	}
	if path != "" && path[0] != ';' {
		prefix += "/"
	}
	return before + "; Path=" + prefix + path
}
