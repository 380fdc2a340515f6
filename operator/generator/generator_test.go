package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// targetsFile writes a file with one target for each address.
func targetsFile(t *testing.T, urls ...string) string {
	t.Helper()
	var lines strings.Builder
	for _, url := range urls {
		fmt.Fprintf(&lines, "{\"method\":\"POST\",\"url\":%q,\"body\":\"e30=\",\"header\":{\"X-Who\":[\"test\"]}}\n", url)
	}
	path := filepath.Join(t.TempDir(), "targets.jsonl")
	if err := os.WriteFile(path, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// fired runs the generator against addresses and returns its answers and its last line.
func fired(t *testing.T, chosen options, signals <-chan os.Signal) (answers []answer, summary map[string]any) {
	t.Helper()
	if chosen.timeout == 0 {
		chosen.timeout = 5 * time.Second
	}
	if chosen.connections == 0 {
		chosen.connections = 100
	}
	var out bytes.Buffer
	if err := run(chosen, &out, signals); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(&out); lines.Scan(); {
		var one answer
		summary = map[string]any{}
		if json.Unmarshal(lines.Bytes(), &summary) != nil || json.Unmarshal(lines.Bytes(), &one) != nil {
			t.Fatalf("not JSON: %s", lines.Text())
		}
		if _, isAnswer := summary["at"]; isAnswer {
			answers = append(answers, one)
		}
	}
	if summary["done"] != true {
		t.Fatalf("the last line is no summary: %v", summary)
	}
	return answers, summary
}

func TestArrivalsAreAPoissonProcessOfAKnownNumber(t *testing.T) {
	due := poisson(500, 20*time.Second, 7)
	if len(due) != 10000 || !slices.IsSorted(due) || due[len(due)-1] >= 20*time.Second {
		t.Fatalf("%d arrivals until %v", len(due), due[len(due)-1])
	}
	var squares float64 // of exponential gaps: twice the square of the mean
	for i := 1; i < len(due); i++ {
		squares += math.Pow((due[i]-due[i-1]).Seconds()*500, 2)
	}
	if mean := squares / float64(len(due)-1); math.Abs(mean-2) > 0.15 {
		t.Errorf("the gaps are not exponential: their mean square is %.3f, not 2", mean)
	}
	if !slices.Equal(due, poisson(500, 20*time.Second, 7)) {
		t.Error("the same seed draws other arrivals")
	}
	if slices.Equal(due, poisson(500, 20*time.Second, 8)) {
		t.Error("another seed draws the same arrivals")
	}
}

func TestASlowServerDoesNotSlowTheSending(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	time.AfterFunc(700*time.Millisecond, func() { close(release) })

	answers, summary := fired(t, options{
		rate: 60, duration: 500 * time.Millisecond, seed: 1, targets: targetsFile(t, server.URL),
	}, nil)

	if len(answers) != 30 || summary["peakOpen"] != 30.0 {
		t.Errorf("%d answers, at most %v requests open: they waited for each other", len(answers), summary["peakOpen"])
	}
	for _, one := range answers {
		if whole := one.At + one.Lag + one.Latency; one.Code != 200 || whole < 0.65 {
			t.Errorf("answered with %d after %.3f s, though nothing was answered before 0.7 s", one.Code, whole)
		}
	}
}

func TestTooFewConnectionsAreSeenAsLag(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		time.Sleep(100 * time.Millisecond)
	}))
	defer server.Close()

	answers, summary := fired(t, options{
		rate: 50, duration: 400 * time.Millisecond, seed: 1, targets: targetsFile(t, server.URL), connections: 1,
	}, nil)

	worst := slices.MaxFunc(answers, func(a, b answer) int { return int(1e6 * (a.Lag - b.Lag)) })
	if worst.Lag < 1 || summary["peakOpen"] != 1.0 {
		t.Errorf("lag %.3f s with %v open: waiting for a connection is hidden", worst.Lag, summary["peakOpen"])
	}
}

