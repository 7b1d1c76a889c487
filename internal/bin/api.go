package bin

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/inbound"
)

func (b *Bins) toJSON(bin *hookyard.Bin) client.Bin {
	return client.Bin{Private: bin.Private, Color: [3]int{bin.Color >> 16 & 0xff, bin.Color >> 8 & 0xff,
		bin.Color & 0xff}, Name: bin.Name,
		RequestCount: bin.Requests, URL: b.o.BaseURL + "/" + bin.Name, Answer: bin.Answer, CreatedAt: bin.CreatedAt,
		ExpiresAt: bin.ExpiresAt}
}

func toJSON(r *hookyard.BinRequest) client.BinRequest {
	path, query, _ := strings.Cut(r.Path, "?")
	out := client.BinRequest{ID: r.ID, Time: float64(r.Time.UnixMicro()) / 1e6, RemoteAddr: r.Remote, Method: r.Method,
		Headers:     map[string]string{},
		QueryString: map[string]string{}, Raw: string(r.Body), FormData: [][2]string{}, Path: "/" + r.Bin + path,
		ContentLength: r.Size,
		ContentType:   r.Header.Get("Content-Type"), RawBase64: r.Body, Truncated: r.Size > int64(len(r.Body))}
	for name, values := range r.Header {
		out.Headers[name] = strings.Join(values, ", ")
	}
	values, _ := url.ParseQuery(query) // as far as it can be read
	for name := range values {
		out.QueryString[name] = values.Get(name)
	}
	if form, ok := formOf(r); ok {
		out.FormData = form
	} else {
		out.Body = out.Raw
	}
	return out
}

// formOf returns the fields of a form in their order.
func formOf(r *hookyard.BinRequest) ([][2]string, bool) {
	if !hookyard.IsFormType(r.Header.Get("Content-Type")) {
		return nil, false
	}
	fields := [][2]string{}
	for pair := range strings.SplitSeq(string(r.Body), "&") {
		name, value, _ := strings.Cut(pair, "=")
		n, err1 := url.QueryUnescape(name)
		v, err2 := url.QueryUnescape(value)
		if errors.Join(err1, err2) != nil {
			return nil, false
		}
		if pair != "" {
			fields = append(fields, [2]string{n, v})
		}
	}
	return fields, true
}

// wish is what somebody wants of a new bin.
type wish struct {
	Private bool              `json:"private"`
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
	Delay   hookyard.Duration `json:"delay"`
}

// create makes a bin, from a form as RequestBin has it, or from JSON.
func (b *Bins) create(w http.ResponseWriter, r *http.Request) error {
	if err := b.o.MayCreate(r); err != nil {
		return err
	}
	if err := b.slow(w, "create "+inbound.Address(r), createRate, createBurst); err != nil {
		return err
	}
	in, err := readWish(w, r)
	if err != nil {
		return err
	}
	now := time.Now().UTC()
	key := draw(26)
	sum := sha256.Sum256([]byte(key))
	bin := &hookyard.Bin{Name: namePrefix + draw(nameRandom), Secret: sum[:], Private: in.Private,
		Color: rand.IntN(1 << 24), Remote: inbound.Address(r),
		CreatedAt: now, ExpiresAt: now.Add(b.o.Life)}
	if bin.Answer, err = in.answer(b.o.Limits); err != nil {
		return err
	}
	if err := b.o.Store.CreateBin(r.Context(), bin, b.o.PerAddress, b.o.Total); err != nil {
		if hookyard.CodeOf(err) != "" {
			w.Header().Set("Retry-After", "600")
		}
		return err
	}
	http.SetCookie(w, &http.Cookie{Name: cookieName(bin.Name), Value: key, Path: "/", MaxAge: int(b.o.Life.Seconds()),
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode, Secure: strings.HasPrefix(b.o.BaseURL, "https:")})
	out := b.toJSON(bin)
	out.Key = key
	return writeJSON(w, http.StatusOK, out)
}

func readWish(w http.ResponseWriter, r *http.Request) (in wish, err error) {
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		return in, readJSON(w, r, &in)
	}
	r.Body = http.MaxBytesReader(w, r.Body, 256<<10)
	if err := r.ParseForm(); err != nil {
		return in, hookyard.Errorf(hookyard.Invalid, "the form cannot be read: %v", err)
	}
	in.Private = r.PostForm.Get("private") == "true" || r.PostForm.Get("private") == "on"
	in.Body = r.PostForm.Get("body")
	if text := r.PostForm.Get("status"); text != "" {
		if in.Status, err = strconv.Atoi(text); err != nil {
			return in, hookyard.FieldErrorf("status", "status must be a number between 200 and 599")
		}
	}
	if text := r.PostForm.Get("delay"); text != "" {
		d, err := hookyard.ParseDuration(text)
		if err != nil {
			return in, hookyard.FieldErrorf("delay", "delay must be a duration such as 2s")
		}
		in.Delay = hookyard.Duration(d)
	}
	return in, nil
}

