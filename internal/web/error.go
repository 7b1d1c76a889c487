package web

import (
	"errors"
	"net/http"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/inbound"
)

// errorPage says what went wrong.
type errorPage struct {
	base
	Status  int
	Message string
}

// fail answers with a page for err. It is the only place that turns errors into pages.
func (v *visit) fail(err error) {
	if v.ctx().Err() != nil && errors.Is(err, v.ctx().Err()) {
		return // the browser has closed the connection
	}
	err = v.web.o.Control.Fault(err)
	inbound.SetRetryAfter(v.w.Header(), err)
	var e *hookyard.Error
	status, message := http.StatusInternalServerError,
		"Something went wrong inside hookyard. The server's log says more."
	if errors.As(err, &e) {
		if status, message = e.Code.Status(), e.Message; message == "" {
			message = string(e.Code)
		}
	} else {
		v.web.o.Log.Error("page failed", "method", v.r.Method, "path", v.r.URL.Path, "error", err)
	}
	signIn := status == http.StatusUnauthorized || status == http.StatusForbidden && v.id != nil && v.id.Guest
	if signIn && v.portal == nil {
		if v.showLogin(status, err) == nil {
			return
		}
	}
	if err := v.show(status, titleOf(status), &errorPage{Status: status, Message: message}); err != nil {
		v.web.o.Log.Error("the error page failed", "error", err)
		http.Error(v.w, message, status)
	}
}

func titleOf(status int) string {
	switch status {
	case http.StatusForbidden:
		return "Not allowed, or not found"
	case http.StatusNotFound:
		return "Not found"
	case http.StatusInternalServerError:
		return "Something went wrong"
	}
	return http.StatusText(status)
}
