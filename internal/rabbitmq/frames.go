package rabbitmq

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/hookyard/hookyard/internal/budget"
)

// Frames of AMQP 0-9-1 (specification, 2.3.5), and the methods of its class basic that matter here.
const (
	frameMethod    = 1
	frameHeader    = 2
	frameBody      = 3
	frameHeartbeat = 8
	frameEnd       = 0xCE

	classBasic    = 60
	methodReturn  = 50
	methodDeliver = 60
	methodGetOK   = 71
	methodAck     = 80
	methodNack    = 120
)

// Bounds on what a broker may send. The client library would keep all of it.
const (
	frameMax     = 128 << 10 // of a frame with its header and end: what RabbitMQ proposes
	frameChunk   = 4096 - 8  // of a body: every peer takes frames of 4 KiB
	announcedMax = 512 << 20 // of a body, kept or not: the most that RabbitMQ can be set to
	headerFactor = 40        // memory of decoded headers for each byte of them
	arrivedRoom  = 16 << 20  // memory of all messages that came and are not settled, without large bodies
)

// intake says what to do with the messages of a queue.
type intake struct {
	of     string // destination, whose large bodies share disk
	limit  int64  // of a body
	bodies *budget.Bodies
	room   *semaphore.Weighted // of arrivedRoom
}

// received is what of a message is not in the library's [amqp.Delivery]. A body larger than [budget.SmallBody] is in
// file, or, if it is beyond the limit, only its start was kept.
type received struct {
	size int64 // of the body
	file *budget.File
	give func()
}

// release gives back what the message takes in memory and on disk.
func (m *received) release() {
	if m.file != nil {
		m.file.Close()
	}
	m.give()
}

// frames is the connection that the client library reads. It passes on what the broker sends, frame by frame, and holds
// contents to their limits as they are announced: the library would collect any body in memory, and any number of
// messages. A message is passed on when it is complete and there is room for it; until then nothing more is read, so
// that the broker has to wait. Large bodies go to files, and those that are not wanted are dropped as they come.
type frames struct {
	net.Conn
	in   *bufio.Reader
	keep *intake // nil: no body is wanted
	idle atomic.Int64
	sent atomic.Int64 // messages that the broker has not confirmed

	ctx    context.Context // ends with Close
	cancel context.CancelFunc

	// Owned by the goroutine that reads.
	frame    []byte // payload of the frame
	buffer   []byte // of out
	out      []byte // for the library
	err      error  // that follows out
	contents map[uint16]*content
	wanted   *content // of contents, that is collected

	mu      sync.Mutex // guards what follows
	arrived map[uint64]*received
	closed  bool
}

// content is a message of which frames are still to come.
type content struct {
	wanted bool
	tag    uint64
	header []byte // payload of the header frame
	begun  bool   // the header frame came
	left   int64  // bytes of the body that are to come
	start  []byte // of the body
	received
}

func newFrames(c net.Conn, keep *intake) *frames {
	f := &frames{Conn: c, in: bufio.NewReaderSize(c, 16<<10), keep: keep, contents: map[uint16]*content{},
		arrived: map[uint64]*received{}}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	return f
}

// SetReadDeadline sets the longest silence between two frames of the broker: while a frame waits for room, time does
// not count.
func (f *frames) SetReadDeadline(t time.Time) error {
	f.idle.Store(int64(time.Until(t)))
	return nil
}

// SetDeadline sets the end of everything.
func (f *frames) SetDeadline(t time.Time) error {
	f.idle.Store(0)
	return f.Conn.SetDeadline(t)
}

// Close closes the connection and releases the messages that were not taken.
func (f *frames) Close() error {
	f.cancel()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for tag, m := range f.arrived {
		delete(f.arrived, tag)
		m.release()
	}
	return f.Conn.Close()
}

// take returns what belongs to a delivery, which the caller must release, or nil if the connection was closed.
func (f *frames) take(tag uint64) *received {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.arrived[tag]
	delete(f.arrived, tag)
	return m
}

// Read implements [net.Conn].
func (f *frames) Read(p []byte) (int, error) {
	for len(f.out) == 0 {
		if f.err != nil {
			return 0, f.err
		}
		f.out = f.buffer[:0]
		if f.err = f.next(); f.err != nil {
			f.dropAll()
		}
		f.buffer = f.out
	}
	n := copy(p, f.out)
	f.out = f.out[n:]
	return n, nil
}

// next reads a frame and appends to out what the library is to see.
func (f *frames) next() error {
	if idle := f.idle.Load(); idle > 0 {
		if err := f.Conn.SetReadDeadline(time.Now().Add(time.Duration(idle))); err != nil {
			return err
		}
	}
	var head [7]byte
	if _, err := io.ReadFull(f.in, head[:]); err != nil {
		return err
	}
	kind, channel := head[0], binary.BigEndian.Uint16(head[1:])
	size := binary.BigEndian.Uint32(head[3:])
	if size > frameMax-8 || kind != frameMethod && kind != frameHeader && kind != frameBody && kind != frameHeartbeat {
		f.out = append(f.out, head[:]...) // the library knows what is wrong with it
		return io.ErrUnexpectedEOF
	}
	if uint32(cap(f.frame)) < size+1 {
		f.frame = make([]byte, size+1)
	}
	f.frame = f.frame[:size+1]
	if _, err := io.ReadFull(f.in, f.frame); err != nil {
		return err
	}
	if f.frame[size] != frameEnd {
		f.out = append(append(f.out, head[:]...), f.frame...)
		return io.ErrUnexpectedEOF
	}
	pass, err := f.look(kind, channel, f.frame[:size])
	if pass {
		f.emit(kind, channel, f.frame[:size])
	}
	return err
}

