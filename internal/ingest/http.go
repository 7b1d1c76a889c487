package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/budget"
	"github.com/hookyard/hookyard/internal/encoding"
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
	refusal, err := in.serve(w, r, snapshot, s, target)
	if code := hookyard.CodeOf(err); code != "" {
		in.refused(r.Context(), s, refusal, code)
	}
	return err
}

// serve answers a request to a source. With an error it may return the request, to be stored as refused.
func (in *Ingest) serve(w http.ResponseWriter, r *http.Request, snapshot *hookyard.Snapshot, s *hookyard.Source,
	target string) (*hookyard.Refusal, error) {
	e, err := in.receive(w, r, snapshot.Project.Path()+"/"+s.Name)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	a, err := in.admit(r, s, e, target, now)
	switch {
	case err != nil:
		return nil, err
	case a.response != nil:
		return nil, reply(w, a.response)
	case a.refused != nil:
		return in.refusal(r, s, e.Body, a, now), notAccepted(s, a.refused)
	case isEmpty(r):
		w.Header().Set("Allow", "POST, PUT, PATCH, DELETE")
		w.WriteHeader(http.StatusNoContent) // there is nothing to keep; providers check that the URL answers
		return nil, nil
	}
	receipt, err := in.Accept(r.Context(), snapshot, e)
	if err != nil {
		return nil, err
	}
	return nil, answer(r.Context(), w, s.Answer, receipt)
}

// Recheck checks a refused request again, with the secrets that the source has now and the time at which the request
// came, and accepts its event as if it had just come. It fails as the request did if it is refused again, and with
// [hookyard.Invalid] if there is no event in it. A request is accepted once, however often it is checked.
func (in *Ingest) Recheck(ctx context.Context, snapshot *hookyard.Snapshot, s *hookyard.Source,
	rf *hookyard.Refusal) (hookyard.Receipt, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	at, err := url.ParseRequestURI(rf.URI)
	if err != nil {
		return hookyard.Receipt{}, hookyard.Errorf(hookyard.Invalid, "the path of the request cannot be read")
	}
	r := (&http.Request{Method: rf.Method, URL: at, RequestURI: in.prefix + rf.URI, Header: rf.Sent,
		RemoteAddr: rf.Remote}).WithContext(ctx)
	contentEncoding, err := encoding.Of(r.Header)
	if err != nil {
		return hookyard.Receipt{}, err
	}
	e, err := in.eventOf(r, contentEncoding, rf.Body)
	if err != nil {
		return hookyard.Receipt{}, err
	}
	target, _, _ := strings.Cut(rf.Target, "?")
	a, err := in.admit(r, s, e, target, rf.Time)
	switch {
	case err != nil:
		return hookyard.Receipt{}, err
	case a.refused != nil:
		return hookyard.Receipt{}, notAccepted(s, a.refused)
	case a.response != nil || isEmpty(r):
		return hookyard.Receipt{}, hookyard.Errorf(hookyard.Invalid,
			"the request only asks whether the URL answers: there is no event in it")
	}
	if e.DedupKey == "" {
		e.DedupKey = fmt.Sprintf("refused:%d:%d", rf.Key, rf.Time.UnixMicro())
	}
	return in.Accept(ctx, snapshot, e)
}

// admission is what the verification of a request came to.
type admission struct {
	target   string              // of the event: path and query, without the token that lets a sender in
	response *signature.Response // to a handshake, which is no event
	refused  error
}

