package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
)

// Error is a response other than 2xx. Detail says what is wrong and what to do. Message is the same, except that for
// some statuses it is a fixed text, as in WebGME. Code is "" if the response is not hookyard's but, for example, a
// proxy's.
type Error struct {
	Status           int           `json:"-"`
	Message          string        `json:"message"`
	DocumentationURL string        `json:"documentation_url"` // always present and empty, as in WebGME
	Detail           string        `json:"error"`
	Code             hookyard.Code `json:"code"`
	Field            string        `json:"field,omitempty"`
	Index            *int          `json:"index,omitempty"` // of the publication in a batch

	Limit *hookyard.Excess `json:"limit,omitempty"` // of the project or owner, that the request is beyond

	RetryAfter time.Duration `json:"-"` // requested by the server, or 0
	Location   string        `json:"-"` // where a 3xx response points, or ""
}

// Error returns Detail, or Message if that is empty.
func (e *Error) Error() string {
	if e.Detail != "" {
		return e.Detail
	}
	return e.Message
}

// Is reports whether target is a sentinel of package hookyard, such as hookyard.ErrNotFound, with the same code. If the
// response had no code, the status decides.
func (e *Error) Is(target error) bool {
	t, ok := target.(*hookyard.Error)
	if !ok || t.Message != "" {
		return false
	}
	return e.Code == t.Code || e.Code == "" && e.Status == t.Code.Status()
}

// StatusOf returns the HTTP status of an error of this package, or 0 if err is not an [*Error].
func StatusOf(err error) int {
	var e *Error
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}

func errorOf(resp *http.Response) error {
	e := &Error{Status: resp.StatusCode}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if json.Unmarshal(body, e) != nil || e.Error() == "" {
		e.Message = fmt.Sprintf("the server answered %s", resp.Status)
		if text := strings.TrimSpace(hookyard.Clean(string(body), 200)); text != "" {
			e.Message += ": " + text
		}
	}
	if to, err := resp.Location(); err == nil && resp.StatusCode/100 == 3 {
		e.Location = to.Redacted()
		e.Message += fmt.Sprintf(" to %s: nothing was changed; use the address of the server itself",
			hookyard.Clean(e.Location, 500))
		e.Detail = ""
	}
	if wait, err := time.ParseDuration(resp.Header.Get("Retry-After") + "s"); err == nil && wait > 0 {
		e.RetryAfter = wait
	}
	return e
}
