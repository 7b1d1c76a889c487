package hookyard

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Forward selects the parts of a received request that a hook passes on to its receiver. A nil field is the default:
// Headers, Query and Method are passed on in the formats that leave the body as it is (see [PassesOn]), and Path is
// not, because it lets a sender choose among the receiver's paths. Hooks to brokers pass on the headers only.
type Forward struct {
	Headers *bool `json:"headers,omitempty" doc:"the request's headers, without cookies and credentials"`
	Path    *bool `json:"path,omitempty" doc:"what follows the source in the path; appended to that of the hook's URL"`
	Query   *bool `json:"query,omitempty" doc:"the query; parameters of the hook's URL win"`
	Method  *bool `json:"method,omitempty" doc:"the method, unless the hook has one of its own"`
}

// passingFormats are the formats that send a received body as it is.
var passingFormats = []string{FormatRaw, "github", "cloudevents-binary"}

// PassesOn reports whether a format passes on headers, query and method by default. "" is raw.
func PassesOn(format string) bool { return format == "" || slices.Contains(passingFormats, format) }

// Effective returns f with the defaults of the format in place of nil.
func (f Forward) Effective(format string) Forward {
	byFormat := PassesOn(format)
	set := func(given *bool, otherwise bool) *bool {
		if given == nil {
			given = &otherwise
		}
		return given
	}
	return Forward{Headers: set(f.Headers, byFormat), Path: set(f.Path, false), Query: set(f.Query, byFormat),
		Method: set(f.Method, byFormat)}
}

// Methods are the methods that a hook may send with.
func Methods() []string {
	return []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodGet, http.MethodDelete}
}

// Outgoing is the request that a hook sends for an event, before the format adds the body and its headers.
type Outgoing struct {
	Method string
	URL    string
	Header http.Header // of the received request; nil if the event came by none or the hook does not pass it on
}

// Outgoing returns where and how the hook sends an event in a format. It fails if the path of the received request
// cannot be appended. An event that did not come as an HTTP request has nothing to pass on.
func (h *Hook) Outgoing(e *Event, format string) (Outgoing, error) {
	out := Outgoing{Method: http.MethodPost, URL: h.URL}
	if h.Method != "" {
		out.Method = h.Method
	}
	if e.Method == "" {
		return out, nil
	}
	f := h.Forward.Effective(format)
	if *f.Headers {
		out.Header = passedHeader(e.Header)
	}
	if h.IsAMQP() {
		return out, nil
	}
	if *f.Method && h.Method == "" && slices.Contains(Methods(), e.Method) {
		out.Method = e.Method
	}
	path, query, _ := strings.Cut(e.Target, "?")
	if !*f.Path {
		path = ""
	}
	if !*f.Query {
		query = ""
	}
	var err error
	out.URL, err = AppendTarget(h.URL, path, query)
	return out, err
}

// AppendTarget returns a URL with path and query of a received request appended to its own. Parameters that the URL
// has win, and masked ones are left out. The result has the scheme, host and path prefix of base: a path with a
// segment . or .., in any spelling, is an [Invalid] error.
func AppendTarget(base, path, query string) (string, error) {
	if path == "" && query == "" {
		return base, nil
	}
	base, _, _ = strings.Cut(base, "#")
	base, own, _ := strings.Cut(base, "?")
	if path != "" {
		if !isSafePath(path) {
			return "", Errorf(Invalid, "the request's path %s cannot be appended to the URL: it has segments . or .., "+
				"a backslash or a wrong escape", Clean(path, 200))
		}
		base = strings.TrimRight(base, "/") + "/" + strings.TrimLeft(path, "/")
	}
	if query = joinQuery(own, query); query != "" {
		base += "?" + query
	}
	return base, nil
}

// isSafePath reports whether a path stays below the one that it is appended to. It is unescaped twice, as a careless
// receiver might do.
func isSafePath(path string) bool {
	for round := range 3 {
		for segment := range strings.SplitSeq(path, "/") {
			segment, _, _ = strings.Cut(segment, ";")
			if segment == "." || segment == ".." {
				return false
			}
		}
		if strings.ContainsAny(path, "\\?#\uFFFD") || !printable(strings.ReplaceAll(path, " ", "_")) {
			return false
		}
		plain, err := url.PathUnescape(path)
		if err != nil {
			return round > 0
		}
		path = plain
	}
	return true
}

// joinQuery appends the parameters of received that own does not have, in their spelling.
func joinQuery(own, received string) string {
	taken := map[string]bool{}
	for param := range strings.SplitSeq(own, "&") {
		name, _ := parameter(param)
		taken[name] = true
	}
	for param := range strings.SplitSeq(received, "&") {
		name, value := parameter(param)
		if param == "" || name != "" && taken[name] || value == Masked {
			continue
		}
		if own != "" {
			own += "&"
		}
		own += param
	}
	return own
}

// parameter returns name and value of a parameter of a query. What cannot be unescaped stays as it is.
func parameter(param string) (name, value string) {
	name, value, _ = strings.Cut(param, "=")
	if plain, err := url.QueryUnescape(name); err == nil {
		name = plain
	}
	if plain, err := url.QueryUnescape(value); err == nil {
		value = plain
	}
	return name, value
}

// addedOnTheWay are fields that proxies add to a request, and fields with which some receivers let a sender choose
// another path. None of them is the sender's word to the receiver.
var addedOnTheWay = [...]string{"Forwarded", "Via", "X-Real-Ip", "X-Original-Url", "X-Rewrite-Url",
	"X-Http-Method-Override"}

// passedHeader returns what of a stored header a hook passes on: no framing, no cookies or credentials, and nothing
// that a proxy in front of the server added. The values are shared with h.
func passedHeader(h http.Header) http.Header {
	out := ForwardedHeader(h)
	for name, values := range out {
		if IsSensitive(name) || slices.Contains(values, Masked) || containsFold(addedOnTheWay[:], name) ||
			len(name) > 11 && strings.EqualFold(name[:12], "X-Forwarded-") {
			delete(out, name)
		}
	}
	return out
}

// Path returns what followed the source in the path of the received request, such as /status/7, or "".
func (e *Event) Path() string {
	path, _, _ := strings.Cut(e.Target, "?")
	return path
}

// Query returns the first value of each parameter of the received request. Credentials are ***.
func (e *Event) Query() map[string]string {
	_, query, _ := strings.Cut(e.Target, "?")
	out := map[string]string{}
	for param := range strings.SplitSeq(query, "&") {
		name, value := parameter(param)
		if _, ok := out[name]; !ok && param != "" {
			out[name] = value
		}
	}
	return out
}
