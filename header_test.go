package hookyard_test

import (
	"testing"

	"github.com/hookyard/hookyard"
)

func TestIsSensitive(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie", "X-Gitlab-Token",
		"X-Api-Key", "x-api-key", "X-Telegram-Bot-Api-Secret-Token", "Dg-Token", "X-Auth-Token", "Token",
		"X-Api-Secret",
		"X-Auth", "Apikey", "Ocp-Apim-Subscription-Key", "X-Functions-Key", "Api-Key"} {
		if !hookyard.IsSensitive(name) {
			t.Errorf("%s is shown", name)
		}
	}
	for _, name := range []string{"", "-", "Key", "X-Event-Key", "Idempotency-Key", "Sec-Websocket-Key", "Webhook-Id",
		"Webhook-Signature", "X-Hub-Signature-256", "X-Team", "Www-Authenticate", "X-Token-Count", "Content-Type"} {
		if hookyard.IsSensitive(name) {
			t.Errorf("%s is hidden", name)
		}
	}
}
