package api_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"github.com/hookyard/hookyard/internal/api"
)

// proxy stands between the client of a test and the server, and holds both to the server's own description: what the
// server accepts and every answer must be described. It is safe for concurrent use.
type proxy struct {
	t      *testing.T
	api    *api.API
	router routers.Router

	mu   sync.Mutex // guards seen
	seen map[string]bool
}

// behindProxy returns a validating proxy in front of a.
func behindProxy(t *testing.T, a *api.API) *proxy {
	t.Helper()
	w := httptest.NewRecorder()
	a.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/openapi.json", nil))
	router, err := routerOf(w.Body.String())
	if err != nil {
		t.Fatalf("the description: %v", err)
	}
	return &proxy{t: t, api: a, router: router, seen: map[string]bool{}}
}

// described are the routers of the descriptions that were loaded, by their text: loading takes a while.
var described sync.Map

func routerOf(spec string) (routers.Router, error) {
	if r, ok := described.Load(spec); ok {
		return r.(routers.Router), nil
	}
	for _, media := range []string{"text/event-stream", "application/x-ndjson"} {
		openapi3filter.RegisterBodyDecoder(media, openapi3filter.PlainBodyDecoder)
	}
	doc, err := openapi3.NewLoader().LoadFromData([]byte(spec))
	if err != nil {
		return nil, err
	}
	r, err := legacy.NewRouter(doc)
	if err != nil {
		return nil, err
	}
	described.Store(spec, r)
	return r, nil
}

// recorded keeps a copy of a response as it goes out.
type recorded struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (r *recorded) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *recorded) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorded) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	r.body.Write(b)
	return r.ResponseWriter.Write(b)
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	sent, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(sent))
	if err != nil { // the server is to see it, too
		r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(sent), brokenOff{err}))
	}
	asked := r.Clone(r.Context())
	out := &recorded{ResponseWriter: w}
	p.api.ServeHTTP(out, r)
	if out.status == 0 {
		out.status = http.StatusOK
	}
	if err == nil {
		p.check(asked, sent, out)
	}
}

type brokenOff struct{ err error }

func (e brokenOff) Read([]byte) (int, error) { return 0, e.err }

// check fails the test when the exchange is not as described. What is not an operation is not looked at.
func (p *proxy) check(r *http.Request, sent []byte, out *recorded) {
	u := *r.URL
	u.Path = strings.Replace(u.Path, "/api/v1", "/api", 1)
	if u.Path == "/api" {
		u.Path = "/api/"
	}
	u.RawPath = ""
	r.URL = &u
	r.Body = io.NopCloser(bytes.NewReader(sent))
	route, params, err := p.router.FindRoute(r)
	if err != nil {
		return
	}
	name := r.Method + " " + u.Path
	input := &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc,
			IncludeResponseStatus: true, SkipSettingDefaults: true}}
	if out.status < http.StatusBadRequest {
		p.mu.Lock()
		p.seen[route.Method+" "+route.Path] = true
		p.mu.Unlock()
		if err := openapi3filter.ValidateRequest(r.Context(), typed(input)); err != nil && !undescribed(err) {
			p.t.Errorf("%s was accepted with %d, but not as described: %v\nbody: %.500s", name, out.status, err, sent)
		}
	}
	err = openapi3filter.ValidateResponse(r.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: out.status, Header: out.Header(),
		Body: io.NopCloser(bytes.NewReader(out.body.Bytes())), Options: input.Options})
	if err != nil {
		p.t.Errorf("%s answered %d %s, not as described: %v\nbody: %.500s", name, out.status,
			out.Header().Get("Content-Type"), err, out.body.String())
	}
}

// undescribed reports whether a request is one of those that are accepted and not recommended: a number of seconds for
// a duration.
func undescribed(err error) bool {
	var e *openapi3.SchemaError
	return errors.As(err, &e) && e.SchemaField == "type" && strings.Contains(err.Error(), `"/schedule/`)
}

// typed gives a request without a known content type that of JSON, as the server reads it. The body of a CloudEvent in
// binary mode is anything, and is not checked.
func typed(in *openapi3filter.RequestValidationInput) *openapi3filter.RequestValidationInput {
	body := in.Route.Operation.RequestBody
	if body == nil {
		return in
	}
	if in.Request.Header.Get("Ce-Type") != "" {
		in.Options.ExcludeRequestBody = true
		return in
	}
	mediaType, _, _ := strings.Cut(in.Request.Header.Get("Content-Type"), ";")
	if body.Value.Content[mediaType] == nil {
		in.Request.Header.Set("Content-Type", "application/json")
	}
	return in
}

// drove reports whether an operation, such as GET /user, has succeeded.
func (p *proxy) drove(operation string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen[operation]
}
