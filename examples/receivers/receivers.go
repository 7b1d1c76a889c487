// Package receivers is what a program needs that receives webhooks from hookyard, and the checklist of a good receiver:
//
//  1. Read the body's raw bytes, within a limit.
//  2. Verify the signature over those bytes, before anything looks into them.
//  3. Keep the notification; one whose webhook-id was seen before is a repeat and is dropped.
//  4. Answer. A 2xx says "I have it", so it comes after keeping and means nothing else; every failure has its honest status.
//  5. Do the work afterwards, from what was kept: the sender does not wait for it.
//
// [Handler] does 1 to 4 and [Inbox.Work] does 5. The programs in history and chat are made of the two.
package receivers

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// MaxBody is the largest body that is taken, in bytes. A larger one is answered with 413.
const MaxBody = 1 << 20

// minSecret is the length of a secret of 24 bytes, the least that Standard Webhooks allows.
const minSecret = len("whsec_") + 32

// Handler receives notifications. It is safe for concurrent use.
type Handler struct {
	inbox     *Inbox
	verifiers []*standardwebhooks.Webhook
	log       *slog.Logger
}

// NewHandler makes a handler that keeps in inbox what is signed with one of the secrets, whsec_… each, separated by
// commas: there are two while the sender changes from one to the other. It fails without any, for then anybody could
// send anything.
func NewHandler(inbox *Inbox, log *slog.Logger, secrets string) (*Handler, error) {
	h := &Handler{inbox: inbox, log: log}
	for secret := range strings.SplitSeq(secrets, ",") {
		secret = strings.TrimSpace(secret)
		v, err := standardwebhooks.NewWebhook(secret)
		if err != nil || !strings.HasPrefix(secret, "whsec_") || len(secret) < minSecret {
			return nil,
				errors.New(
					"no secret that can be used: set WEBHOOK_SECRET to the hook's, which begins with whsec_ and goes on in base64")
		}
		h.verifiers = append(h.verifiers, v)
	}
	return h, nil
}

// ServeHTTP takes one notification. It answers 204 once that is kept, and when it was already; 401 to a signature that
// does not fit, 400 to what is not JSON, 413 to too much, and 503 when nothing can be kept: the sender tries again
// later.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "webhooks are sent with POST", http.StatusMethodNotAllowed)
		return
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		http.Error(w, fmt.Sprintf("the body has more than %d bytes", MaxBody), http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		http.Error(w, "the body cannot be read", http.StatusBadRequest)
		return
	}
	if err := h.verify(r.Header, raw); err != nil {
		h.log.Warn("refused", "from", r.RemoteAddr, "error", err)
		http.Error(w, "the signature does not fit", http.StatusUnauthorized)
		return
	}
	body, err := Document(r.Header.Get("Content-Type"), raw)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	id := r.Header.Get("webhook-id")
	isNew, err := h.inbox.Keep(r.Context(), Notification{ID: id, Received: time.Now(), Body: body})
	if err != nil {
		h.log.Error("cannot keep a notification", "id", id, "error", err)
		http.Error(w, "cannot be kept just now", http.StatusServiceUnavailable)
		return
	}
	h.log.Info("received", "id", id, "repeat", !isNew)
	w.WriteHeader(http.StatusNoContent)
}

// verify checks the signature and that it is not older than five minutes: what was overheard cannot be sent again
// later.
func (h *Handler) verify(header http.Header, raw []byte) error {
	var err error
	for _, v := range h.verifiers {
		if err = v.Verify(raw, header); err == nil {
			return nil
		}
	}
	return err
}

// Document finds the JSON in a body: the body itself or, in a form, its field data (as NetBeans' own example expected)
// or payload (as GitHub names it).
func Document(contentType string, raw []byte) (json.RawMessage, error) {
	media, _, _ := mime.ParseMediaType(contentType) // what cannot be parsed is no form
	if media == "application/x-www-form-urlencoded" {
		form, err := url.ParseQuery(string(raw))
		if err != nil {
			return nil, errors.New("the body is not the form that its Content-Type says")
		}
		raw = []byte(form.Get("data"))
		if !form.Has("data") {
			raw = []byte(form.Get("payload"))
		}
	}
	if !json.Valid(raw) {
		return nil, errors.New("the body is neither JSON nor a form with JSON in its field data or payload")
	}
	return raw, nil
}