func TestTargetsAreSentInTurnOverKeptConnectionsWithoutTraces(t *testing.T) {
	var hits [2]atomic.Int64
	var connections atomic.Int64
	var strange sync.Map
	urls := make([]string, 2)
	for i := range urls {
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			hits[i].Add(1)
			for name := range r.Header {
				if strings.HasPrefix(name, "X-Vegeta") || r.Header.Get("X-Who") != "test" || r.ProtoMajor != 1 {
					strange.Store(name, true)
				}
			}
		}))
		server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				connections.Add(1)
			}
		}
		server.Start()
		defer server.Close()
		urls[i] = server.URL
	}

	answers, _ := fired(t, options{rate: 100, duration: time.Second, seed: 1, targets: targetsFile(t, urls...)}, nil)

	if len(answers) != 100 || hits[0].Load() != 50 || hits[1].Load() != 50 {
		t.Errorf("%d answers, %d and %d hits", len(answers), hits[0].Load(), hits[1].Load())
	}
	if connections.Load() > 50 {
		t.Errorf("%d connections for 100 requests: they are not kept", connections.Load())
	}
	strange.Range(func(name, _ any) bool { t.Errorf("the server saw a strange request: %v", name); return true })
}

func TestFailuresAreTold(t *testing.T) {
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // only then it is noticed that the client is gone
		<-r.Context().Done()
	}))
	defer silent.Close()
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		w.Write([]byte("half"))
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}))
	defer broken.Close()
	moved := httptest.NewServer(http.RedirectHandler("http://127.0.0.1:1/", http.StatusFound))
	defer moved.Close()
	busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }))
	defer busy.Close()
	for name, expected := range map[string]struct {
		url, class string
		code       uint16
	}{
		"refused":   {"http://127.0.0.1:1/", "refused", 0},
		"timeout":   {silent.URL, "timeout", 0},
		"broken":    {broken.URL, "reset", 0},
		"dns":       {"http://nobody.invalid/", "dns", 0},
		"redirects": {moved.URL, "", 302},
		"error":     {busy.URL, "", 503},
	} {
		t.Run(name, func(t *testing.T) {
			answers, _ := fired(t, options{
				rate: 20, duration: 100 * time.Millisecond, seed: 1, targets: targetsFile(t, expected.url),
				timeout: 300 * time.Millisecond,
			}, nil)
			for _, one := range answers {
				timedOutLookup := name == "dns" && one.Error == "unreachable"
				if one.Code != expected.code || (one.Error != expected.class && !timedOutLookup) {
					t.Errorf("%d %q instead of %d %q", one.Code, one.Error, expected.code, expected.class)
				}
			}
		})
	}
}

// What the server has never seen says nothing about it, and the reason is told once.
func TestRequestsThatCannotBeSentAreNotTheServersFault(t *testing.T) {
	var hits atomic.Int64
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) })
	plain, private := httptest.NewServer(handler), httptest.NewUnstartedServer(handler)
	defer plain.Close()
	private.Config.ErrorLog = log.New(io.Discard, "", 0)
	private.StartTLS()
	defer private.Close()
	for name, wrong := range map[string]struct{ target, reason string }{
		"path":        {`{"method":"GET","url":"` + plain.URL + `/50%off"}`, "invalid URL escape"},
		"header":      {`{"method":"GET","url":"` + plain.URL + `","header":{"X-A":["a\u0000b"]}}`, "header field value"},
		"certificate": {`{"method":"GET","url":"` + private.URL + `"}`, "certificate"},
		"no TLS":      {`{"method":"GET","url":"` + strings.Replace(plain.URL, "http:", "https:", 1) + `"}`, "HTTPS client"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "targets.jsonl")
			if err := os.WriteFile(path, []byte(wrong.target+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			answers, summary := fired(t, options{rate: 20, duration: 500 * time.Millisecond, seed: 1, targets: path}, nil)
			for _, one := range answers {
				if one.Error != "unsendable" || one.Code != 0 || one.Lag != 0 || one.Latency != 0 {
					t.Errorf("%+v instead of a request that cannot be sent", one)
				}
			}
			if reason, _ := summary["unsendable"].(string); !strings.Contains(reason, wrong.reason) {
				t.Errorf("the reason is %q", reason)
			}
			if len(answers) != 10 || hits.Load() != 0 {
				t.Errorf("%d requests, of which %d came", len(answers), hits.Load())
			}
		})
	}
}

