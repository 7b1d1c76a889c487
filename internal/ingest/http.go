package ingest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/budget"
	"github.com/hookyard/hookyard/internal/inbound"
	"github.com/hookyard/hookyard/signature"
)

// Inbound serves a source's URL. The caller has matched owner, project and source from the path; target is what follows
// them, beginning with a slash, or "". It answers only after the event is committed.
func (in *Ingest) Inbound(w http.ResponseWriter, r *http.Request, owner, project, source, target string) error {
	noSource := hookyard.Errorf(hookyard.NotFound,
		"no such source: the URL is /in/{owner}/{project}/{source}, as shown where the source was made")
	if !hookyard.ValidPath(owner + project + source) {
		return noSource
	}
	snapshot, err := in.o.Store.Snapshot(r.Context(), owner, project)
	if err != nil && !errors.Is(err, hookyard.ErrNotFound) {
		return err
	}
	var s *hookyard.Source
	if snapshot != nil {
		s = snapshot.Sources[source]
	}
	if s == nil || !s.Active || s.RabbitMQ != nil {
		return noSource
	}
	body, err := in.readBytes(w, r, snapshot.Project.Path()+"/"+s.Name)
	if err == nil {
		err = hookyard.CheckEncoding(r.Header.Get("Content-Encoding"), body, in.o.Limits.Body)
	}
	if err != nil {
		return err
	}
	now := time.Now()
	verify, err := in.verifierOf(s, now)
	if err != nil {
		return err
	}
	verified, refused := verify.Verify(&signature.Request{Method: r.Method, URL: in.o.BaseURL + in.requestURI(r),
		Header: r.Header, Body: body, Now: now})
	if verified.Response != nil {
		return reply(w, verified.Response)
	}
	if n := len(target) + len(r.URL.RawQuery); n > in.o.Limits.RequestHeader {
		return hookyard.Errorf(hookyard.TooLarge,
			"path and query are %d bytes long, at most %d are allowed (setting: --max-request-header)", n,
			in.o.Limits.RequestHeader)
	}
	headers, params := verify.Credentials()
	if r.URL.RawQuery != "" {
		target += "?" + hideToken(r.URL, params)
	}
	if refused != nil {
		in.refuse(r, s, body, target, refused.Error(), now)
		code := hookyard.Unauthenticated
		var why *signature.Error
		if errors.As(refused, &why) && why.StatusCode == http.StatusForbidden {
			code = hookyard.Forbidden
		}
		return hookyard.Errorf(code, "not accepted by source %s: %v", s.Name, refused)
	}
	if r.Method == http.MethodHead || r.Method == http.MethodOptions || r.Method == http.MethodGet &&
		r.URL.RawQuery == "" {
		w.Header().Set("Allow", "POST, PUT, PATCH, DELETE")
		w.WriteHeader(http.StatusNoContent) // there is nothing to keep; providers check that the URL answers
		return nil
	}
	receipt, err := in.Accept(r.Context(), snapshot, in.event(r, s, &verified, body, target, headers, now))
	if err != nil {
		return err
	}
	return answer(r.Context(), w, s.Answer, receipt)
}

// requestURI returns path and query below the public URL as the sender wrote them, for some providers sign them.
func (in *Ingest) requestURI(r *http.Request) string {
	if strings.HasPrefix(r.RequestURI, "/") {
		return strings.TrimPrefix(r.RequestURI, in.prefix)
	}
	return r.URL.RequestURI()
}

// event makes the event of a verified request: bytes and headers as they came, less what only the way in needs.
func (in *Ingest) event(r *http.Request, s *hookyard.Source, verified *signature.Result, body []byte, target string,
	hide []string, now time.Time) *hookyard.Event {
	e := hookyard.NewEvent(s.Name, "", body, now)
	e.ContentType = hookyard.Clean(r.Header.Get("Content-Type"), 200)
	e.Header = inbound.StoredHeader(r.Header, hide...)
	e.KeepPlain()
	e.Type = in.typeOf(r, s, verified, e.Plain())
	e.Method = r.Method
	e.Target = hookyard.Clean(target, 3*len(target))
	e.Remote, e.Verified = inbound.Address(r), verified.Method
	e.DedupKey = verified.DeliveryID
	if s.DedupHeader != "" {
		e.DedupKey = r.Header.Get(s.DedupHeader)
	}
	if len(e.DedupKey) > 500 {
		e.DedupKey = e.DedupKey[:500]
	}
	e.DedupKey = hookyard.Clean(e.DedupKey, 600)
	return e
}

// typeOf names the event: as the source says, else as its provider does it, else by the source's name. A provider's
// name for it is never a reason to refuse an event; it is made fit to be shown
// and to be a header's value.
func (in *Ingest) typeOf(r *http.Request, s *hookyard.Source, verified *signature.Result, body []byte) string {
	t := s.EventType
	if t == "" && s.TypeHeader != "" {
		t = r.Header.Get(s.TypeHeader)
	}
	if t == "" && s.TypeField != "" {
		t = gjson.GetBytes(hookyard.Document(r.Header.Get("Content-Type"), body), s.TypeField).String()
	}
	if t == "" {
		t = verified.EventType
	}
	if t == "" {
		t = hookyard.CloudEventType(r.Header, body)
	}
	t = strings.TrimSpace(hookyard.CleanLine(t, in.o.Limits.EventType))
	if t == "" || strings.HasPrefix(t, "hookyard.") {
		return s.Name
	}
	return t
}

