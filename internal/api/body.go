package api

import (
	"errors"
	"io"
	"net/http"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/control"
)

// maxSettings is the most bytes that the JSON of anything but events may have.
const maxSettings = 1 << 20

// object reads the request's body; an empty one is an object without members.
func (c *call) object() (control.Object, error) {
	body, err := c.body(maxSettings)
	if err != nil {
		return nil, err
	}
	return control.ParseObject(hookyard.Text("", body))
}

// body reads the request's body of at most a number of bytes.
func (c *call) body(most int64) ([]byte, error) {
	if encoding := hookyard.ContentEncoding(c.r.Header); encoding != "" {
		return nil, hookyard.Errorf(hookyard.Unsupported, "Content-Encoding %s is not accepted here: "+
			"send the body uncompressed", hookyard.Clean(encoding, 50))
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, most))
	var over *http.MaxBytesError
	if errors.As(err, &over) {
		return nil, hookyard.Errorf(hookyard.TooLarge, "body is larger than %d bytes, the most that is read here", most)
	}
	if err != nil {
		return nil, hookyard.Errorf(hookyard.Invalid, "the body broke off before its end")
	}
	return body, nil
}