func (f *frames) emit(kind byte, channel uint16, payload []byte) {
	f.out = append(f.out, kind)
	f.out = binary.BigEndian.AppendUint16(f.out, channel)
	f.out = binary.BigEndian.AppendUint32(f.out, uint32(len(payload)))
	f.out = append(append(f.out, payload...), frameEnd)
}

// look acts on a frame and reports whether the library is to see it as it is.
func (f *frames) look(kind byte, channel uint16, payload []byte) (pass bool, err error) {
	c := f.contents[channel]
	switch kind {
	case frameMethod:
		f.drop(channel) // one that was broken off
		return true, f.method(channel, payload)
	case frameHeader:
		if c == nil || c.begun {
			return true, nil // the library ignores it
		}
		return false, f.begin(channel, c, payload)
	case frameBody:
		if c == nil || !c.begun {
			return true, nil
		}
		return false, f.add(channel, c, payload)
	}
	return true, nil
}

// method notes that a content follows a method, and counts confirmations: the library would keep those of messages that
// were never sent.
func (f *frames) method(channel uint16, payload []byte) error {
	if len(payload) < 4 || binary.BigEndian.Uint16(payload) != classBasic {
		return nil
	}
	c := &content{received: received{give: func() {}}}
	switch binary.BigEndian.Uint16(payload[2:]) {
	case methodAck, methodNack:
		if f.sent.Add(-1) < 0 {
			return errors.New("the broker confirms messages that it was not sent")
		}
		return nil
	case methodReturn, methodGetOK:
	case methodDeliver:
		if f.keep == nil {
			break
		}
		tag := payload[4:]
		if len(tag) == 0 || len(tag) < 1+int(tag[0])+8 {
			return nil // the library knows what is wrong with it
		}
		if f.wanted != nil {
			return errors.New("the broker mixes two messages")
		}
		c.wanted, c.tag = true, binary.BigEndian.Uint64(tag[1+tag[0]:])
		f.wanted = c
	default:
		return nil
	}
	f.contents[channel] = c
	return nil
}

// begin takes the header frame of a content, which announces the size of the body.
func (f *frames) begin(channel uint16, c *content, payload []byte) error {
	if len(payload) < 14 {
		return errors.New("the broker sends a header that is too short")
	}
	size := binary.BigEndian.Uint64(payload[4:])
	if size > announcedMax {
		return fmt.Errorf("the broker announces a message of %d bytes; no RabbitMQ allows more than %d", size,
			announcedMax)
	}
	c.begun = true
	c.size, c.left = int64(size), int64(size)
	if !c.wanted {
		f.emitHeader(channel, payload, 0)
	} else {
		c.header = append([]byte(nil), payload...)
		if c.size > budget.SmallBody && c.size <= f.keep.limit {
			var err error
			if c.file, err = f.keep.bodies.Create(f.ctx, f.keep.of, c.size); err != nil {
				return err
			}
		}
	}
	if c.left == 0 {
		return f.complete(channel, c)
	}
	return nil
}

// emitHeader passes on a header frame with another size of the body.
func (f *frames) emitHeader(channel uint16, payload []byte, size int) {
	binary.BigEndian.PutUint64(payload[4:], uint64(size))
	f.emit(frameHeader, channel, payload)
}

// add takes a part of a body.
func (f *frames) add(channel uint16, c *content, part []byte) error {
	if c.left -= int64(len(part)); c.left < 0 {
		return errors.New("the broker sends more of a message than it announced")
	}
	switch {
	case c.file != nil:
		if _, err := c.file.Write(part); err != nil {
			return err
		}
	case c.wanted:
		c.start = append(c.start, part[:min(len(part), budget.SmallBody-len(c.start))]...)
	}
	if c.left == 0 {
		return f.complete(channel, c)
	}
	return nil
}

// complete passes on a message that is complete when there is room for it.
func (f *frames) complete(channel uint16, c *content) error {
	if !c.wanted {
		delete(f.contents, channel)
		return nil
	}
	cost := min(int64(len(c.start)+headerFactor*len(c.header)), arrivedRoom)
	if err := f.keep.room.Acquire(f.ctx, cost); err != nil {
		return err
	}
	c.give = func() { f.keep.room.Release(cost) }
	if err := f.arrive(c); err != nil {
		return err
	}
	delete(f.contents, channel)
	f.wanted = nil
	f.emitHeader(channel, c.header, len(c.start))
	for part := c.start; len(part) > 0; part = part[min(len(part), frameChunk):] {
		f.emit(frameBody, channel, part[:min(len(part), frameChunk)])
	}
	return nil
}

// arrive keeps what belongs to a delivery for [frames.take].
func (f *frames) arrive(c *content) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.closed:
		return net.ErrClosed
	case f.arrived[c.tag] != nil:
		return errors.New("the broker gives two messages one number")
	}
	f.arrived[c.tag] = &c.received
	return nil
}

// drop forgets the content of a channel that is not complete.
func (f *frames) drop(channel uint16) {
	c := f.contents[channel]
	if c == nil {
		return
	}
	delete(f.contents, channel)
	if c == f.wanted {
		f.wanted = nil
		c.release()
	}
}

func (f *frames) dropAll() {
	for channel := range f.contents {
		f.drop(channel)
	}
}
