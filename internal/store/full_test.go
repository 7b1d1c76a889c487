package store_test

import (
	"encoding/json"
	"time"

	"github.com/hookyard/hookyard"
)

// The nouns with every field set that the store keeps. What is a credential contains "LEAK".

func fullProject() *hookyard.Project {
	return &hookyard.Project{
		Owner: "Acme", Name: "Shop", UID: "cust-4711", Title: "Customer № 4711",
		Metadata: map[string]string{"plan": "gold"}, Description: "orders & <returns>", Preset: "webgme",
		EventTypes: []string{"order.*", "COMMIT"}, Format: "cloudevents", Relay: hookyard.RelaySigned,
		RelaySecret: hookyard.Secret{Value: "LEAKrelay"}, ModelEvents: true, Retention: 36 * time.Hour, Public: true,
		AllowRequests: true, Rate: 12.5, SearchFields: []string{"data.order.id"},
	}
}

func fullHook() *hookyard.Hook {
	return &hookyard.Hook{
		ID: "chat", UID: "chat-1", Channels: []string{"eu", "vip"}, Metadata: map[string]string{"team": "blue"},
		URL:         "https://bob:LEAKpassword@hooks.example.com:8443/services/LEAKpath?token=LEAKquery#LEAKpart",
		Events:      hookyard.Selector{Names: []string{"order.created", "hookyard.*"}},
		Features:    []string{"git3"},
		Description: `says "hello"`, Active: true, Format: "template", ContentType: "form", Template: "{{.type}}",
		DataAsBody: true,
		Forward:    hookyard.Forward{Path: new(true)}, Method: "PUT", Signature: hookyard.SignBoth,
		Secrets: []hookyard.Secret{
			{Value: "LEAKsecret"},
			{Value: "whsec_LEAKolder", Expires: time.Date(2037, 1, 2, 3, 4, 5, 0, time.UTC)},
		},
		Headers:  map[string]string{"Authorization": "Bearer LEAKheader", "X-Team": "LEAKteam"},
		Schedule: []time.Duration{0, 5 * time.Second, time.Hour}, Timeout: 7 * time.Second, InFlight: 3, Rate: 2.5,
		Ordered: true, Filter: `data.total > 10`, Off: hookyard.OffPolicy{Policy: hookyard.OffFailures, After: 12},
		InsecureTLS: true,
		RabbitMQ: &hookyard.RabbitMQ{Exchange: "events", RoutingKey: "order", Queue: "orders", Declare: true,
			Arguments: map[string]any{"x-queue-type": "quorum"}},
		ExpiresAt: time.Date(2037, 6, 7, 8, 9, 10, 0, time.UTC),
		OffReason: "switched off by a test",
	}
}

func fullSource() *hookyard.Source {
	return &hookyard.Source{
		Name: "queue", Type: "rabbitmq",
		Secrets: []hookyard.Secret{{Value: "LEAKfirst"},
			{Value: "LEAKsecond", Expires: time.Date(2037, 1, 2, 3, 4, 5, 0, time.UTC)}},
		Scheme:    json.RawMessage(`{"header":"X-Sig","verifyToken":"LEAKverify"}`),
		EventType: "order.created", TypeHeader: "X-Type", TypeField: "action", DedupHeader: "X-Id", Rate: 50,
		Ack: hookyard.AckAfterCommit,
		Answer: &hookyard.Answer{Status: 202, Headers: map[string]string{"X-Key": "LEAKanswer"}, Body: "thanks",
			Delay: hookyard.Duration(time.Second)},
		RabbitMQ: &hookyard.QueueSource{URL: "amqp://bob:LEAKbroker@mq.example.com/shop", Queue: "in", Declare: true,
			Arguments: map[string]any{"x-queue-type": "quorum"}, Prefetch: 50, TypeFrom: "header:X-Type",
			Exclusive: true, Expect: hookyard.ExpectComments},
		Description: "orders", Active: true,
	}
}
