package signature

import "time"

// payments are shops, payment services and what keeps their books.
func payments() []entry {
	return []entry{
		{
			name: "stripe", title: "Stripe",
			schemes: []Scheme{{Header: "Stripe-Signature", Grammar: "pairs", Key: "v1", TimestampKey: "t",
				Content: "{ts}.{raw}"}},
			eventType: ".type", id: ".id",
			hint: "the endpoint's signing secret, whsec_ and all",
			setup: "In the dashboard under Developers, Webhooks, add an endpoint with this address and copy its " +
				"signing secret.",
		}, {
			name: "shopify", title: "Shopify",
			schemes:   []Scheme{{Header: "X-Shopify-Hmac-Sha256", Encoding: "base64"}},
			eventType: "X-Shopify-Topic", id: "X-Shopify-Webhook-Id",
			hint: "the app's client secret, or the key shown under Notifications, Webhooks",
			setup: "In the admin under Settings, Notifications, Webhooks, or in the app's configuration, " +
				"subscribe this address in JSON.",
		}, {
			name: "square", title: "Square",
			schemes:   []Scheme{{Header: "X-Square-Hmacsha256-Signature", Encoding: "base64", Content: "{url}{raw}"}},
			eventType: ".type", id: ".event_id",
			hint: "the subscription's signature key",
			setup: "In the developer dashboard under Webhooks, Subscriptions, add exactly this address and copy " +
				"its signature key.",
		}, {
			name: "paddle", title: "Paddle Billing",
			schemes: []Scheme{{Header: "Paddle-Signature", Grammar: "pairs", Separator: ";", Key: "h1",
				TimestampKey: "ts", Content: "{ts}:{raw}"}},
			eventType: ".event_type", id: ".event_id",
			hint:  "the secret key of the notification destination",
			setup: "Under Developer tools, Notifications, add a destination with this address and copy its secret key.",
		}, {
			name: "lemonsqueezy", title: "Lemon Squeezy",
			schemes:   []Scheme{{Header: "X-Signature"}},
			eventType: "X-Event-Name|.meta.event_name",
			hint:      "the text typed in as signing secret of the webhook",
			setup:     "In the store's settings under Webhooks, add this address and a signing secret.",
		}, {
			name: "woocommerce", title: "WooCommerce",
			schemes:   []Scheme{{Header: "X-Wc-Webhook-Signature", Encoding: "base64"}},
			eventType: "X-Wc-Webhook-Topic", // no id: its delivery id is the same for two deliveries within a second
			hint:      "the text typed in as Secret of the webhook", handshake: wooHandshake,
			setup: "Under WooCommerce, Settings, Advanced, Webhooks, add this address as delivery URL and a secret.",
		}, {
			name: "chargebee", title: "Chargebee", code: basic, method: "basic", readsSecret: true,
			eventType: ".event_type", id: ".id",
			hint: "user:password",
			setup: "Under Settings, Configure Chargebee, Webhooks, add this address and switch basic " +
				"authentication on.",
		}, {
			name: "xero", title: "Xero",
			schemes:   []Scheme{{Header: "X-Xero-Signature", Encoding: "base64"}},
			eventType: ".events.0.eventType",
			hint:      "the app's webhooks key",
			setup: "In the app's settings under Webhooks, add this address as delivery URL and copy the " +
				"webhooks key.",
		}, {
			name: "docusign", title: "Docusign Connect",
			schemes:   []Scheme{{Header: "X-Docusign-Signature-1", Encoding: "base64"}},
			eventType: ".event",
			hint:      "the account's HMAC key",
			setup: "Under Settings, Connect, add a configuration with this address and HMAC signatures, and " +
				"copy the key.",
		}, {
			name: "elevenlabs", title: "ElevenLabs",
			schemes: []Scheme{{
				Header: "Elevenlabs-Signature", Grammar: "pairs", Key: "v0", TimestampKey: "t", Content: "{ts}.{raw}",
				Tolerance: Tolerance(30 * time.Minute),
			}},
			eventType: ".type",
			hint:      "the webhook's secret, shown once",
			setup:     "In the workspace's settings under Webhooks, create one with this address and copy its secret.",
		},
	}
}
