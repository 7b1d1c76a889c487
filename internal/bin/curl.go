package bin

import (
	"net/http"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/curl"
)

func (b *Bins) curl(w http.ResponseWriter, r *http.Request) error {
	kept, err := b.openRequest(w, r)
	if kept == nil || err != nil {
		return err
	}
	return writeText(w, http.StatusOK, Curl(b.o.BaseURL, kept))
}

// Curl returns the command that sends a stored request to its bin again.
func Curl(baseURL string, r *hookyard.BinRequest) string {
	return curl.Command(curl.Request{Method: r.Method, URL: baseURL + "/" + r.Bin + r.Path, Header: r.Header,
		Body: r.Body})
}
