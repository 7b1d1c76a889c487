package relay

import (
	"bytes"
	"encoding/json"
	"net/http"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/signature"
)

// maxEcho is how much of a body that is no JSON the answer repeats.
const maxEcho = 64 << 10

// signal takes an event for the project that repository.full_name names. It answers 200 with nothing once the event is
// kept, whether or not anybody listens.
func (rl *Relay) signal(w http.ResponseWriter, r *http.Request) error {
	e, err := rl.o.Receive(w, r)
	if err != nil {
		return err
	}
	if _, ok := e.Unpacked(); !ok {
		return hookyard.Errorf(hookyard.TooLarge, "body is larger than %d bytes decompressed: send it uncompressed "+
			"(setting: --max-decode)", rl.o.Limits.Decode)
	}
	payload, contentType := hookyard.Text("", e.Plain()), hookyard.TypeJSON
	if v := hookyard.FormJSON(e.ContentType, e.Plain()); v != nil {
		payload, contentType = v, e.ContentType
	}
	if !utf8.Valid(payload) || !json.Valid(payload) {
		return couldNotParse(w, e.Plain())
	}
	if err := hookyard.CheckJSON(payload, rl.o.Limits.JSONDepth); err != nil {
		return err
	}
	owner, name, err := repository(payload, rl.o.Limits)
	if err != nil {
		return err
	}
	snapshot, by, err := rl.maySignal(r, owner, name, e)
	if err != nil {
		return err
	}
	e.Source, e.Type = SourceRelay, typeOf(r, "signal", rl.o.Limits)
	e.ContentType, e.Verified = contentType, by
	e.Target = keptQuery(r.URL)
	e.DedupKey = hookyard.Clean(r.Header.Get("X-Github-Delivery"), 200)
	if _, err := rl.o.Accept(r.Context(), snapshot, e); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// couldNotParse answers as lively4's server did, but as plain text: what strangers sent is not a page of ours.
func couldNotParse(w http.ResponseWriter, body []byte) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusBadRequest)
	_, err := w.Write(append([]byte("could not parse: "), body[:min(len(body), maxEcho)]...))
	_ = err // a client that hung up does not want it
	return nil
}

// repository reads which project an event is for. null, false, 0 and "" are JSON, too, but no events.
func repository(payload []byte, limits hookyard.Limits) (owner, name string, err error) {
	if first := bytes.TrimLeft(payload, " \t\r\n"); len(first) == 0 || first[0] != '{' {
		return "", "", hookyard.Errorf(hookyard.Invalid,
			"the body must be a JSON object with repository.full_name, as GitHub sends it")
	}
	full := gjson.GetBytes(payload, "repository.full_name")
	if full.Type != gjson.String {
		return "", "", hookyard.FieldErrorf("repository.full_name",
			"the body has no repository.full_name, which says for whom the event is")
	}
	return split(full.Str, limits)
}

// maySignal returns the project when the sender may signal it, and what vouches for the sender.
func (rl *Relay) maySignal(r *http.Request, owner, name string, e *hookyard.Event) (snapshot *hookyard.Snapshot,
	by string, err error) {
	snapshot, err = rl.find(r.Context(), owner, name)
	if hookyard.CodeOf(err) == hookyard.NotFound {
		return nil, "", rl.off(r, owner, name)
	}
	if err != nil {
		return nil, "", err
	}
	switch rl.mode(snapshot.Project) {
	case hookyard.RelayOpen:
		return snapshot, "", nil
	case hookyard.RelayToken:
		return snapshot, "token", rl.o.MayPublish(r, owner, name)
	case hookyard.RelaySigned:
		by, err = signed(snapshot.Project, r, e)
		return snapshot, by, err
	}
	return nil, "", rl.off(r, owner, name)
}

// signed verifies GitHub's signature with the project's secret.
func signed(p *hookyard.Project, r *http.Request, e *hookyard.Event) (by string, err error) {
	v, err := signature.New("github", []string{p.RelaySecret.Value}, nil)
	if err != nil {
		return "", hookyard.Errorf(hookyard.Forbidden,
			"this relay takes signed events only, but its project has no relay secret yet "+
				"(project setting relaySecret)")
	}
	verified, err := v.Verify(&signature.Request{Method: r.Method, Header: r.Header, Body: e.Plain(), Sent: e.Sent(),
		Now: e.Time})
	if err != nil {
		return "", hookyard.Errorf(hookyard.Unauthenticated, "not accepted by the relay of %s: %v", p.Path(), err)
	}
	return verified.Method, nil
}
