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

// This file is not for copying. It runs hookyard in the guestbook's process, so that one command shows all there is to
// see, and only a program in hookyard's own repository can do that. Elsewhere `hookyard serve --dev` is the same.

// startHookyard starts what `hookyard serve --dev` is, on the host and port of --hookyard, and returns its URL. g waits
// for its end, which comes with ctx's.
func startHookyard(ctx context.Context, g *errgroup.Group, o options, log *slog.Logger) (string, error) {
	u, err := url.Parse(o.hookyard)
	if err != nil || u.Port() == "" {
		return "", fmt.Errorf("--hookyard %q: with --with-hookyard it must be like http://127.0.0.1:8080", o.hookyard)
	}
	config := app.DefaultConfig()
	config.Listen, config.Data, config.Dev, config.Grace = u.Host, filepath.Join(o.data, "hookyard"), true,
		2*time.Second
	a, err := app.New(ctx, config, "example", log)
	if err != nil {
		return "", err
	}
	g.Go(func() error { return a.Run(ctx) })
	return a.BaseURL(), nil
}

// ensureBin returns the URL of a bin that gets every comment, so that there is something to look at from the start.
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
	if known { // but its bin is gone: they last two days
		_, err := w.client.PatchHook(ctx, w.project, id, client.HookPatch{URL: &bin.URL})
		return bin.URL, err
	}
	return bin.URL, w.put(ctx, id, bin.URL, newSecret())
}

// ask sends a request without a body, and reads the JSON of a 2xx into out unless that is nil.
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
