package webhooktest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/hookyard/hookyard/client/webhooktest"
	"github.com/hookyard/hookyard/signature"
)

// Test a program that sends webhooks, with a receiver that fails once.
func Example() {
	server := webhooktest.NewServer()
	defer server.Close()
	server.Status(http.StatusServiceUnavailable, http.StatusNoContent)

	for range 2 { // the program under test
		resp, err := http.Post(server.URL+"/orders", "application/json", strings.NewReader(`{"order":4711}`))
		if err != nil {
			fmt.Println(err)
			return
		}
		_ = resp.Body.Close()
	}

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	second, err := server.Wait(ctx, 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(second.Method, second.Target, string(second.Body), second.Status)
	// Output:
	// POST /orders {"order":4711} 204
}

// Test the handler of a program that receives webhooks: it must refuse a request with a wrong signature.
func ExampleRequest_Replay() {
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // the handler under test
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = signature.VerifyStandard([]string{secret}, r.Header, body, time.Now())
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})

	request := webhooktest.Request{Body: []byte(`{"type":"order.created"}`)}
	signed, err := request.Signed(secret, time.Now())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(signed.Replay(handler).Status)
	signed.Body = []byte(`{"type":"order.paid"}`)
	fmt.Println(signed.Replay(handler).Status)
	// Output:
	// 204 No Content
	// 401 Unauthorized
}

// Verify what a program sends.
func ExampleServer_Verify() {
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	server := webhooktest.NewServer()
	defer server.Close()
	verifier, err := signature.New("standard-webhooks", []string{secret}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	server.Verify(verifier)

	unsigned := webhooktest.Request{Body: []byte("{}")}
	signed, err := unsigned.Signed(secret, time.Now())
	if err != nil {
		fmt.Println(err)
		return
	}
	unsigned.Replay(server)
	signed.Replay(server)
	for _, r := range server.Requests() {
		fmt.Println(r.Status, r.Err == nil)
	}
	// Output:
	// 401 false
	// 200 true
}
