package filter

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/budget"
)

const orderBody = `{"type":"order.created","timestamp":"2026-01-02T03:04:05Z",` +
	`"data":{"amount":5,"price":12.50,"name":"Ann Lee","zip":"12345","paid":true,"gone":null,` +
	`"big":9007199254740993,"edge":9007199254740992,"ref":"refs/heads/main","q":"a \"b\" \\","a@b":1,` +
	`"items":[{"sku":"A-1","n":1},{"sku":"B-2","n":3}]}}`

func order() *hookyard.Event {
	return &hookyard.Event{
		ID: "evt_1", Source: "api", Type: "order.created", Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Header:      http.Header{"X-Github-Event": {"push", "ping"}, "X-Count": {"5"}},
		ContentType: "application/json", Body: []byte(orderBody), Size: int64(len(orderBody)),
	}
}

func TestMatch(t *testing.T) {
	t.Parallel()
	tests := []struct {
		filter string
		want   bool
	}{
		{`type = order.created`, true},
		{`type = order.*`, true},
		{`type = "order.*"`, false},
		{`type != order.*`, false},
		{`type != invoice.*`, true},
		{`type = null`, false},
		{`data.amount = 5`, true},
		{`data.amount=5&&data.paid=true`, true},
		{`data.amount = 5.0`, true},
		{`data.amount = "5"`, false},
		{`data.amount != 6`, true},
		{`data.amount = 5 and data.paid = false`, false},
		{"data.amount = 5\n and\tdata.price = 12.5", true},
		{`data.price = 125e-1`, true},
		{`data.name = "Ann Lee"`, true},
		{`data.name = 'Ann Lee'`, true},
		{`data.name = Ann*`, true},
		{`data.amount = *`, true},
		{`data.paid = t*`, true},
		{`data.items = *`, false},
		{`data.zip = 12345`, false},
		{`data.zip = "12345"`, true},
		{`data.gone = null`, true},
		{`data.missing = null`, true},
		{`data.missing != null`, false},
		{`data.amount != null`, true},
		{`data.missing != 5`, true},
		{`data.missing = 5`, false},
		{`data.big = 9007199254740993`, true},
		{`data.big = 9007199254740993.0`, true},
		{`data.big = 9007199254740992.5`, false},
		{`data.big = 1e999`, false},
		{`body.data.big == 9007199254740993`, true},
		{`body.data.big == 9007199254740992`, false},
		{`body.data.big > 9007199254740992 && body.data.big < 9007199254740994`, true},
		{`body.data.big in [9007199254740993]`, true},
		{`body.data.edge == 9007199254740993`, false},
		{`body.data.edge == 9007199254740992`, true},
		{`data.big = 9007199254740992`, false},
		{`data.q = "a \"b\" \\"`, true},
		{`data.items.1.sku = B-2`, true},
		{`data.items.2.sku = null`, true},
		{`data.a@b = 1`, true},
		{`header.x-github-event = push`, true},
		{`header.X-GitHub-Event = ping`, false},
		{`header.X-Count = 5`, true},
		{`header.X-Other = null`, true},
		{`header.X-Count = null`, false},
		{`header.X-Count != null and type != null`, true},

		{`type == "order.created"`, true},
		{`type != "order.created"`, false},
		{`type.startsWith("order.") && body.data.amount > 4`, true},
		{`body.data.amount == 5 && body.data.price > 12 && double(body.data.amount) < 6`, true},
		{`has(body.data.coupon)`, false},
		{`has(body.data.coupon) || body.data.paid`, true},
		{`body.data.paid`, true},
		{`body.data.items.exists(i, i.sku == "B-2" && i.n > 2)`, true},
		{`body.data.items.filter(i, i.n > 0).size() == 2`, true},
		{`headers["x-github-event"] == "push" && !("x-other" in headers)`, true},
		{`body.data.ref.matches("^refs/heads/(main|release-.*)$")`, true},
		{`body.data["a@b"] == 1`, true},
		{`source == "api" && id == "evt_1"`, true},
		{`time < timestamp("2026-01-03T00:00:00Z") && time.getHours() == 3`, true},
		{`type in ["a", "order.created"]`, true},
		{`type == "a = b" || r"\" == "\\"`, true},
		{`"""a "b = c" """ == type`, false},
		{"type == 'x' // a = b\n || true", true},
	}
	for _, tt := range tests {
		t.Run(tt.filter, func(t *testing.T) {
			t.Parallel()
			p, err := Compile(tt.filter)
			if err != nil {
				t.Fatal(err)
			}
			got, err := p.Match(order(), budget.NewDecoding(1<<20))
			if err != nil || got != tt.want {
				t.Errorf("Match = %v, %v; want %v", got, err, tt.want)
			}
		})
	}
}