// admit verifies a request to a source that came at a time, and completes its event.
func (in *Ingest) admit(r *http.Request, s *hookyard.Source, e *hookyard.Event, target string,
	at time.Time) (admission, error) {
	var a admission
	verify, err := in.verifierOf(s, time.Now())
	if err != nil {
		return a, err
	}
	e.Source = s.Name
	verified, refused := verify.Verify(&signature.Request{Method: r.Method, URL: in.o.BaseURL + in.requestURI(r),
		Header: r.Header, Body: e.Plain(), Sent: e.Sent(), Now: at})
	a.refused = refused
	if a.response = verified.Response; a.response != nil {
		return a, nil
	}
	headers, params := verify.Credentials()
	if r.URL.RawQuery != "" {
		target += "?" + hideToken(r.URL, params)
	}
	a.target = hookyard.Clean(target, 3*len(target))
	if refused == nil {
		e.Header = inbound.StoredHeader(r.Header, headers...)
		e.Type = in.typeOf(r, s, &verified, e.Plain())
		e.Target, e.Verified = a.target, verified.Method
		e.DedupKey = dedupKey(r, s, &verified)
	}
	return a, nil
}

// isEmpty reports whether there is nothing in a request that an event could be made of.
func isEmpty(r *http.Request) bool {
	return r.Method == http.MethodHead || r.Method == http.MethodOptions ||
		r.Method == http.MethodGet && r.URL.RawQuery == ""
}

// notAccepted returns the error of a request that was refused.
func notAccepted(s *hookyard.Source, refused error) error {
	code := hookyard.Unauthenticated
	var why *signature.Error
	if errors.As(refused, &why) && why.StatusCode == http.StatusForbidden {
		code = hookyard.Forbidden
	}
	return hookyard.Errorf(code, "not accepted by source %s: %v", s.Name, refused)
}

// requestURI returns path and query below the public URL as the sender wrote them, for some providers sign them.
func (in *Ingest) requestURI(r *http.Request) string {
	if strings.HasPrefix(r.RequestURI, "/") {
		return strings.TrimPrefix(r.RequestURI, in.prefix)
	}
	return r.URL.RequestURI()
}

// Receive returns the event of a request: bytes and headers as they came, less what only the way in needs. It fails
// with [hookyard.TooLarge] or [hookyard.Unsupported] beyond the limits of a body, and with [hookyard.Unavailable] when
// too much is coming in at once. The event holds its decompressed body if it is looked
// into. The caller sets its type and source.
func (in *Ingest) Receive(w http.ResponseWriter, r *http.Request) (*hookyard.Event, error) {
	e, err := in.receive(w, r, r.URL.Path)
	if err == nil {
		e.Header = inbound.StoredHeader(r.Header)
	}
	return e, err
}

// receive is Receive for an event of a destination. Its header is that of the request, with credentials.
func (in *Ingest) receive(w http.ResponseWriter, r *http.Request, of string) (*hookyard.Event, error) {
	contentEncoding, err := encoding.Of(r.Header)
	if err != nil {
		return nil, err
	}
	body, err := in.readBytes(w, r, of, nil)
	if err != nil {
		return nil, err
	}
	return in.eventOf(r, contentEncoding, body)
}

// eventOf returns the event of a request whose body was read.
func (in *Ingest) eventOf(r *http.Request, contentEncoding string, body []byte) (*hookyard.Event, error) {
	e := hookyard.NewEvent("", "", body, time.Now())
	e.ContentType = hookyard.Clean(r.Header.Get("Content-Type"), 200)
	e.Header, e.Method = r.Header, r.Method
	e.Remote = inbound.Address(r)
	if contentEncoding == "" || len(body) == 0 {
		return e, nil
	}
	e.Decompress = in.o.Decoder.Plain
	plain, err := in.plain(r.Context(), contentEncoding, body)
	e.SetPlain(plain)
	return e, err
}

// plain checks a body that is stored as it came, and returns it decompressed if it is looked into, or nil. Its memory
// counts as taken until ctx ends.
func (in *Ingest) plain(ctx context.Context, contentEncoding string, body []byte) ([]byte, error) {
	decode := in.o.Decoder.For(contentEncoding)
	size, err := decode.Size(ctx, bytes.NewReader(body))
	if err != nil || !in.o.Decoder.IsLookedInto(size) {
		return nil, err
	}
	if err := in.o.Bodies.Hold(ctx, size, len(body) > budget.SmallBody); err != nil {
		return nil, err
	}
	return decode.Read(ctx, bytes.NewReader(body), size)
}

