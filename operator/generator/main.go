// palier-generator offers requests to an HTTP server at random instants, whether or not it has answered the earlier
// ones, and tells of every answer in a line of JSON. It fires with vegeta's library; what it adds are arrivals at random
// (arrivals.go) and the times inside an answer (stream.go).
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

const heartbeat = 250 * time.Millisecond

type options struct {
	rate        float64
	duration    time.Duration
	seed        uint64
	timeout     time.Duration
	connections int
	targets     string
	stream      bool
	gaps        []time.Duration
}

func main() {
	var chosen options
	flag.Float64Var(&chosen.rate, "rate", 0, "mean arrival rate in requests per second")
	flag.DurationVar(&chosen.duration, "duration", 0, "how long requests arrive")
	flag.Uint64Var(&chosen.seed, "seed", 1, "the same seed draws the same arrivals")
	flag.DurationVar(&chosen.timeout, "timeout", 30*time.Second, "longest wait for an answer")
	flag.IntVar(&chosen.connections, "connections", 10000, "most requests that may be open at once")
	flag.StringVar(&chosen.targets, "targets", "", "file with vegeta's JSON targets, one a line, sent in turn")
	flag.BoolVar(&chosen.stream, "stream", false, "answers are streams: time and count their events")
	flag.Func("gap", "count the gaps between two events that are longer; may be given several times", func(text string) error {
		gap, err := time.ParseDuration(text)
		chosen.gaps = append(chosen.gaps, gap)
		return err
	})
	flag.Parse()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if err := run(chosen, os.Stdout, signals); err != nil {
		fmt.Fprintln(os.Stderr, "palier-generator:", err)
		os.Exit(1)
	}
}

func run(chosen options, out io.Writer, signals <-chan os.Signal) error {
	if chosen.rate <= 0 || chosen.duration <= 0 || chosen.connections <= 0 || chosen.timeout <= 0 {
		return errors.New("--rate, --duration, --connections and --timeout must be above zero")
	}
	file, err := os.Open(chosen.targets)
	if err != nil {
		return err
	}
	defer file.Close()
	targets, err := vegeta.ReadAllTargets(vegeta.NewJSONTargeter(file, nil, nil))
	if err != nil {
		return fmt.Errorf("%s: %w", chosen.targets, err)
	}

	pace := newPacer(poisson(chosen.rate, chosen.duration, chosen.seed))
	transport := &http.Transport{ // with no proxy: it is the server that is measured
		DialContext:         (&net.Dialer{KeepAlive: 30 * time.Second}).DialContext,
		MaxIdleConnsPerHost: chosen.connections,
		DisableCompression:  true,
		Protocols:           new(http.Protocols),
	}
	transport.Protocols.SetHTTP1(true)
	watcher := &watch{
		next: transport, pacer: pace, notes: make([]note, len(pace.due)),
		timeout: chosen.timeout, stream: chosen.stream, gaps: chosen.gaps,
	}
	attacker := vegeta.NewAttacker(vegeta.MaxBody(0), vegeta.MaxWorkers(uint64(chosen.connections)), vegeta.Client(
		&http.Client{
			Transport:     watcher,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}))
	lines := newPrinter(out)
	results := attacker.Attack(vegeta.NewStaticTargeter(targets...), pace, 0, "")

	stopped, ended := false, make(chan struct{})
	var beats sync.WaitGroup
	beats.Go(func() {
		ticker := time.NewTicker(heartbeat)
		defer ticker.Stop()
		for {
			select {
			case <-ended:
				return
			case <-signals:
				stopped = true
				pace.stop()
			case <-ticker.C:
				lines.print(watcher.beat())
				lines.flush()
			}
		}
	})
	for result := range results {
		lines.print(watcher.answer(result))
	}
	close(ended)
	beats.Wait()
	summary := map[string]any{
		"done": true, "scheduled": len(pace.due), "sent": watcher.sent.Load(), "peakOpen": watcher.peak.Load(),
		"stopped": stopped,
	}
	if watcher.unsendable != "" {
		summary["unsendable"] = watcher.unsendable
	}
	lines.print(summary)
	return lines.flush()
}

// printer gathers lines, because thousands of small writes in a second would disturb what is measured.
type printer struct {
	mutex  sync.Mutex
	out    *bufio.Writer
	encode *json.Encoder
}

func newPrinter(out io.Writer) *printer {
	buffered := bufio.NewWriterSize(out, 1<<16)
	return &printer{out: buffered, encode: json.NewEncoder(buffered)}
}

func (p *printer) print(line any) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.encode.Encode(line)
}

func (p *printer) flush() error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.out.Flush()
}