func TestCompileErrors(t *testing.T) {
	t.Parallel()
	tests := []struct{ filter, want string }{
		{``, "filter 1:1: the filter is empty"},
		{"  ", "filter 1:1: the filter is empty"},
		{`data.x =`, "filter 1:9: expected a value"},
		{`= 5`, "filter 1:1: expected type, header.NAME or a path into the body, found '='"},
		{`a = 1 or b = 2`, `filter 1:7: expected "and" or "&&"`},
		{`a = 1, b = 2`, `filter 1:6: a value that holds ',' must stand in quotes`},
		{`a = 1 and`, "filter 1:10: expected type, header.NAME"},
		{"a = 1 and\nbé = \"x", "filter 2:6: the quote is not closed"},
		{`a = "x\n"`, `filter 1:7: in quotes \ may only stand before`},
		{`body.x = 1 && type == "x"`, "filter 1:20: pairs are written with a single ="},
		{`type == "x" && body.a = 1`, "filter 1:6: pairs are written with a single ="},
		{`a..b = 1`, "filter 1:1: path a..b has an empty part"},
		{`.a = 1`, "filter 1:1: path .a has an empty part"},
		{`header = 1`, "filter 1:1: name the header"},
		{`header. = 1`, "filter 1:1: path header. has an empty part"},
		{`a.* = 1`, "filter 1:3: a path cannot hold '*'"},
		{`data.items.# = 2`, "filter 1:12: a path cannot hold '#'"},
		{`a = ` + strings.Repeat("*", 201), "filter 1:5: a pattern with * may be 200 bytes long"},
		{strings.Repeat("a = 1 and ", 20) + "a = 1", "filter holds more than 20 pairs"},
		{`typ == "x"`, "filter 1:1: there is no typ; there are body, headers"},
		{"type == 'x' &&\n  boddy.x == 1", "filter 2:3: there is no boddy;"},
		{`type ==`, "filter 1:8: the expression ends too early: a value is missing;"},
		{`size(type)`, "filter 1:1: the expression yields int"},
		{`body.a.map(x, x).size() > 0`, "filter 1:5: map() is not available"},
		{`[type] == ["a"]`, "filter 1:1: a list, map or message may hold literals only"},
		{`type.matches(source)`, "filter 1:14: the pattern of matches() must be a literal"},
		{`type.matches("(")`, "filter 1:14: "},
		{`type.matches("(a{1000}){2}")`, "filter 1:14: "},
		{strings.Repeat("(", 200) + "true" + strings.Repeat(")", 200), "filter 1:1: expression recursion limit"},
		{strings.Repeat("!", 9999), "filter 1:10000: "},
		{strings.Repeat("a", MaxText+1), "filter is 10001 bytes long, at most 10000 are allowed"},
		{"type = \xff", "filter is not valid UTF-8"},
	}
	for _, tt := range tests {
		_, err := Compile(tt.filter)
		var e *hookyard.Error
		if !errors.As(err, &e) || e.Code != hookyard.Invalid || e.Field != "filter" ||
			!strings.Contains(e.Message, tt.want) {
			t.Errorf("Compile(%.40q) = %v, want %s", tt.filter, err, tt.want)
		}
	}
}

func TestMatchErrors(t *testing.T) {
	t.Parallel()
	large := order()
	large.Body = []byte(`{"a":"` + strings.Repeat("x", 1<<20) + `"}`)
	gone := order()
	gone.Body = nil
	text := order()
	text.Body = []byte("hello")
	deep := order()
	deep.Body = []byte(strings.Repeat("[", 1001) + strings.Repeat("]", 1001))
	tests := []struct {
		filter string
		event  *hookyard.Event
		code   hookyard.Code
		want   string
	}{
		{`body.data.missing == 1`, order(), hookyard.Invalid, "no such key: missing"},
		{`body.data.name`, order(), hookyard.Invalid, "must yield true or false"},
		{`headers["x-none"] == "a"`, order(), hookyard.Invalid, "no such key: x-none"},
		{`body.a == "x"`, large, hookyard.TooLarge, "body too large to filter"},
		{`body == null`, large, hookyard.TooLarge, "body too large to filter"},
		{`body.a == "x"`, gone, hookyard.Gone, "past its retention"},
		{`data.a != 5`, gone, hookyard.Gone, "past its retention"},
		{`body.a == "x"`, text, hookyard.Invalid, "body is null: not valid JSON"},
		{`body.a == "x"`, deep, hookyard.Invalid, "nested deeper than 1000"},
	}
	for _, tt := range tests {
		p, err := Compile(tt.filter)
		if err != nil {
			t.Fatal(err)
		}
		ok, err := p.Match(tt.event, budget.NewDecoding(1<<20))
		if ok || hookyard.CodeOf(err) != tt.code || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: Match = %v, %v; want %s: %s", tt.filter, ok, err, tt.code, tt.want)
		}
	}
	for _, filter := range []string{`type == "order.created"`, `type = order.created`} {
		p, _ := Compile(filter)
		if ok, err := p.Match(gone, budget.NewDecoding(1<<20)); !ok || err != nil {
			t.Errorf("%s without a body: Match = %v, %v; want true", filter, ok, err)
		}
	}
	if p, _ := Compile(`body == null`); p != nil {
		if ok, err := p.Match(text, budget.NewDecoding(1<<20)); !ok || err != nil {
			t.Errorf("body == null on text: %v, %v; want true", ok, err)
		}
	}
	if p, _ := Compile(`a = null`); p != nil {
		if ok, err := p.Match(text, budget.NewDecoding(1<<20)); !ok || err != nil {
			t.Errorf("a = null on text: %v, %v; want true", ok, err)
		}
	}
}

