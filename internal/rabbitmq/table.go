package rabbitmq

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/encoding"
)

// arguments makes a declaration's arguments of what a user typed as JSON. Whole numbers become integers: the broker
// takes no x-max-length that is a float.
func arguments(given map[string]any) (amqp.Table, error) {
	if len(given) == 0 {
		return nil, nil
	}
	out := make(amqp.Table, len(given))
	for name, v := range given {
		v, err := argument(v)
		if err != nil {
			return nil, hookyard.FieldErrorf("arguments", "argument %s: %v", hookyard.Clean(name, 100), err)
		}
		out[name] = v
	}
	if err := out.Validate(); err != nil {
		return nil, hookyard.FieldErrorf("arguments", "the arguments of the declaration cannot be sent: %v", err)
	}
	return out, nil
}

func argument(v any) (any, error) {
	switch v := v.(type) {
	case nil, bool, string, int32, int64:
		return v, nil
	case int:
		return int64(v), nil
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n, nil
		}
		return v.Float64()
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int64(v), nil
		}
		return v, nil
	case map[string]any:
		t, err := arguments(v)
		return t, err
	case []any:
		out := make([]any, len(v))
		for i := range v {
			var err error
			if out[i], err = argument(v[i]); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return nil, fmt.Errorf("a %T cannot be an argument", v)
}

// headerOf keeps a message's headers and properties as an event's header, within limit bytes. Properties have names
// that begin with Amqp-.
func headerOf(d *amqp.Delivery, limit int) http.Header {
	h := http.Header{}
	room := limit
	set := func(name, value string) {
		name = textproto.CanonicalMIMEHeaderKey(name)
		if value == "" || !hookyard.IsToken(name) || len(name) > 200 {
			return
		}
		if hookyard.IsSensitive(name) {
			value = hookyard.Masked
		}
		if room -= len(name) + len(value) + 4; room >= 0 {
			h[name] = []string{hookyard.HeaderText(value)}
		}
	}
	set("Amqp-Exchange", d.Exchange)
	set("Amqp-Routing-Key", d.RoutingKey)
	set("Amqp-Message-Id", d.MessageId)
	set("Amqp-Type", d.Type)
	set("Amqp-App-Id", d.AppId)
	set("Amqp-Correlation-Id", d.CorrelationId)
	set("Amqp-Reply-To", d.ReplyTo)
	set("Amqp-User-Id", d.UserId)
	if encoding.IsAccepted(strings.ToLower(d.ContentEncoding)) {
		set("Content-Encoding", d.ContentEncoding)
	} else {
		set("Amqp-Content-Encoding", d.ContentEncoding) // some clients have the charset in it
	}
	if !d.Timestamp.IsZero() {
		set("Amqp-Timestamp", d.Timestamp.UTC().Format(time.RFC3339))
	}
	for name, v := range d.Headers {
		set(name, headerValue(v))
	}
	return h
}

// headerValue writes a value of an AMQP table as text.
func headerValue(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	case bool:
		return strconv.FormatBool(v)
	case time.Time:
		return v.UTC().Format(time.RFC3339)
	case int8, int16, int32, int64, int, uint8, uint16, uint32, float32, float64:
		return fmt.Sprint(v)
	}
	b, err := json.Marshal(v) // tables and lists, such as x-death
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}