// A server that speaks another protocol, such as that of gRPC, was reached: what it says is no answer.
func TestAnAnswerInAnotherProtocolIsNone(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			connection.Write([]byte("\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x05\x00\x00\x40\x00\r\n"))
		}
	}()

	answers, summary := fired(t, options{
		rate: 20, duration: 100 * time.Millisecond, seed: 1, targets: targetsFile(t, "http://"+listener.Addr().String()),
	}, nil)

	for _, one := range answers {
		if one.Error != "other" || one.Latency == 0 {
			t.Errorf("%+v", one)
		}
	}
	if _, told := summary["unsendable"]; told {
		t.Errorf("a reason why nothing was sent: %v", summary)
	}
}

// Why there is no connection depends on which side has run out of something.
func TestFailedDialsAreOfTheServerOrOurs(t *testing.T) {
	for _, expected := range []struct {
		errno syscall.Errno
		class string
	}{
		{syscall.EACCES, "unreachable"},
		{syscall.ETIMEDOUT, "unreachable"},
		{syscall.ECONNREFUSED, "refused"},
		{syscall.EMFILE, "unsendable"},
		{syscall.EADDRNOTAVAIL, "unsendable"},
	} {
		err := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", expected.errno)}
		if found := class(context.Background(), err, false); found != expected.class {
			t.Errorf("%v is %q instead of %q", expected.errno, found, expected.class)
		}
	}
}

func TestEventsOfStreamsAreTimed(t *testing.T) {
	for name, written := range map[string]struct{ kind, line, end string }{
		"server-sent events": {"text/event-stream", ": comment\n\ndata: {\"token\": 1}\n\n", "data: [DONE]\n\n"},
		"lines":              {"application/x-ndjson", "{\"token\": 1}\n", "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", written.kind)
				w.(http.Flusher).Flush()
				for range 4 {
					time.Sleep(40 * time.Millisecond)
					for _, piece := range []string{written.line[:5], written.line[5:]} {
						fmt.Fprint(w, piece)
						w.(http.Flusher).Flush()
					}
				}
				fmt.Fprint(w, written.end)
			}))
			defer server.Close()

			answers, _ := fired(t, options{
				rate: 10, duration: 300 * time.Millisecond, seed: 1, targets: targetsFile(t, server.URL), stream: true,
				gaps: []time.Duration{20 * time.Millisecond, 2 * time.Second},
			}, nil)

			for _, one := range answers {
				if one.Events != 4 || !slices.Equal(one.Slow, []int32{3, 0}) {
					t.Errorf("%d events, %v long gaps", one.Events, one.Slow)
				}
				if one.First < 0.04 || one.Last-one.First < 0.115 || one.Latency < one.Last {
					t.Errorf("first %.3f, last %.3f, end %.3f", one.First, one.Last, one.Latency)
				}
			}
		})
	}
}

func TestASignalEndsTheSendingAndWaitsForAnswers(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		time.Sleep(300 * time.Millisecond)
	}))
	defer server.Close()
	signals := make(chan os.Signal, 1)
	time.AfterFunc(200*time.Millisecond, func() { signals <- os.Interrupt })
	began := time.Now()

	answers, summary := fired(t, options{
		rate: 40, duration: time.Hour, seed: 1, targets: targetsFile(t, server.URL),
	}, signals)

	if summary["stopped"] != true || float64(len(answers)) != summary["sent"] || len(answers) == 0 {
		t.Errorf("%d answers to %v requests, stopped: %v", len(answers), summary["sent"], summary["stopped"])
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it ended after %v", took)
	}
	for _, one := range answers {
		if one.Code != 200 {
			t.Errorf("an open request was given up: %+v", one)
		}
	}
}

func TestMistakesAreTold(t *testing.T) {
	for name, chosen := range map[string]options{
		"no rate": {duration: time.Second, connections: 1, timeout: time.Second},
		"no file": {rate: 1, duration: time.Second, connections: 1, timeout: time.Second, targets: "/nowhere"},
	} {
		if err := run(chosen, &bytes.Buffer{}, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
