package bin

import (
	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/curl"
)

// Curl returns the command that sends a stored request to its bin again.
func Curl(baseURL string, r *hookyard.BinRequest) string {
	return curl.Command(curl.Request{Method: r.Method, URL: baseURL + "/" + r.Bin + r.Path, Header: r.Header,
		Body: r.Body})
}