// answer is what the bin is to answer, nil for ok.
func (in *wish) answer(limits hookyard.Limits) (*hookyard.Answer, error) {
	if in.Status == 0 && len(in.Headers) == 0 && in.Body == "" && in.Delay == 0 {
		return nil, nil
	}
	a := &hookyard.Answer{Status: in.Status, Headers: in.Headers, Body: in.Body, Delay: in.Delay}
	if !utf8.ValidString(a.Body) {
		return nil, hookyard.FieldErrorf("body", "body is not valid UTF-8")
	}
	return a, a.Validate(limits)
}

// open returns the bin that a request of the API names, when it may be looked into. nil: it was answered.
func (b *Bins) open(w http.ResponseWriter, r *http.Request) (*hookyard.Bin, error) {
	bin, err := b.o.Store.Bin(r.Context(), hookyard.Clean(r.PathValue("bin"), 100), time.Now())
	if errors.Is(err, hookyard.ErrNotFound) {
		return nil, writeJSON(w, http.StatusNotFound, map[string]string{"error": "Bin not found"})
	}
	if err != nil {
		return nil, err
	}
	if bin.Private && !mayOpen(r, bin) {
		return nil, writeJSON(w, http.StatusForbidden, map[string]string{"error": "Private bin"})
	}
	return bin, nil
}

func (b *Bins) show(w http.ResponseWriter, r *http.Request) error {
	bin, err := b.open(w, r)
	if bin == nil || err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, b.toJSON(bin))
}

// own is open for what takes the bin's key, also where looking does not.
func (b *Bins) own(w http.ResponseWriter, r *http.Request) (*hookyard.Bin, error) {
	bin, err := b.open(w, r)
	if bin != nil && err == nil && !mayOpen(r, bin) {
		return nil, hookyard.Errorf(hookyard.Forbidden,
			"only who made the bin can change or delete it: give its key in the header %s", keyHeader)
	}
	return bin, err
}

// setAnswer changes what a bin answers from now on.
func (b *Bins) setAnswer(w http.ResponseWriter, r *http.Request) error {
	bin, err := b.own(w, r)
	if bin == nil || err != nil {
		return err
	}
	in, err := readWish(w, r)
	if err != nil {
		return err
	}
	if bin.Answer, err = in.answer(b.o.Limits); err != nil {
		return err
	}
	if err := b.o.Store.SetBinAnswer(r.Context(), bin.Name, bin.Answer); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, b.toJSON(bin))
}

// remove deletes a bin.
func (b *Bins) remove(w http.ResponseWriter, r *http.Request) error {
	bin, err := b.own(w, r)
	if bin == nil || err != nil {
		return err
	}
	if err := b.o.Store.DeleteBin(r.Context(), bin.Name); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (b *Bins) requests(w http.ResponseWriter, r *http.Request) error {
	bin, err := b.open(w, r)
	if bin == nil || err != nil {
		return err
	}
	kept, err := b.o.Store.BinRequests(r.Context(), bin.Name)
	if err != nil {
		return err
	}
	out := make([]client.BinRequest, len(kept))
	for i, one := range kept {
		out[i] = toJSON(one)
	}
	return writeJSON(w, http.StatusOK, out)
}

// openRequest is open for one request of the bin.
func (b *Bins) openRequest(w http.ResponseWriter, r *http.Request) (*hookyard.BinRequest, error) {
	bin, err := b.open(w, r)
	if bin == nil || err != nil {
		return nil, err
	}
	kept, err := b.o.Store.BinRequest(r.Context(), bin.Name, hookyard.Clean(r.PathValue("id"), 100))
	if errors.Is(err, hookyard.ErrNotFound) {
		return nil, writeJSON(w, http.StatusNotFound, map[string]string{"error": "Request not found"})
	}
	return kept, err
}

func (b *Bins) request(w http.ResponseWriter, r *http.Request) error {
	kept, err := b.openRequest(w, r)
	if kept == nil || err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, toJSON(kept))
}

func readJSON(w http.ResponseWriter, r *http.Request, into any) error {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, 256<<10))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		if hookyard.CodeOf(err) != "" {
			return err
		}
		return hookyard.Errorf(hookyard.Invalid, "the body cannot be read as JSON: %v", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return hookyard.Errorf(hookyard.Invalid, "the body holds more than one JSON value")
	}
	return nil
}

func writeJSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // whoever hung up does not want it
	return nil
}
