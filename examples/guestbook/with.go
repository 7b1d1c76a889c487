package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/app"
)

// Do not copy this file. It runs hookyard in the guestbook's process, so that one command starts everything. Only a
// program in hookyard's own repository can do that. Elsewhere, use `hookyard serve --dev`.

// startHookyard does what `hookyard serve --dev` does, on the host and port of --hookyard, and returns its URL. The
// server runs in g until ctx is done.
func startHookyard(ctx context.Context, g *errgroup.Group, o options, log *slog.Logger) (string, error) {
	u, err := url.Parse(o.hookyard)
	if err != nil || u.Port() == "" {
		return "", fmt.Errorf("--hookyard %q: use a URL such as http://127.0.0.1:8080", o.hookyard)
	}
	config := app.DefaultConfig()
	config.Listen = u.Host
	config.Data = filepath.Join(o.data, "hookyard")
	config.Dev = true
	config.Grace = 2 * time.Second
	a, err := app.New(ctx, config, "example", log)
	if err != nil {
		return "", err
	}
	g.Go(func() error { return a.Run(ctx) })
	return a.BaseURL(), nil
}

// ensureBin returns the URL of a bin that receives every comment, so that the user can see webhooks from the start.
func ensureBin(ctx context.Context, w *webhooks) (string, error) {
	const id = "bin"
	h, err := w.client.Hook(ctx, w.project, id)
	if err == nil && ask(ctx, http.MethodGet, w.server+"/api/bins/"+path.Base(h.URL), nil) == nil {
		return h.URL, nil
	}
	known := err == nil
	if err != nil && !errors.Is(err, hookyard.ErrNotFound) {
		return "", err
	}
	var bin struct {
		URL string `json:"url"`
	}
	if err := ask(ctx, http.MethodPost, w.server+"/api/bins", &bin); err != nil {
		return "", err
	}
	if known { // but its bin has expired
		_, err := w.client.PatchHook(ctx, w.project, id, client.HookPatch{URL: &bin.URL})
		return bin.URL, err
	}
	return bin.URL, w.put(ctx, id, bin.URL, newSecret())
}

// ask sends a request without a body and decodes the JSON of a 2xx response into out, unless out is nil.
func ask(ctx context.Context, method, target string, out any) error {
	r, err := http.NewRequestWithContext(ctx, method, target, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s", method, target, resp.Status)
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(out)
}
