package control

import (
	"testing"

	"github.com/hookyard/hookyard"
)

// TestLoop holds which URLs of hooks lead back into their project.
func TestLoop(t *testing.T) {
	t.Parallel()
	p := &Project{Snapshot: &hookyard.Snapshot{Project: &hookyard.Project{Owner: "Shop", Name: "orders"}},
		c: &Control{origins: []string{"https://hooks.example.com/base", "http://[::]:8080"}}}
	for url, want := range map[string]bool{
		"https://hooks.example.com/base/in/shop/orders/github":              true,
		"https://HOOKS.example.com:443/base/in/SHOP/ORDERS/github/x?a":      true,
		"https://hooks.example.com/base//in/shop/%6frders/github":           true,
		"https://hooks.example.com/base/smee/shop/orders":                   true,
		"https://hooks.example.com/base/api/projects/shop/orders/events":    true,
		"https://hooks.example.com/base/api/v1/projects/shop/orders/events": true,
		"https://hooks.example.com/base/any/_webhook/signal":                true,
		"http://localhost:8080/in/shop/orders/github":                       true,
		"http://127.0.0.1:8080/in/shop/orders/github":                       true,
		"https://hooks.example.com/base/in/shop/other/github":               false,
		"https://hooks.example.com/base/bin/x":                              false,
		"https://hooks.example.com/base/api/projects/shop/orders/hooks":     false,
		"https://hooks.example.com/in/shop/orders/github":                   false,
		"https://hooks.example.com:8443/base/in/shop/orders/github":         false,
		"https://other.example.com/in/shop/orders/github":                   false,
		"http://localhost:9090/in/shop/orders/github":                       false,
		"amqp://localhost:8080/in/shop/orders/github":                       true,
	} {
		if err := p.checkLoop(url); (err != nil) != want {
			t.Errorf("%s: %v, want refused: %v", url, err, want)
		}
	}
}
