package inbound

import (
	"net/http"

	"github.com/hookyard/hookyard"
)

// StatusOf returns the HTTP status of a code, 500 for a code that is not one of hookyard's.
func StatusOf(code hookyard.Code) int {
	switch code {
	case hookyard.Invalid:
		return http.StatusBadRequest
	case hookyard.Unauthenticated:
		return http.StatusUnauthorized
	case hookyard.Forbidden:
		return http.StatusForbidden
	case hookyard.NotFound:
		return http.StatusNotFound
	case hookyard.Conflict:
		return http.StatusConflict
	case hookyard.Gone:
		return http.StatusGone
	case hookyard.TooLarge:
		return http.StatusRequestEntityTooLarge
	case hookyard.Unsupported:
		return http.StatusUnsupportedMediaType
	case hookyard.TooMany:
		return http.StatusTooManyRequests
	case hookyard.Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}
