package api

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/bin"
	"github.com/hookyard/hookyard/internal/control"
)

// binRoutes lists what is below /bins. Knowing the name of a bin is enough to read it, unless it is private.
func binRoutes() []route {
	const (
		one     = "/bins/{bin}"
		request = one + "/requests/{id}"
	)
	key := []string{"key"}
	return []route{
		{method: http.MethodPost, path: "/bins", access: control.SignedIn, do: createBin, query: key,
			summary: "Create a bin: a throw-away URL; its key is shown once",
			in:      client.BinSettings{}, out: client.Bin{}},
		{method: http.MethodGet, path: one, access: control.Public, do: showBin, query: key,
			summary: "A bin", out: client.Bin{}},
		{method: http.MethodDelete, path: one, access: control.Public, do: removeBin, query: key,
			summary: "Delete a bin; needs its key", status: http.StatusNoContent},
		{method: http.MethodPut, path: one + "/answer", access: control.Public, do: setBinAnswer, query: key,
			summary: "Change what a bin answers; needs its key", in: client.BinSettings{}, out: client.Bin{}},
		{method: http.MethodGet, path: one + "/requests", access: control.Public, do: listBinRequests, query: key,
			summary: "The requests to a bin, the newest first", out: []client.BinRequest{}},
		{method: http.MethodGet, path: request, access: control.Public, do: showBinRequest, query: key,
			summary: "A request to a bin", out: client.BinRequest{}},
		{method: http.MethodGet, path: request + "/curl", access: control.Public, do: showBinCurl, query: key,
			summary: "A request to a bin as a curl command", media: []string{"text/plain"}},
		{method: http.MethodPost, path: request + "/replay", access: control.SignedIn, do: replayBinRequest, query: key,
			summary: "Send a request to a bin to a URL", in: client.BinTarget{}, out: client.BinReplay{}},
		{method: http.MethodPost, path: one + "/source", access: control.Custom, do: createBinSource, query: key,
			summary: "Create a source for the sender of a bin's requests",
			in:      client.BinSourceRequest{}, out: client.BinSource{}, status: http.StatusCreated},
	}
}

func createBin(c *call) error {
	in, err := c.binSettings()
	if err != nil {
		return err
	}
	b, err := c.a.o.Bins.Create(c.ctx(), c.binCaller(), in)
	if err != nil {
		return c.binError(err)
	}
	http.SetCookie(c.w, c.a.o.Bins.Cookie(b))
	return c.reply(http.StatusOK, b)
}

func showBin(c *call) error {
	b, err := c.a.o.Bins.Bin(c.ctx(), c.binCaller(), c.param("bin"))
	if err != nil {
		return c.binError(err)
	}
	return c.reply(http.StatusOK, b)
}

func removeBin(c *call) error {
	if err := c.a.o.Bins.Delete(c.ctx(), c.binCaller(), c.param("bin")); err != nil {
		return c.binError(err)
	}
	return c.noContent()
}

func setBinAnswer(c *call) error {
	in, err := c.binSettings()
	if err != nil {
		return err
	}
	b, err := c.a.o.Bins.SetAnswer(c.ctx(), c.binCaller(), c.param("bin"), in)
	if err != nil {
		return c.binError(err)
	}
	return c.reply(http.StatusOK, b)
}

func listBinRequests(c *call) error {
	list, err := c.a.o.Bins.Requests(c.ctx(), c.binCaller(), c.param("bin"))
	if err != nil {
		return c.binError(err)
	}
	return c.reply(http.StatusOK, list)
}

func showBinRequest(c *call) error {
	r, err := c.a.o.Bins.Request(c.ctx(), c.binCaller(), c.param("bin"), c.param("id"))
	if err != nil {
		return c.binError(err)
	}
	return c.reply(http.StatusOK, r)
}

func showBinCurl(c *call) error {
	command, err := c.a.o.Bins.Curl(c.ctx(), c.binCaller(), c.param("bin"), c.param("id"))
	if err != nil {
		return c.binError(err)
	}
	h := c.w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	_, _ = io.WriteString(c.w, command)
	return nil
}

func replayBinRequest(c *call) error {
	body, err := c.object()
	if err != nil {
		return err
	}
	var to client.BinTarget
	if err := body.Decode(&to); err != nil {
		return err
	}
	out, err := c.a.o.Bins.Replay(c.ctx(), c.binCaller(), c.param("bin"), c.param("id"), to.URL)
	if err != nil {
		return c.binError(err)
	}
	return c.reply(http.StatusOK, out)
}

// createBinSource creates a source for what was sending to a bin, and says whether it would have accepted a request
// that the bin has.
func createBinSource(c *call) error {
	body, err := c.object()
	if err != nil {
		return err
	}
	var in client.BinSourceRequest
	if err := body.Decode(&in); err != nil {
		return err
	}
	id := c.param("bin")
	if _, err := c.a.o.Bins.Bin(c.ctx(), c.binCaller(), id); err != nil {
		return c.binError(err)
	}
	owner, name, ok := strings.Cut(in.Project, "/")
	if !ok {
		return hookyard.FieldErrorf("project", "project must be owner/name")
	}
	p, err := c.a.o.Control.ProjectOnUse(c.ctx(), c.id, owner, name, control.Write)
	if err != nil {
		return err
	}
	out, err := c.a.o.Bins.Source(c.ctx(), c.binCaller(), bin.SourceSpec{Bin: id, Project: p, Source: in})
	if err != nil {
		return c.binError(err)
	}
	return c.reply(http.StatusCreated, out)
}

func (c *call) binCaller() bin.Caller { return bin.CallerOf(c.r, c.param("bin")) }

// binError answers as RequestBin did what it knew.
func (c *call) binError(err error) error {
	for _, known := range []*hookyard.Error{bin.ErrNoBin, bin.ErrNoRequest, bin.ErrPrivate} {
		if errors.Is(err, known) {
			return c.reply(known.Code.Status(), binRefusal{Error: known.Message})
		}
	}
	return err
}

// binSettings reads what a bin is to be, from a form as RequestBin has it, or from JSON.
func (c *call) binSettings() (in client.BinSettings, err error) {
	if strings.HasPrefix(c.r.Header.Get("Content-Type"), "application/json") {
		body, err := c.object()
		if err != nil {
			return in, err
		}
		return in, body.Decode(&in)
	}
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, maxSettings)
	if err := c.r.ParseForm(); err != nil {
		return in, hookyard.Errorf(hookyard.Invalid, "the form cannot be read: %v", err)
	}
	form := c.r.PostForm
	in.Private = form.Get("private") == "true" || form.Get("private") == "on"
	in.Body = form.Get("body")
	if text := form.Get("status"); text != "" {
		if in.Status, err = strconv.Atoi(text); err != nil {
			return in, hookyard.FieldErrorf("status", "status must be a number between 200 and 599")
		}
	}
	if text := form.Get("delay"); text != "" {
		d, err := hookyard.ParseDuration(text)
		if err != nil {
			return in, hookyard.FieldErrorf("delay", "delay must be a duration such as 2s")
		}
		in.Delay = hookyard.Duration(d)
	}
	return in, nil
}