// Each of these ran for seconds, or forever, before checkBounds and steps bounded it.
func TestHostile(t *testing.T) {
	t.Parallel()
	numbers := &hookyard.Event{Body: []byte(`{"n":[` + strings.Repeat("1,", 299) + `1],"s":"` +
		strings.Repeat("a", 900_000) + `"}`)}
	wide := &hookyard.Event{Body: []byte(`{"n":[` + strings.Repeat(`{"a":1,"b":"x"},`, 40_000) + `1]}`)}
	tests := []struct {
		filter string
		event  *hookyard.Event
	}{
		{`body.n.all(a, body.n.all(b, body.n.all(c, a+b+c > 0.0)))`, numbers},
		{`body.n.all(a, body.n.all(b, a+b > 0.0))`, numbers},
		{`body.n.filter(a, body.n.filter(b, body.n.exists(c, a+b+c < 0.0)).size() > 0).size() > 0`, numbers},
		{strings.Repeat(`body.s.contains("aaaaaaaab") || `, 200) + `true`, numbers},
		{strings.Repeat(`size(body.s) > 4 && `, 200) + `true`, numbers},
		{strings.Repeat(`timestamp(body.s) > timestamp(body.s) || `, 100) + `true`, numbers},
		{strings.Repeat(`(body.s + body.s).size() > 1 && `, 200) + `true`, numbers},
		{`body.s` + strings.Repeat(` + body.s`, 90) + ` == ""`, numbers},
		{strings.Repeat(`body.s.matches("ab") || `, 200) + `true`, numbers},
		{`body.s.matches("a{900}b")`, numbers},
		{`body.n.all(x, !body.s.matches("ab"))`, numbers},
		{strings.Repeat(`body == body && `, 300) + `true`, wide},
		{strings.Repeat(`!("zz" in body.n) && `, 200) + `true`, wide},
		{`body.n.exists(a, "zz" in body.n)`, wide},
		{`body.n` + strings.Repeat(` + body.n`, 90) + ` == body.n`, wide},
		{strings.Repeat(`body.n.all(x, x != 0) && `, 200) + `true`, wide},
	}
	for _, tt := range tests {
		p, err := Compile(tt.filter)
		if err != nil {
			t.Errorf("Compile(%.60s): %v", tt.filter, err)
			continue
		}
		begin := time.Now()
		ok, err := p.Match(tt.event, budget.NewDecoding(1<<20))
		took := time.Since(begin)
		t.Logf("%6.1f ms  %.60s: %v", took.Seconds()*1e3, tt.filter, err)
		if ok || hookyard.CodeOf(err) != hookyard.Invalid {
			t.Errorf("%.60s: Match = %v, %v; want an error", tt.filter, ok, err)
		}
		if took > 2*time.Second { // about 60 ms at most, but more with the race detector on a busy machine
			t.Errorf("%.60s: took %s", tt.filter, took)
		}
	}
}

// A webhook of GitHub with content type form has its JSON in a field.
func TestFormsAreLookedInto(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		contentType, body, filter string
		want                      bool
	}{
		{"application/x-www-form-urlencoded", "payload=%7B%22ref%22%3A%22main%22%7D", `ref = main`, true},
		{"application/x-www-form-urlencoded", "payload=%7B%22ref%22%3A%22main%22%7D", `body.ref == "main"`, true},
		{"Application/X-WWW-Form-Urlencoded; charset=utf-8", "a=1&data=%7B%22ref%22%3A%22main%22%7D", `ref = main`,
			true},
		{"application/x-www-form-urlencoded", `{"ref":"main"}`, `ref = main`, true}, // curl -d without a header
		{"application/x-www-form-urlencoded", "payload=main", `ref = main`, false},
		{"text/plain", "payload=%7B%22ref%22%3A%22main%22%7D", `ref = main`, false},
	} {
		p, err := Compile(c.filter)
		if err != nil {
			t.Fatal(err)
		}
		e := &hookyard.Event{Type: "push", ContentType: c.contentType, Body: []byte(c.body), Size: int64(len(c.body))}
		if got, err := p.Match(e, budget.NewDecoding(1<<20)); got != c.want || err != nil {
			t.Errorf("%s over %s %s = %v, %v; want %v", c.filter, c.contentType, c.body, got, err, c.want)
		}
	}
}
