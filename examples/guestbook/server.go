package main

import (
	"bytes"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hookyard/hookyard"
)

//go:embed pages.html style.css
var files embed.FS

// Limits for visitors' input.
const (
	maxName    = 100  // characters
	maxComment = 2000 // characters
	maxForm    = 64 << 10
	onPage     = 50 // comments
)

// policy allows a page its style sheet and its forms and nothing else. No script runs, whatever a comment contains.
const policy = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// server serves the pages.
type server struct {
	book  *book
	hooks *webhooks
	log   *slog.Logger
	pages *template.Template
}

// newServer returns the whole site.
func newServer(b *book, hooks *webhooks, log *slog.Logger) http.Handler {
	s := &server{book: b, hooks: hooks, log: log, pages: template.Must(template.ParseFS(files, "pages.html"))}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.comments)
	mux.HandleFunc("GET /add", s.addForm)
	mux.HandleFunc("POST /add", s.add)
	mux.HandleFunc("GET /webhooks", s.webhooks)
	mux.HandleFunc("POST /webhooks", s.addWebhook)
	mux.HandleFunc("POST /delete-webhook", s.deleteWebhook)
	mux.Handle("GET /style.css", http.FileServerFS(files))
	safe := http.NewCrossOriginProtection().Handler(mux) // other sites cannot submit our forms
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		safe.ServeHTTP(w, r)
	})
}

// commentsPage is the data of the template comments.
type commentsPage struct {
	Comments []comment
	Before   int64 // where the next page starts; 0: no next page
}

func (s *server) comments(w http.ResponseWriter, r *http.Request) {
	before, err := strconv.ParseInt(r.FormValue("before"), 10, 64)
	if err != nil || before < 0 {
		before = 0
	}
	page := commentsPage{}
	if page.Comments, err = s.book.before(r.Context(), before, onPage); err != nil {
		s.broken(w, err)
		return
	}
	if n := len(page.Comments); n == onPage && page.Comments[n-1].Seq > 1 {
		page.Before = page.Comments[n-1].Seq
	}
	s.show(w, http.StatusOK, "comments", page)
}

// addPage is the data of the template add.
type addPage struct {
	Name, Comment, Error string
	MaxName, MaxComment  int
}

func (s *server) addForm(w http.ResponseWriter, _ *http.Request) {
	s.show(w, http.StatusOK, "add", addPage{MaxName: maxName, MaxComment: maxComment})
}

func (s *server) add(w http.ResponseWriter, r *http.Request) {
	if !s.parse(w, r) {
		return
	}
	name, text := field(r, "name"), field(r, "comment")
	page := addPage{Name: name, Comment: text, MaxName: maxName, MaxComment: maxComment}
	switch {
	case name == "" || text == "":
		page.Error = "Please give your name and a comment."
	case utf8.RuneCountInString(name) > maxName:
		page.Error = fmt.Sprintf("The name is longer than %d characters.", maxName)
	case utf8.RuneCountInString(text) > maxComment:
		page.Error = fmt.Sprintf("The comment is longer than %d characters.", maxComment)
	}
	if page.Error != "" {
		s.show(w, http.StatusUnprocessableEntity, "add", page)
		return
	}
	if err := s.book.add(r.Context(), comment{Name: name, Comment: text, Time: time.Now().Unix()}); err != nil {
		s.broken(w, err)
		return
	}
	http.Redirect(w, r, "/", http.StatusFound)
}

// webhooksPage is the data of the template webhooks.
type webhooksPage struct {
	Webhooks []webhook
	Waiting  int // events in the outbox
	URL      string
	Secret   string // of a new webhook
	Error    string
}

func (s *server) webhooks(w http.ResponseWriter, r *http.Request) {
	s.showWebhooks(w, r, http.StatusOK, webhooksPage{Secret: takeSecret(w, r)})
}