// ReadBody reads a request's body within the limit, or fails with [hookyard.TooLarge], or with [hookyard.Unavailable]
// when too much is coming in at once. Compressed bodies are refused; only sources take them, because they store what
// came.
func (in *Ingest) ReadBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if enc := r.Header.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		return nil, hookyard.Errorf(hookyard.Unsupported,
			"Content-Encoding %s is not accepted: send the body uncompressed", hookyard.Clean(enc, 50))
	}
	return in.readBytes(w, r, r.URL.Path)
}

// readBytes is ReadBody for a body in any encoding. of is its destination.
func (in *Ingest) readBytes(w http.ResponseWriter, r *http.Request, of string) ([]byte, error) {
	limit := in.o.Limits.Body
	tooLarge := hookyard.Errorf(hookyard.TooLarge, "body is larger than %d bytes (setting: --max-body)", limit)
	if r.ContentLength > limit {
		w.Header().Set("Connection", "close")
		return nil, tooLarge
	}
	if n := r.ContentLength; n >= 0 && n <= budget.SmallBody { // the common case: one allocation of the right size
		body := make([]byte, n)
		if _, err := io.ReadFull(r.Body, body); err != nil {
			return nil, hookyard.Errorf(hookyard.Invalid, "the body broke off before its end")
		}
		return body, nil
	}
	body, err := in.o.Bodies.Read(r, http.MaxBytesReader(w, r.Body, limit), of)
	var over *http.MaxBytesError
	if errors.As(err, &over) {
		return nil, tooLarge
	}
	if hookyard.CodeOf(err) == hookyard.Unavailable {
		return nil, err
	}
	if err != nil {
		return nil, hookyard.Errorf(hookyard.Invalid, "the body broke off before its end")
	}
	return body, nil
}

// refuse keeps a request that was not accepted, with its reason: a hundred for each source, and not more than a few a
// second in all, so that a flood of requests does not fill the disk.
func (in *Ingest) refuse(r *http.Request, s *hookyard.Source, body []byte, target, reason string, now time.Time) {
	if in.o.Watch != nil {
		in.o.Watch.Refused(s.Name, reason)
	}
	if !in.refusals.Allow() {
		return
	}
	rf := &hookyard.Refusal{ProjectKey: s.ProjectKey, Source: s.Name, Time: now, Reason: hookyard.Clean(reason, 500),
		Method: hookyard.Clean(r.Method, 20),
		Target: hookyard.Clean(target, 3*len(target)), Remote: inbound.Address(r),
		Header: hookyard.EncodeHeader(nil, hookyard.MaskHeader(r.Header)), Size: int64(len(body))}
	rf.Body = body[:min(len(body), 64<<10)]
	if err := in.o.Store.Refuse(context.WithoutCancel(r.Context()), rf); err != nil {
		in.o.Log.Warn("a refused request cannot be kept", "source", s.Name, "error", err)
	}
}

// HeaderDuplicate is set in the answer of a source to an event that came before and is not stored again. Its value is
// the id of the first event. It is there whatever the source's own answer is.
const HeaderDuplicate = "Hookyard-Duplicate"

// answer tells the sender that the event is kept, as the source's settings want it.
func answer(ctx context.Context, w http.ResponseWriter, a *hookyard.Answer, receipt hookyard.Receipt) error {
	if receipt.Duplicate {
		w.Header().Set(HeaderDuplicate, receipt.ID)
	}
	if a == nil {
		w.Header()["Content-Type"] = []string{"application/json"}
		b := make([]byte, 0, 64)
		b = append(b, `{"id":"`...)
		b = append(b, receipt.ID...)
		b = append(b, `","deliveries":`...)
		b = strconv.AppendInt(b, int64(receipt.Deliveries), 10)
		if receipt.Duplicate {
			b = append(b, `,"duplicate":true`...)
		}
		_, err := w.Write(append(b, "}\n"...))
		return ignoreGone(err)
	}
	inbound.WriteAnswer(ctx, w, a)
	return nil
}

func reply(w http.ResponseWriter, a *signature.Response) error {
	inbound.Sandbox(w.Header())
	return ignoreGone(a.Write(w))
}

// ignoreGone drops the error of writing to a client that hung up: the event is kept, and they will ask again.
func ignoreGone(error) error { return nil }

// hideToken is a query as it is kept: untouched, but without the token that lets a sender in.
func hideToken(u *url.URL, params []string) string {
	q := u.Query()
	hidden := false
	for _, name := range params {
		if q.Has(name) {
			q.Set(name, hookyard.Masked)
			hidden = true
		}
	}
	if !hidden {
		return u.RawQuery
	}
	return q.Encode()
}
