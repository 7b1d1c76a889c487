package catalogue

import (
	"context"
	"sync"

	"github.com/hookyard/hookyard"
)

// maxKept bounds the bytes that a [Checker] keeps. A compiled schema takes about 25 times the bytes of its text.
const (
	maxKept    = 32 << 20
	typeCost   = 512
	schemaCost = 25
)

// Checker keeps event types with compiled schemas until their owner's catalogue changes. It is safe for concurrent use.
type Checker struct {
	mu     sync.Mutex
	owners map[string]*known
	size   int // of what all owners' types take
}

// known are event types of one owner at one revision of its catalogue.
type known struct {
	revision int64
	types    map[string]*TypeCheck
}

// NewChecker returns a Checker that knows no type.
func NewChecker() *Checker { return &Checker{owners: map[string]*known{}} }

// Of returns how to check events of a type. find returns the type, or nil if the catalogue lacks it; it is called if
// the type is not known at the catalogue's revision, and its error is returned.
func (c *Checker) Of(in *hookyard.Catalogue, name string, find func() (*hookyard.EventType, error)) (*TypeCheck,
	error) {
	c.mu.Lock()
	if of := c.owners[in.Owner]; of != nil && of.revision >= in.Revision {
		if check := of.types[name]; check != nil {
			c.mu.Unlock()
			return check, nil
		}
	}
	c.mu.Unlock()
	t, err := find()
	if err != nil {
		return nil, err
	}
	check := newCheck(in.Owner, name, t)
	c.keep(in, name, check)
	return check, nil
}

// keep remembers a type. When too much is kept, all of it is dropped.
func (c *Checker) keep(in *hookyard.Catalogue, name string, check *TypeCheck) {
	c.mu.Lock()
	defer c.mu.Unlock()
	of := c.owners[in.Owner]
	if of != nil && of.revision > in.Revision { // the type was read before it changed
		return
	}
	if of != nil && of.revision < in.Revision {
		for _, old := range of.types {
			c.size -= old.size
		}
		of = nil
	}
	if c.size += check.size; c.size > maxKept {
		c.owners, c.size = map[string]*known{}, check.size
		of = nil
	}
	if of == nil {
		of = &known{revision: in.Revision, types: map[string]*TypeCheck{}}
		c.owners[in.Owner] = of
	}
	if old := of.types[name]; old != nil {
		c.size -= old.size
	}
	of.types[name] = check
}

// TypeCheck checks events of one type. It is safe for concurrent use.
type TypeCheck struct {
	missing string // why no event is of the type: the catalogue lacks it, or it is archived; else ""
	schema  []byte // nil: any data fits
	size    int
	turn    chan *Schema // holds the compiled schema, nil before the first check, while nobody uses it
}

func newCheck(owner, name string, t *hookyard.EventType) *TypeCheck {
	c := &TypeCheck{size: typeCost + len(name)}
	switch {
	case t == nil:
		c.missing = "type " + hookyard.Clean(name, 200) + " is not in the catalogue of " + owner
	case t.Archived:
		c.missing = "type " + hookyard.Clean(name, 200) + " is archived in the catalogue of " + owner
	default:
		c.schema = t.Schema()
		c.size += len(c.schema) * schemaCost
		c.turn = make(chan *Schema, 1)
		c.turn <- nil
	}
	return c
}

// Missing returns why there is no event of the type, or "".
func (c *TypeCheck) Missing() string { return c.missing }

// Checks reports whether there is a schema that data must fit.
func (c *TypeCheck) Checks() bool { return c.schema != nil }

// Check checks the data of an event, as [Schema.Check] does. Checks of one type take turns. The error may be that of
// ctx.
func (c *TypeCheck) Check(ctx context.Context, data []byte, steps *int) error {
	var s *Schema
	select {
	case s = <-c.turn:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { c.turn <- s }()
	if s == nil {
		var err error
		if s, err = Compile(c.schema); err != nil {
			return err
		}
	}
	return s.Check(data, steps)
}
