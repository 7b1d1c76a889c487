package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed assets
var assetFiles embed.FS

// asset is a file that browsers may cache forever: its URL changes with its content.
type asset struct {
	url     string
	kind    string
	plain   []byte
	gzipped []byte
}

// kindOf returns the content type of an asset by its extension.
func kindOf(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	}
	return "image/svg+xml"
}

// imported is a module that other modules import. They must name the URL that changes with its content.
const imported = "rows.js"

// loadAssets returns each embedded file under two keys: its name and the last segment of its URL.
func loadAssets() (map[string]*asset, error) {
	out := map[string]*asset{}
	if err := loadAsset(out, "assets/"+imported); err != nil {
		return nil, err
	}
	err := fs.WalkDir(assetFiles, "assets", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Base(name) == imported {
			return err
		}
		return loadAsset(out, name)
	})
	return out, err
}

func loadAsset(out map[string]*asset, name string) error {
	b, err := assetFiles.ReadFile(name)
	if err != nil {
		return err
	}
	if a := out[imported]; a != nil {
		b = bytes.ReplaceAll(b, []byte(`"./`+imported+`"`), []byte(`".`+strings.TrimPrefix(a.url, "/assets")+`"`))
	}
	sum := sha256.Sum256(b)
	base := path.Base(name)
	ext := path.Ext(base)
	hashed := strings.TrimSuffix(base, ext) + "." + hex.EncodeToString(sum[:6]) + ext
	var z bytes.Buffer
	w, _ := gzip.NewWriterLevel(&z, gzip.BestCompression) // fails for an invalid level only
	_, _ = w.Write(b)
	_ = w.Close()
	a := &asset{url: "/assets/" + hashed, kind: kindOf(base), plain: b, gzipped: z.Bytes()}
	out[base], out[hashed] = a, a
	return nil
}

func (w *Web) serveAsset(rw http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	a := w.assets[name]
	if a == nil {
		http.NotFound(rw, r)
		return
	}
	h := rw.Header()
	h.Set("Content-Type", a.kind)
	h.Set("Vary", "Accept-Encoding")
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	if "/assets/"+name != a.url {
		h.Set("Cache-Control", "no-cache")
	}
	body := a.plain
	if takesGzip(r) {
		h.Set("Content-Encoding", "gzip")
		body = a.gzipped
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = rw.Write(body)
}

func takesGzip(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept-Encoding"), "gzip")
}

// newGzipWriter returns a writer for [Web.gzips].
func newGzipWriter() any {
	w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // fails for an invalid level only
	return w
}

// noRobots keeps search engines out.
func noRobots(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("User-agent: *\nDisallow: /\n"))
}