// dedupKey returns what identifies duplicates of a request, in the provider's words.
func dedupKey(r *http.Request, s *hookyard.Source, verified *signature.Result) string {
	key := verified.DeliveryID
	if s.DedupHeader != "" {
		key = r.Header.Get(s.DedupHeader)
	}
	return hookyard.Clean(key[:min(len(key), 500)], 600)
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

// ReadBody reads a request's body, decompressed, within the limits. See [Ingest.Receive] for its errors.
func (in *Ingest) ReadBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	contentEncoding, err := encoding.Of(r.Header)
	if err != nil {
		return nil, err
	}
	if contentEncoding == "" {
		return in.readBytes(w, r, r.URL.Path, nil)
	}
	return in.readBytes(w, r, r.URL.Path, in.o.Decoder.For(contentEncoding))
}

// readBytes reads a body, of which nothing was read yet. See [budget.Bodies.Read] for of and decode.
func (in *Ingest) readBytes(w http.ResponseWriter, r *http.Request, of string, decode budget.Decoder) ([]byte, error) {
	limit := in.o.Limits.Body
	tooLarge := hookyard.Errorf(hookyard.TooLarge, "body is larger than %d bytes (setting: --max-body)", limit)
	if r.ContentLength > limit {
		w.Header().Set("Connection", "close")
		return nil, tooLarge
	}
	// the common case: one allocation of the right size
	if n := r.ContentLength; n >= 0 && n <= budget.SmallBody && decode == nil {
		body := make([]byte, n)
		if _, err := io.ReadFull(r.Body, body); err != nil {
			return nil, hookyard.Errorf(hookyard.Invalid, "the body broke off before its end")
		}
		return body, nil
	}
	body, err := in.o.Bodies.Read(r, http.MaxBytesReader(w, r.Body, limit), of, decode)
	var over *http.MaxBytesError
	if errors.As(err, &over) {
		return nil, tooLarge
	}
	var own *hookyard.Error
	if errors.As(err, &own) {
		return nil, err
	}
	if err != nil {
		return nil, hookyard.Errorf(hookyard.Invalid, "the body broke off before its end")
	}
	return body, nil
}

// partOfRefused is how much is kept of the body of a refused request that is too large to be kept whole.
const partOfRefused = 64 << 10

// refusal returns a request that was not accepted, with the reason, as it is stored.
func (in *Ingest) refusal(r *http.Request, s *hookyard.Source, body []byte, a admission,
	now time.Time) *hookyard.Refusal {
	rf := &hookyard.Refusal{ProjectKey: s.ProjectKey, Source: s.Name, Time: now,
		Reason: hookyard.Clean(a.refused.Error(), 500), Method: hookyard.Clean(r.Method, 20),
		Target: hookyard.MaskCredentials(a.target), Remote: inbound.Address(r),
		Header: hookyard.EncodeHeader(nil, hookyard.MaskHeader(r.Header)), Body: body,
		Size: int64(len(body))}
	if rf.Whole = len(body) <= hookyard.LargeBody; rf.Whole {
		rf.URI, rf.Sent = in.requestURI(r), r.Header
	} else {
		rf.Body = body[:partOfRefused]
	}
	return rf
}

// refused counts a refused request, and stores it if it is given: some hundreds for each source, and not more than a
// few a second in all, so that a flood of requests does not fill the disk.
func (in *Ingest) refused(ctx context.Context, s *hookyard.Source, refusal *hookyard.Refusal, code hookyard.Code) {
	if refusal == nil || !in.refusals.Allow() {
		in.o.Store.CountRefusal(s.ProjectKey, code)
		return
	}
	refusal.Code = code
	if err := in.o.Store.Refuse(context.WithoutCancel(ctx), refusal); err != nil {
		in.o.Store.CountRefusal(s.ProjectKey, code)
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
