package signature

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestResponseWrite(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	w.Header().Set("X-Kept", "yes")
	r := &Response{StatusCode: http.StatusAccepted, Header: map[string]string{"X-Own": "1"}, Body: []byte("hello")}
	if err := r.Write(w); err != nil {
		t.Fatal(err)
	}
	if w.Code != http.StatusAccepted || w.Body.String() != "hello" || w.Header().Get("X-Own") != "1" ||
		w.Header().Get("X-Kept") != "yes" {
		t.Errorf("wrote %d %v %q", w.Code, w.Header(), w.Body)
	}
}

func TestVerifyStandardError(t *testing.T) {
	t.Parallel()
	now := time.Unix(noon, 0)
	h := signed(t, []string{"one secret"}, "m", now, []byte("x"))
	var refused *Error
	err := VerifyStandard([]string{"another secret"}, h, []byte("x"), now)
	if !errors.As(err, &refused) || refused.StatusCode != http.StatusUnauthorized || refused.Reason == "" {
		t.Errorf("error %v is not an *Error with status 401", err)
	}
}

// TestSchemeInGo checks that a scheme built in Go is held to the same limits as one in JSON.
func TestSchemeInGo(t *testing.T) {
	t.Parallel()
	for _, s := range []Scheme{
		{Header: "X", Tolerance: Tolerance(169 * time.Hour)},
		{Header: "X", StatusOnFail: 200},
		{Header: "X", URL: "/x"},
		{Header: "X", Algorithm: plain},
		{},
	} {
		if v, err := New("hmac", []string{"s"}, &s); err == nil || v != nil {
			t.Errorf("New accepts %+v", s)
		}
	}
	if _, err := New("hmac", []string{"s"}, nil); err == nil {
		t.Error("New accepts hmac without a scheme")
	}
	if _, err := New("hmac", []string{"s"}, &Scheme{Header: "X", Tolerance: -1}); err != nil {
		t.Error(err)
	}
}
