package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// note is what vegeta does not tell about a request. Times count from the beginning.
type note struct {
	sent, first, last time.Duration // when it was sent, and the first and the last event of its answer
	bytes             int64
	events            int32
	slow              []int32 // gaps between events that are longer than each of the limits
	class             string  // why there is no answer; empty if there is one
}

// answer is one line of the output, in seconds; all times but the first count from the sending.
type answer struct {
	At      float64 `json:"at"` // when the request was due, from the beginning
	Lag     float64 `json:"lag"`
	Latency float64 `json:"latency"`
	Code    uint16  `json:"code"`
	Error   string  `json:"error,omitempty"`
	Bytes   int64   `json:"bytes"`
	First   float64 `json:"first,omitempty"`
	Last    float64 `json:"last,omitempty"`
	Events  int32   `json:"events,omitempty"`
	Slow    []int32 `json:"slow,omitempty"`
}

// watch is a RoundTripper that takes a note of every request, by the number that vegeta gives it.
type watch struct {
	next             http.RoundTripper
	timeout          time.Duration
	pacer            *pacer
	notes            []note
	stream           bool
	gaps             []time.Duration
	sent, open, peak atomic.Int64
	unsendable       string // why the first of the requests that could not be sent was not
}

func (w *watch) RoundTrip(request *http.Request) (*http.Response, error) {
	number, err := strconv.Atoi(request.Header.Get("X-Vegeta-Seq"))
	if err != nil || number >= len(w.notes) {
		return nil, errors.New("a request without a number")
	}
	request.Header.Del("X-Vegeta-Seq")
	seen := &w.notes[number]
	seen.sent = time.Since(w.pacer.begin)
	w.sent.Add(1)
	w.peak.Store(max(w.peak.Load(), w.open.Add(1)))

	connected := false
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected = true }}
	ctx, cancel := context.WithTimeout(httptrace.WithClientTrace(request.Context(), trace), w.timeout)
	response, err := w.next.RoundTrip(request.WithContext(ctx))
	if err != nil {
		seen.class = class(ctx, err, connected)
		cancel()
		w.open.Add(-1)
		return nil, err
	}
	everyLine := !strings.HasPrefix(response.Header.Get("Content-Type"), "text/event-stream")
	response.Body = &body{response.Body, ctx, cancel, w, seen, nil, everyLine, false}
	return response, nil
}

// beat tells what no answer can: how far the step is, and how many requests are open.
func (w *watch) beat() map[string]any {
	<-w.pacer.begun
	now := seconds(time.Since(w.pacer.begin))
	return map[string]any{"elapsed": now, "sent": w.sent.Load(), "open": w.open.Load()}
}

func (w *watch) answer(result *vegeta.Result) answer {
	seen, due := w.notes[result.Seq], w.pacer.due[result.Seq]
	line := answer{At: seconds(due), Code: result.Code, Error: seen.class, Bytes: seen.bytes, Events: seen.events}
	line.Lag = seconds(max(0, seen.sent-due))
	line.Latency = seconds(result.Timestamp.Add(result.Latency).Sub(w.pacer.begin) - seen.sent)
	if seen.events > 0 {
		line.First, line.Last, line.Slow = seconds(seen.first-seen.sent), seconds(seen.last-seen.sent), seen.slow
	}
	if line.Code == 0 && line.Error == "" {
		line.Error = "other"
		if seen.sent == 0 { // not even tried: no request can be made of the target
			line.Error = unsendable
		}
	}
	if line.Error == unsendable {
		line.Lag, line.Latency = 0, 0 // it has never been under way
		if w.unsendable == "" {
			w.unsendable = result.Error
		}
	}
	return line
}

func seconds(length time.Duration) float64 { return math.Round(length.Seconds()*1e6) / 1e6 }

// body reads an answer to its end and counts its events: all lines, or of server-sent events those with data.
type body struct {
	io.ReadCloser
	ctx               context.Context
	cancel            context.CancelFunc
	watch             *watch
	note              *note
	line              []byte
	everyLine, closed bool
}

func (b *body) Read(buffer []byte) (int, error) {
	count, err := b.ReadCloser.Read(buffer)
	b.note.bytes += int64(count)
	if b.watch.stream && count > 0 {
		b.split(buffer[:count], time.Since(b.watch.pacer.begin))
	}
	if err != nil && err != io.EOF {
		b.note.class = class(b.ctx, err, true)
	}
	return count, err
}

func (b *body) Close() error {
	if !b.closed {
		b.closed = true
		defer b.cancel()
		b.watch.open.Add(-1)
	}
	return b.ReadCloser.Close()
}

// lineStart is how much of a line is kept: more is not needed to tell what it is.
const lineStart = 32

func (b *body) split(chunk []byte, now time.Duration) {
	for len(chunk) > 0 {
		piece, rest, ended := bytes.Cut(chunk, []byte("\n"))
		b.line = append(b.line, piece[:min(len(piece), lineStart-len(b.line))]...)
		if ended {
			if b.isEvent(bytes.TrimSpace(b.line)) {
				b.event(now)
			}
			b.line = b.line[:0]
		}
		chunk = rest
	}
}

func (b *body) isEvent(line []byte) bool {
	if b.everyLine {
		return len(line) > 0
	}
	data, found := bytes.CutPrefix(line, []byte("data:"))
	return found && string(bytes.TrimSpace(data)) != "[DONE]"
}

func (b *body) event(now time.Duration) {
	seen := b.note
	if seen.events == 0 {
		seen.first, seen.slow = now, make([]int32, len(b.watch.gaps))
	} else {
		for i, limit := range b.watch.gaps {
			if now-seen.last > limit {
				seen.slow[i]++
			}
		}
	}
	seen.last = now
	seen.events++
}

// unsendable is the class of requests that never reached a server, for a reason that lies with the request, with what is
// expected of the connection (TLS), or with this machine.
const unsendable = "unsendable"

// class says in one word why there is no answer. Before a connection exists, silence speaks of the address or of the
// network, and not of the server.
func class(ctx context.Context, err error, connected bool) string {
	var lookup *net.DNSError
	var dial *net.OpError
	expired := ctx.Err() != nil // the timeout: nothing else ends a request
	switch {
	case expired && connected:
		return "timeout"
	case errors.As(err, &lookup):
		return "dns"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case expired, errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "unreachable"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF),
		errors.Is(err, io.ErrUnexpectedEOF):
		return "reset"
	case connected:
		return "other"
	case errors.As(err, &dial) && dial.Op == "dial" && !exhausted(err):
		return "unreachable"
	default:
		return unsendable
	}
}

// exhausted says whether this machine has no files or ports left for another connection.
func exhausted(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.EADDRNOTAVAIL) ||
		errors.Is(err, syscall.ENOBUFS)
}
