// Command golang tries the client that oapi-codegen generates, against the server at the URL it is given.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/hookyard/hookyard/tools/clients/testdata/golang/gen"
)

const owner, project = "guest", "golang"

func main() {
	log.SetFlags(0)
	c, err := gen.NewClientWithResponses(os.Args[1] + "/api")
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	publish(ctx, c)
	hooks(ctx, c)
	events(ctx, c)
}

func publish(ctx context.Context, c *gen.ClientWithResponses) {
	key := "order-1"
	for n := range 2 {
		var body gen.Publications
		err := body.FromPublication(gen.Publication{Type: "order.created", Data: map[string]any{"id": 7}})
		if err != nil {
			log.Fatal(err)
		}
		resp, err := c.PublishWithResponse(ctx, owner, project,
			&gen.PublishParams{IdempotencyKey: &key}, body)
		if err != nil || resp.JSON202 == nil {
			log.Fatal(err, resp)
		}
		receipt, err := resp.JSON202.AsReceipt()
		switch {
		case err != nil || receipt.Id == "":
			log.Fatal(err, receipt)
		case n == 0:
			fmt.Println("published order.created")
		default:
			fmt.Println("duplicate", receipt.Duplicate != nil && *receipt.Duplicate)
		}
	}
	var list gen.Publications
	items := make([]gen.PublicationItem, 2)
	for i := range items {
		if err := items[i].FromPublication(gen.Publication{Type: "order.paid", Data: i}); err != nil {
			log.Fatal(err)
		}
	}
	if err := list.FromPublications2(items); err != nil {
		log.Fatal(err)
	}
	resp, err := c.PublishWithResponse(ctx, owner, project, nil, list)
	if err != nil || resp.JSON202 == nil {
		log.Fatal(err, resp)
	}
	receipts, err := resp.JSON202.AsReceipts1()
	if err != nil || len(receipts) != 2 {
		log.Fatal(err, receipts)
	}
}

func hooks(ctx context.Context, c *gen.ClientWithResponses) {
	var selector gen.HookPatch_Events
	if err := selector.FromHookPatchEvents1([]string{"order.*"}); err != nil {
		log.Fatal(err)
	}
	url := "http://127.0.0.1:9/"
	made, err := c.CreateHookWithResponse(ctx, owner, project, "billing",
		gen.HookPatch{Url: &url, Events: &selector})
	if err != nil || made.JSON200 == nil {
		log.Fatal(err, made)
	}
	names, err := made.JSON200.Events.AsHookEvents1()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("created hook", made.JSON200.Id, "for", names[0])
	all, err := c.ListHooksWithResponse(ctx, owner, project)
	if err != nil || all.JSON200 == nil {
		log.Fatal(err, all)
	}
	fmt.Println("listed", len(*all.JSON200), "hook")
}

func events(ctx context.Context, c *gen.ClientWithResponses) {
	limit := 2
	found, pages := 0, 0
	for cursor := (*string)(nil); pages == 0 || cursor != nil; pages++ {
		page, err := c.ListEventsWithResponse(ctx, owner, project,
			&gen.ListEventsParams{Limit: &limit, Cursor: cursor})
		if err != nil || page.JSON200 == nil {
			log.Fatal(err, page)
		}
		found += len(page.JSON200.Events)
		cursor = page.JSON200.Cursor
	}
	fmt.Println("found", found, "events on", pages, "pages")
	gone, err := c.ShowEventWithResponse(ctx, owner, project, "evt_none")
	if err != nil || gone.JSON404 == nil {
		log.Fatal(err, gone)
	}
	fmt.Println("no such event:", gone.StatusCode())
	limit = 0
	bad, err := c.ListEventsWithResponse(ctx, owner, project,
		&gen.ListEventsParams{Limit: &limit})
	if err != nil || bad.JSON400 == nil || bad.JSON400.Field == nil {
		log.Fatal(err, bad)
	}
	fmt.Println("a bad limit:", *bad.JSON400.Field)
}
