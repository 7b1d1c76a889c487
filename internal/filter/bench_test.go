package filter

import (
	"strings"
	"testing"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/budget"
)

// pushBody returns a body of 2 KiB. The benchmarks use values near its start, middle and end.
func pushBody() []byte {
	commit := `{"id":"0123456789abcdef","message":"Fix the thing\n\nas asked",` +
		`"author":{"name":"octocat","email":"o@example.com"},"added":["a.go","b.go"],"removed":[]}`
	commits := strings.TrimSuffix(strings.Repeat(commit+",", 11), ",")
	return []byte(`{"ref":"refs/heads/main","forced":false,"commits":[` + commits +
		`],"repository":{"id":42,"full_name":"octocat/hello","private":true},"size":11}`)
}

func benchmark(b *testing.B, filter string, published bool) {
	e := &hookyard.Event{Type: "push", ContentType: "application/json", Body: pushBody()}
	if published {
		e.DataOffset = 1
	}
	c := NewCache(10, budget.NewDecoding(1<<20))
	b.SetBytes(int64(len(e.Body)))
	b.ReportAllocs()
	for b.Loop() {
		if ok, err := c.Match(filter, e); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

func BenchmarkPairsType(b *testing.B) { benchmark(b, `type = pu*`, false) }
func BenchmarkPairsOne(b *testing.B)  { benchmark(b, `repository.id = 42`, false) }
func BenchmarkPairsTwo(b *testing.B) {
	benchmark(b, `ref = refs/heads/* and commits.5.author.name = octocat`, false)
}
func BenchmarkPairsFour(b *testing.B) {
	benchmark(b, `ref = refs/heads/* and commits.5.author.name = octocat and repository.id = 42 and size != 3`, false)
}
func BenchmarkCELType(b *testing.B) { benchmark(b, `type.startsWith("pu")`, false) }
func BenchmarkCELBody(b *testing.B) {
	benchmark(b,
		`body.ref.startsWith("refs/heads/") && body.commits[5].author.name == "octocat" && `+
			`body.repository.id == 42 && body.size != 3`, false)
}
func BenchmarkCELLoop(b *testing.B) {
	benchmark(b, `body.commits.all(c, c.author.name == "octocat")`, false)
}
func BenchmarkCompileCEL(b *testing.B) {
	for b.Loop() {
		if _, err := Compile(`type.startsWith("order.") && body.data.total > 100`); err != nil {
			b.Fatal(err)
		}
	}
}