func (s *server) addWebhook(w http.ResponseWriter, r *http.Request) {
	if !s.parse(w, r) {
		return
	}
	target := field(r, "url")
	secret, err := s.hooks.add(r.Context(), target)
	if err != nil {
		status, text := s.explain(err)
		s.showWebhooks(w, r, status, webhooksPage{URL: target, Error: text})
		return
	}
	giveSecret(w, r, secret)
	http.Redirect(w, r, "/webhooks", http.StatusFound)
}

func (s *server) deleteWebhook(w http.ResponseWriter, r *http.Request) {
	if !s.parse(w, r) {
		return
	}
	if err := s.hooks.remove(r.Context(), field(r, "id")); err != nil {
		status, text := s.explain(err)
		s.showWebhooks(w, r, status, webhooksPage{Error: text})
		return
	}
	http.Redirect(w, r, "/webhooks", http.StatusFound)
}

func (s *server) showWebhooks(w http.ResponseWriter, r *http.Request, status int, page webhooksPage) {
	var err error
	if page.Waiting, err = s.book.waiting(r.Context()); err != nil {
		s.broken(w, err)
		return
	}
	if page.Webhooks, err = s.hooks.list(r.Context()); err != nil && page.Error == "" {
		status, page.Error = s.explain(err)
	}
	s.show(w, status, "webhooks", page)
}

// explain turns an error of hookyard into a response: 422 if the visitor's input was rejected, otherwise 502.
func (s *server) explain(err error) (status int, text string) {
	if errors.Is(err, hookyard.ErrInvalid) || errors.Is(err, hookyard.ErrConflict) {
		return http.StatusUnprocessableEntity, err.Error()
	}
	s.log.Warn("hookyard failed", "error", err)
	return http.StatusBadGateway, "Webhooks cannot be managed now because hookyard is not available."
}

// parse parses the form. On an error it writes the response and returns false.
func (s *server) parse(w http.ResponseWriter, r *http.Request) bool {
	err := r.ParseForm()
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		http.Error(w, fmt.Sprintf("The form has more than %d bytes.", maxForm), http.StatusRequestEntityTooLarge)
	} else if err != nil {
		http.Error(w, "The form cannot be read.", http.StatusBadRequest)
	}
	return err == nil
}

// field returns a form field as valid text without surrounding space.
func field(r *http.Request, name string) string {
	text := strings.ReplaceAll(r.PostFormValue(name), "\r\n", "\n") // browsers send CRLF
	return strings.TrimSpace(strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "\uFFFD"))
}

// show writes a page, or an error page if the template fails.
func (s *server) show(w http.ResponseWriter, status int, name string, page any) {
	var out bytes.Buffer
	if err := s.pages.ExecuteTemplate(&out, name, page); err != nil {
		s.broken(w, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = out.WriteTo(w) // an error means that the visitor has disconnected
}

func (s *server) broken(w http.ResponseWriter, err error) {
	s.log.Error("cannot make a page", "error", err)
	http.Error(w, "Something is broken here. Please try again later.", http.StatusInternalServerError)
}

// secretCookie carries a new webhook's secret across the redirect to the page that shows it once.
const secretCookie = "webhook-secret"

func giveSecret(w http.ResponseWriter, r *http.Request, secret string) {
	http.SetCookie(w, &http.Cookie{Name: secretCookie, Value: base64.RawURLEncoding.EncodeToString([]byte(secret)),
		Path: "/webhooks", MaxAge: 60,
		HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode})
}

func takeSecret(w http.ResponseWriter, r *http.Request) string {
	c, err := r.Cookie(secretCookie)
	if err != nil {
		return ""
	}
	http.SetCookie(w, &http.Cookie{Name: secretCookie, Path: "/webhooks", MaxAge: -1, HttpOnly: true,
		Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode})
	secret, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil || !strings.HasPrefix(string(secret), "whsec_") || len(secret) > 100 {
		return ""
	}
	return string(secret)
}
