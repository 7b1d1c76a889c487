package control

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/catalogue"
)

// Decoding limits the bodies that are decoded. See internal/budget for the contract.
type Decoding interface {
	Acquire(ctx context.Context, n int64) (release func(), err error)
}

// Conform checks events that are about to be published in a project against the catalogue of its owner. In mode warn it
// marks those that do not fit, in mode strict it fails with Unprocessable for the first: at is its index. Without a
// catalogue in use it does nothing.
func (c *Control) Conform(ctx context.Context, snapshot *hookyard.Snapshot, events []*hookyard.Event) (at int,
	err error) {
	in := snapshot.Catalogue
	if in == nil {
		return 0, nil
	}
	steps := catalogue.MaxSteps
	for i, e := range events {
		err := c.conforms(ctx, in, e, &steps)
		var fault *hookyard.Error
		switch {
		case err == nil:
		case !errors.As(err, &fault) || fault.Code != hookyard.Unprocessable || in.Mode == hookyard.CatalogueStrict:
			return i, err
		default:
			e.Warn(fault.Message)
		}
	}
	return 0, nil
}

// conforms returns an Unprocessable error if the event does not fit the catalogue.
func (c *Control) conforms(ctx context.Context, in *hookyard.Catalogue, e *hookyard.Event, steps *int) error {
	t, err := c.checker.Of(in, e.Type, func() (*hookyard.EventType, error) {
		t, err := c.store.EventType(ctx, in.Owner, e.Type)
		if errors.Is(err, hookyard.ErrNotFound) {
			return nil, nil
		}
		return t, err
	})
	if err != nil {
		return err
	}
	if why := t.Missing(); why != "" {
		return &hookyard.Error{Code: hookyard.Unprocessable, Field: "type", Message: why}
	}
	if !t.Checks() {
		return nil
	}
	if !e.IsJSON() {
		return &hookyard.Error{Code: hookyard.Unprocessable, Field: "data",
			Message: "data is not JSON, and its type has a schema"}
	}
	data := e.Data()
	if int64(len(data)) > c.limits.Decode {
		return &hookyard.Error{Code: hookyard.Unprocessable, Field: "data",
			Message: fmt.Sprintf("data has %d bytes, at most %d are checked against a schema (setting: --max-decode)",
				len(data), c.limits.Decode)}
	}
	if c.decoding != nil {
		release, err := c.decoding.Acquire(ctx, int64(len(data)))
		if err != nil {
			return err
		}
		defer release()
	}
	err = t.Check(ctx, data, steps)
	var fault *hookyard.Error
	if errors.As(err, &fault) {
		fault.Message = fault.Field + " does not fit the schema of " + e.Type + " in the catalogue of " + in.Owner +
			": " + strings.TrimPrefix(fault.Message, fault.Field+": ")
	}
	return err
}
