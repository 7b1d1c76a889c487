package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/hookyard/hookyard/examples/receivers"
)

// maxLine is the maximum number of characters in a line. Chats reject more than a few thousand.
const maxLine = 3000

// newSay returns a function that posts a notification to the chat at that URL or, if chat is "", prints it to out.
func newSay(chat string, out io.Writer) func(context.Context, receivers.Notification) error {
	if chat == "" {
		return func(_ context.Context, n receivers.Notification) error {
			_, err := fmt.Fprintln(out, line(&n))
			return err
		}
	}
	// Redirects are not followed: a redirected POST has no body.
	c := &http.Client{Timeout: 10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return func(ctx context.Context, n receivers.Notification) error { return post(ctx, c, chat, escape(line(&n))) }
}

// line returns the text of a notification on one line without control characters.
func line(n *receivers.Notification) string {
	shown := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, n.Text())
	text := []rune(strings.Join(strings.Fields(shown), " "))
	if len(text) > maxLine {
		text = append(text[:maxLine-1], '…')
	}
	return string(text)
}

// escape prevents untrusted text from becoming a link or a mention such as <!channel>.
func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// post posts a line. The error wraps [receivers.ErrGiveUp] if a retry cannot succeed. Errors do not contain the URL,
// which is a secret.
func post(ctx context.Context, c *http.Client, chat, text string) error {
	body, err := json.Marshal(map[string]string{"text": text})
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, chat, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("CHAT_URL is not a URL: %w", receivers.ErrGiveUp)
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := c.Do(r)
	if u := (*url.Error)(nil); errors.As(err, &u) {
		err = u.Err
	}
	if err != nil {
		return fmt.Errorf("the chat does not answer: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // so that the connection can be reused
	switch s := resp.StatusCode; {
	case s/100 == 2:
		return nil
	case s == http.StatusRequestTimeout, s == http.StatusTooManyRequests, s/100 == 5:
		return fmt.Errorf("the chat answered %s", resp.Status)
	default:
		return fmt.Errorf("the chat answered %s: %w", resp.Status, receivers.ErrGiveUp)
	}
}
