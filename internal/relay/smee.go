package relay

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/stream"
)

const (
	pingEvery = 30 * time.Second
	// maxRawHeader is the longest rawBody that goes along unasked: smee-client makes a header of every field it does
	// not know, and servers take 16 kB of headers.
	maxRawHeader = 4 << 10
)

// Smee serves /smee/{owner}/{project} as a channel of smee.io: whatever is POSTed is an event, and a GET is a stream of
// the project's events in the form that smee-client takes. Where sign-in is on, a token in the query opens it.
func (rl *Relay) Smee(w http.ResponseWriter, r *http.Request, owner, project string) error {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("X-Content-Type-Options", "nosniff")
	r = stream.WithoutForeignCookies(r)
	switch r.Method {
	case http.MethodGet:
		return rl.smeeOut(w, r, owner, project)
	case http.MethodPost, http.MethodPut:
		return rl.smeeIn(w, r, owner, project)
	case http.MethodOptions:
		h.Set("Access-Control-Allow-Methods", "GET, POST, PUT, OPTIONS")
		h.Set("Access-Control-Allow-Headers", "*, Authorization")
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	h.Set("Allow", "GET, POST, PUT, OPTIONS")
	return hookyard.Errorf(hookyard.Invalid, "a channel takes events by POST and sends them by GET")
}

// enter returns the project of a channel.
func (rl *Relay) enter(r *http.Request, owner, project string,
	may func(*http.Request, string, string) error) (*hookyard.Snapshot, error) {
	if rl.o.Ensure != nil {
		if _, _, err := split(owner+"/"+project, rl.o.Limits); err != nil {
			return nil, err
		}
		return rl.find(r.Context(), owner, project)
	}
	if err := may(r, owner, project); err != nil {
		return nil, err
	}
	return rl.o.Snapshot(r.Context(), owner, project)
}

func (rl *Relay) smeeIn(w http.ResponseWriter, r *http.Request, owner, project string) error {
	snapshot, err := rl.enter(r, owner, project, rl.o.MayPublish)
	if err != nil {
		return err
	}
	e, err := rl.o.Receive(w, r)
	if err != nil {
		return err
	}
	e.Source, e.Type = SourceSmee, typeOf(r, SourceSmee, rl.o.Limits)
	e.Target = keptQuery(r.URL)
	e.DedupKey = hookyard.Clean(r.Header.Get("X-Github-Delivery"), 200)
	if _, err := rl.o.Accept(r.Context(), snapshot, e); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

func (rl *Relay) smeeOut(w http.ResponseWriter, r *http.Request, owner, project string) error {
	snapshot, err := rl.enter(r, owner, project, rl.mayRead)
	if err != nil {
		return err
	}
	start := stream.Start{Now: true}
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		at, err := stream.ParseCursor(last, snapshot.Project.Key)
		if err != nil {
			return err
		}
		start = stream.Start{After: at.Seq, Mark: at.Mark}
	}
	leave, err := rl.o.Gate.Enter(r, snapshot)
	if err != nil {
		return err
	}
	defer leave()
	reader, err := rl.o.Hub.Follow(r.Context(), snapshot.Project.Key, start,
		stream.Selection{Types: hookyard.SelectAll()})
	if err != nil {
		return err
	}
	defer reader.Close()
	if rl.o.Ensure == nil {
		rl.guard(reader, r, snapshot.Project)
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	h.Set("Connection", "close")
	w.WriteHeader(http.StatusOK)
	line := rl.o.Hub.NewLine(w)
	line.Puts("retry: 2000\nid: " + stream.Cursor(snapshot.Project.Key, reader.Cursor()) + "\nevent: ready\ndata: " +
		"{}\n\n")
	raw := r.URL.Query().Get("raw") == "1"
	for line.Flush() == nil {
		b, err := reader.Next(r.Context(), 100, pingEvery)
		if err != nil {
			line.Puts(": come back\n\n")
			_ = line.Flush() // a client that has gone does not read it
			return nil
		}
		if b.Gap != nil && b.Gap.Reset {
			line.Puts(": the cursor is of no event here, as after a restored backup: new events follow\n\n")
		}
		for _, it := range b.Items {
			line.Puts("id: " + stream.CursorAt(it.Event) + "\ndata: ")
			line.Put(appendSmee(nil, it.Event, raw))
			line.Puts("\n\n")
		}
		if len(b.Items) == 0 {
			line.Puts("id: " + stream.Cursor(snapshot.Project.Key, b.Cursor) + "\nevent: ping\ndata: {}\n\n")
		}
	}
	return nil
}

// appendSmee writes an event as a message of a channel: the request's headers in lower case as members, then body,
// query and timestamp. On top come rawBody, the exact bytes in base64, when they are few or asked for with ?raw=1, and
// x-hookyard-event, with which …/events/{id}/body has them in any case.
func appendSmee(b []byte, e *hookyard.Event, raw bool) []byte {
	e, unpacked := e.Unpacked()
	b = append(b, '{')
	names := make([]string, 0, len(e.Header))
	for name := range e.Header {
		switch strings.ToLower(name) {
		case "body", "query", "timestamp", "rawbody", "x-hookyard-event", "hookyard-hops":
			continue
		case "content-encoding":
			if unpacked { // as body is
				continue
			}
		}
		if !hookyard.IsSensitive(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		b = hookyard.AppendJSONString(b, strings.ToLower(name))
		b = append(b, ':')
		b = hookyard.AppendJSONString(b, strings.Join(e.Header[name], ", "))
		b = append(b, ',')
	}
	b = append(b, `"hookyard-hops":"`...) // smee-client makes it a header, which ends loops
	b = strconv.AppendInt(b, int64(hookyard.Hops(e.Header))+1, 10)
	b = append(b, `","x-hookyard-event":`...)
	b = hookyard.AppendJSONString(b, e.ID)
	b = append(b, `,"body":`...)
	b = appendBody(b, e)
	b = append(b, `,"query":`...)
	b = appendQuery(b, e.Target)
	b = append(b, `,"timestamp":`...)
	b = strconv.AppendInt(b, e.Time.UnixMilli(), 10)
	if raw || base64.StdEncoding.EncodedLen(len(e.Body)) <= maxRawHeader {
		b = append(b, `,"rawBody":"`...)
		b = base64.StdEncoding.AppendEncode(b, e.Body)
		b = append(b, '"')
	}
	return append(b, '}')
}

// appendBody writes the body parsed: JSON as it is, a form as an object, anything else as text.
func appendBody(b []byte, e *hookyard.Event) []byte {
	data := e.Data()
	if text := hookyard.Text(e.ContentType, data); utf8.Valid(text) && json.Valid(text) {
		return appendCompact(b, text)
	}
	if hookyard.IsFormType(e.ContentType) {
		if values, err := url.ParseQuery(string(data)); err == nil {
			return appendValues(b, values)
		}
	}
	return hookyard.AppendJSONString(b, string(data))
}

func appendQuery(b []byte, target string) []byte {
	_, query, _ := strings.Cut(target, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return append(b, "{}"...)
	}
	return appendValues(b, values)
}

func appendValues(b []byte, values url.Values) []byte {
	flat := make(map[string]string, len(values))
	for name := range values {
		flat[name] = values.Get(name)
	}
	j, err := json.Marshal(flat)
	if err != nil { // cannot be: these are texts
		return append(b, "{}"...)
	}
	return append(b, j...)
}

// appendCompact appends JSON in one line, digit for digit.
func appendCompact(b, data []byte) []byte {
	buf := bytes.NewBuffer(b)
	if json.Compact(buf, data) != nil { // cannot be: it is valid
		return append(b, "null"...)
	}
	return buf.Bytes()
}
