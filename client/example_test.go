package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

// Publish an event. The key makes it safe to publish again after an error of the connection.
func ExampleClient_Publish() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println(r.Method, r.URL.Path, r.Header.Get("Idempotency-Key"))
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, `{"id":"evt_01m8e8mr31e09bz32ayxzzpjy2","deliveries":2}`)
	}))
	defer server.Close()

	c, err := client.New(server.URL, "token")
	if err != nil {
		log.Fatal(err)
	}
	receipt, err := c.Publish(context.Background(), "shop/orders", client.Publication{
		Type:           "order.created",
		Data:           map[string]int{"id": 7},
		IdempotencyKey: "order-7-created",
	})
	fmt.Println(receipt.ID, receipt.Deliveries, err)
	// Output:
	// POST /api/projects/shop/orders/events order-7-created
	// evt_01m8e8mr31e09bz32ayxzzpjy2 2 <nil>
}

// Create a hook for some types of events, signed with a secret.
func ExampleClient_PutHook() {
	ctx := context.Background()
	c, err := client.New("https://hooks.example.com", os.Getenv("HOOKYARD_TOKEN"))
	if err != nil {
		log.Fatal(err)
	}
	hook, err := c.PutHook(ctx, "shop/orders", "billing", client.HookPatch{
		URL:    new("https://billing.example.com/webhook"),
		Events: &hookyard.Selector{Names: []string{"order.*", "refund.created"}},
		Secret: new("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(hook.ID, hook.Active)
}

// Read all failed deliveries of the last day, page after page.
func ExampleClient_AllDeliveries() {
	ctx := context.Background()
	c, err := client.New("https://hooks.example.com", os.Getenv("HOOKYARD_TOKEN"))
	if err != nil {
		log.Fatal(err)
	}
	failed := client.DeliveryQuery{State: hookyard.Failed, Since: time.Now().Add(-24 * time.Hour)}
	for d, err := range c.AllDeliveries(ctx, "shop/orders", failed) {
		switch {
		case errors.Is(err, hookyard.ErrUnauthenticated):
			log.Fatal("the token has expired")
		case err != nil:
			log.Fatal(err)
		}
		fmt.Println(d.ID, d.Reason)
	}
}

// Follow the events of a project and continue where the last stream ended.
func ExampleClient_Stream() {
	ctx := context.Background()
	c, err := client.New("https://hooks.example.com", os.Getenv("HOOKYARD_TOKEN"))
	if err != nil {
		log.Fatal(err)
	}
	query := client.StreamQuery{Types: []string{"order.*"}, Since: "1h"}
	for {
		query.After, err = c.Stream(ctx, "shop/orders", query, nil, func(e client.StreamEvent) error {
			if e.Gap != nil {
				fmt.Println("missed events:", e.Gap.Message)
				return nil
			}
			fmt.Println(e.Time, e.Type, e.ID)
			return nil
		})
		if err != nil {
			log.Fatal(err)
		}
		<-time.After(time.Second) // the server ended the stream, or the connection broke
	}
}

// List every failed delivery of a hook, page by page.
func ExampleClient_Deliveries() {
	ctx := context.Background()
	c, err := client.New("https://hooks.example.com", os.Getenv("HOOKYARD_TOKEN"))
	if err != nil {
		log.Fatal(err)
	}
	query := client.DeliveryQuery{Hook: "billing", State: hookyard.Failed}
	for {
		page, err := c.Deliveries(ctx, "shop/orders", query)
		if err != nil {
			log.Fatal(err)
		}
		for _, d := range page.Deliveries {
			fmt.Println(d.ID, d.EventType, d.Reason)
		}
		if page.Cursor == "" {
			return
		}
		query.Cursor = page.Cursor
	}
}

// Tell errors of the server from one another.
func ExampleError() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"message":"Not found","error":"project shop/orders has no hook billing","code":"not_found"}`)
	}))
	defer server.Close()

	c, err := client.New(server.URL, "token")
	if err != nil {
		log.Fatal(err)
	}
	_, err = c.Hook(context.Background(), "shop/orders", "billing")
	fmt.Println(errors.Is(err, hookyard.ErrNotFound), client.StatusOf(err))
	fmt.Println(err)
	// Output:
	// true 404
	// project shop/orders has no hook billing
}
