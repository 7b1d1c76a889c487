package signature

import "time"

// messaging are providers of chat, calls and mail.
func messaging() []entry {
	return []entry{
		{
			name: "slack", title: "Slack",
			schemes: []Scheme{{
				Header: "X-Slack-Signature", Prefix: "v0=", Content: "v0:{ts}:{raw}",
				TimestampHeader: "X-Slack-Request-Timestamp",
			}},
			eventType: ".event.type|.type", id: ".event_id", handshake: slackHandshake,
			hint: "the app's signing secret",
			setup: "In the app's settings under Event Subscriptions, enter this address as Request URL; the " +
				"signing secret is under Basic Information.",
		}, {
			name: "discord", title: "Discord",
			schemes: []Scheme{{
				Algorithm: ed, Header: "X-Signature-Ed25519", KeyEncoding: "hex", Content: "{ts}{raw}",
				TimestampHeader: "X-Signature-Timestamp",
			}},
			eventType: ".event.type|.type", id: ".id", handshake: discordHandshake,
			hint: "the application's public key (64 hex digits)",
			setup: "In the developer portal, enter this address as Interactions Endpoint URL or under Webhooks; " +
				"the public key is under General Information.",
		}, {
			name: "twilio", title: "Twilio", code: twilio, method: "twilio hmac-sha1",
			id:   "I-Twilio-Idempotency-Token",
			hint: "the account's auth token",
			setup: "Enter exactly this address as webhook of a number or service; the auth token is on the " +
				"console's first page.",
		}, {
			name: "meta", title: "Meta (Facebook, Instagram, WhatsApp)",
			schemes:   []Scheme{{Header: "X-Hub-Signature-256", Prefix: "sha256="}},
			eventType: ".object", handshake: metaHandshake,
			onGet: "the verify token is not the one set as scheme.verifyToken, or hub.mode is not subscribe",
			hint:  "the app secret",
			setup: "In the app's dashboard under Webhooks, enter this address and a verify token, and set the " +
				"same text as scheme.verifyToken here.",
		}, {
			name: "zoom", title: "Zoom",
			schemes: []Scheme{{
				Header: "X-Zm-Signature", Prefix: "v0=", Content: "v0:{ts}:{raw}",
				TimestampHeader: "X-Zm-Request-Timestamp",
			}},
			eventType: ".event", handshake: zoomHandshake,
			hint: "the app's secret token",
			setup: "In the app's features under Event Subscriptions, add this address and press Validate; the " +
				"secret token is on the same page.",
		}, {
			name: "twitch", title: "Twitch EventSub",
			schemes: []Scheme{{
				Header: "Twitch-Eventsub-Message-Signature", Prefix: "sha256=", Content: "{id}{ts}{raw}",
				IDHeader: "Twitch-Eventsub-Message-Id", TimestampHeader: "Twitch-Eventsub-Message-Timestamp",
				TimestampUnit: "iso",
				Tolerance:     Tolerance(10 * time.Minute),
			}},
			eventType: "Twitch-Eventsub-Subscription-Type", id: "Twitch-Eventsub-Message-Id",
			handshake: twitchHandshake,
			hint:      "the secret given with the subscription, 10 to 100 characters",
			setup: "Create an EventSub subscription with transport webhook, this address as callback " +
				"and the secret.",
		}, {
			name: "telegram", title: "Telegram bot",
			schemes: []Scheme{{Algorithm: plain, Header: "X-Telegram-Bot-Api-Secret-Token"}},
			id:      ".update_id",
			hint:    "the secret_token given to setWebhook",
			setup:   "Call setWebhook with this address as url and the secret as secret_token.",
		}, {
			name: "line", title: "LINE",
			schemes:   []Scheme{{Header: "X-Line-Signature", Encoding: "base64"}},
			eventType: ".events.0.type", // no id: one request holds many events, each with its own
			hint:      "the channel secret",
			setup: "In the channel's Messaging API settings, enter this address as webhook URL; the channel " +
				"secret is under Basic settings.",
		}, {
			name: "telnyx", title: "Telnyx",
			schemes: []Scheme{{
				Algorithm: ed, Header: "Telnyx-Signature-Ed25519", Encoding: "base64", KeyEncoding: "base64",
				Content:         "{ts}|{raw}",
				TimestampHeader: "Telnyx-Timestamp",
			}},
			eventType: ".data.event_type", id: ".data.id",
			hint:  "the account's public key (base64)",
			setup: "Enter this address as webhook URL of the connection; the public key is under Keys & Credentials.",
		}, {
			name: "postmark", title: "Postmark", code: basic, method: "basic", readsSecret: true,
			eventType: ".RecordType",
			hint:      "user:password",
			setup:     "In the server's stream under Webhooks, add this address with user:password@ before the host.",
		}, {
			name: "deepgram", title: "Deepgram",
			schemes: []Scheme{{Algorithm: plain, Header: "Dg-Token"}},
			hint:    "the identifier of the API key that made the request",
			setup:   "Give this address as callback of a transcription.",
		},
	}
}
