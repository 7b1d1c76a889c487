// Package receivers contains what a program needs to receive webhooks from hookyard. It follows the checklist of a good
// receiver:
//
//  1. Read the raw body, within a limit.
//  2. Verify the signature of those bytes before parsing them.
//  3. Store the notification. Drop it if its webhook-id is known: it is a duplicate.
//  4. Answer with 2xx only after storing it, and with an accurate status otherwise.
//  5. Process the stored notification afterwards, so that the sender does not wait for it.
//
// [Handler] does 1 to 4 and [Inbox.Work] does 5. The programs history and chat use both.
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

// MaxBody is the maximum size of a body in bytes. A larger body is answered with 413.
const MaxBody = 1 << 20

// minSecret is the length of a secret of 24 bytes, the minimum of Standard Webhooks.
const minSecret = len("whsec_") + 32

// Handler receives notifications. It is safe for concurrent use.
type Handler struct {
	inbox     *Inbox
	verifiers []*standardwebhooks.Webhook
	log       *slog.Logger
}

// NewHandler returns a handler that stores in inbox the notifications that are signed with one of the secrets. secrets
// is a comma-separated list of whsec_… secrets; during a rotation there are two. It is an error if there is no secret.
func NewHandler(inbox *Inbox, log *slog.Logger, secrets string) (*Handler, error) {
	h := &Handler{inbox: inbox, log: log}
	for secret := range strings.SplitSeq(secrets, ",") {
		secret = strings.TrimSpace(secret)
		v, err := standardwebhooks.NewWebhook(secret)
		if err != nil || !strings.HasPrefix(secret, "whsec_") || len(secret) < minSecret {
			return nil, errors.New("set WEBHOOK_SECRET to the hook's secret: whsec_ followed by base64")
		}
		h.verifiers = append(h.verifiers, v)
	}
	return h, nil
}

// ServeHTTP receives one notification. It answers 204 if the notification is stored, now or before; 401 if the
// signature is invalid, 400 if the body is not JSON, 413 if it is too large, and 503 if it cannot be stored, so that
// the sender retries later.
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
		http.Error(w, "cannot read the body", http.StatusBadRequest)
		return
	}
	if err := h.verify(r.Header, raw); err != nil {
		h.log.Warn("rejected", "from", r.RemoteAddr, "error", err)
		http.Error(w, "invalid signature", http.StatusUnauthorized)
		return
	}
	body, err := Document(r.Header.Get("Content-Type"), raw)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	id := r.Header.Get("webhook-id")
	isNew, err := h.inbox.Store(r.Context(), Notification{ID: id, Received: time.Now(), Body: body})
	if err != nil {
		h.log.Error("cannot store a notification", "id", id, "error", err)
		http.Error(w, "cannot store the notification now", http.StatusServiceUnavailable)
		return
	}
	h.log.Info("received", "id", id, "duplicate", !isNew)
	w.WriteHeader(http.StatusNoContent)
}

// verify checks the signature and that it is at most five minutes old, which prevents later replays by an attacker.
func (h *Handler) verify(header http.Header, raw []byte) error {
	var err error
	for _, v := range h.verifiers {
		if err = v.Verify(raw, header); err == nil {
			return nil
		}
	}
	return err
}

// Document returns the JSON in a body. It is the body itself or, in a form, the field data, as in NetBeans' example, or
// payload, as in GitHub's.
func Document(contentType string, raw []byte) (json.RawMessage, error) {
	media, _, _ := mime.ParseMediaType(contentType) // an invalid media type is not a form
	if media == "application/x-www-form-urlencoded" {
		form, err := url.ParseQuery(string(raw))
		if err != nil {
			return nil, errors.New("the Content-Type is a form, but the body is not")
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
