package hookyard

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCheckJSONDepth(t *testing.T) {
	t.Parallel()
	nested := func(n int) []byte { return []byte(strings.Repeat("[", n) + strings.Repeat("]", n)) }
	if err := CheckJSON(nested(1000), 1000); err != nil {
		t.Errorf("1000 levels of 1000: %v", err)
	}
	if err := CheckJSON(nested(1001), 1000); err == nil || !strings.Contains(err.Error(), "--max-json-depth") {
		t.Errorf("1001 levels of 1000: %v; want a refusal that names the setting", err)
	}
	if err := CheckJSON([]byte(strings.Repeat(`{"a":`, 1_000_000)), 1000); err == nil {
		t.Error("a million levels were accepted")
	}
}

// FuzzCheckJSON compares the scanner with encoding/json.
func FuzzCheckJSON(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.5e-3,"x\n\u00e9",true,false,null,{}],"":{}}`, `[]`, `0`, `-0.1E+5`, `01`,
		`1.`, `"\x"`, `"`, `{"a"}`, `[1,]`, `{,}`,
		`{"__proto__":1,"constructor":{}}`, "\"\x00\"", "\"\xff\"", ` [ ] `, `[1 2]`, `nul`, `tru`, `{"a":1,}`,
		`"\ud800"`, `--1`, `1e`, `{}{}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		want := json.Valid(b) && utf8.Valid(b)
		if got := CheckJSON(b, 10_000) == nil; got != want {
			t.Errorf("CheckJSON(%q) accepts: %v; encoding/json and UTF-8: %v", b, got, want)
		}
	})
}

func BenchmarkCheckJSON(b *testing.B) {
	body := []byte(`{"id":12345,"name":"` + strings.Repeat("abcdefghij", 90) + `","list":[1,2,3,{"a":true}]}`)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if err := CheckJSON(body, 1000); err != nil {
			b.Fatal(err)
		}
	}
}
