package signature

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

const noon = 1795348800

// outcome is what Verify returned, in one value.
type outcome struct {
	Result
	OK     bool
	Reason string
	Status int
}

func verify(v *Verifier, r *Request) outcome {
	result, err := v.Verify(r)
	var refused *Error
	if errors.As(err, &refused) {
		return outcome{Result: result, Reason: refused.Reason, Status: refused.StatusCode}
	}
	return outcome{Result: result, OK: err == nil}
}

// newVerifier is New with a scheme in JSON.
func newVerifier(provider string, secrets []string, schemeJSON string) (*Verifier, error) {
	s, err := ParseScheme([]byte(schemeJSON))
	if err != nil {
		return nil, err
	}
	return New(provider, secrets, s)
}

// must is newVerifier for arguments that are right.
func must(t testing.TB, provider, schemeJSON string, secrets ...string) *Verifier {
	t.Helper()
	v, err := newVerifier(provider, secrets, schemeJSON)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// post returns a request received at noon.
func post(headers, body string) *Request {
	return &Request{Method: "POST", URL: "https://hooks.example.org/in/a/b/c", Header: header(headers),
		Body: []byte(body), Now: time.Unix(noon, 0)}
}

// header parses lines of "Name: value".
func header(lines string) http.Header {
	h := http.Header{}
	for line := range strings.Lines(lines) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		h.Add(name, strings.TrimPrefix(value, " "))
	}
	return h
}

// signed returns the headers of a message signed by Standard Webhooks.
func signed(t testing.TB, secrets []string, id string, at time.Time, body []byte) http.Header {
	t.Helper()
	value, err := SignStandard(secrets, id, at, body)
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	h.Set(HeaderID, id)
	h.Set(HeaderTimestamp, strconv.FormatInt(at.Unix(), 10))
	h.Set(HeaderSignature, value)
	return h
}
