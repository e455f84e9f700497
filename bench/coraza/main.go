// Command coraza measures Coraza with the Core Rule Set on the requests that it is given as files, one worker, no network.
//
// Usage: coraza ROUNDS FILE...
//
// Each file is a request as it is on the wire. For each it prints the time per request (median and 99th percentile) of a
// whole transaction (headers, body and logging, at paranoia level 1 in blocking mode), and the processor time of one, which
// says more than the clock on a machine that does other things as well.
package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"strconv"
	"syscall"
	"time"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/corazawaf/coraza/v3"
)

const directives = `
Include @coraza.conf-recommended
SecRuleEngine On
SecAuditEngine Off
Include @crs-setup.conf.example
Include @owasp_crs/*.conf
`

type message struct {
	request *http.Request
	body    []byte
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: coraza ROUNDS FILE...")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(count string, files []string) error {
	rounds, err := strconv.Atoi(count)
	if err != nil || rounds < 10 {
		return fmt.Errorf("ROUNDS must be a number of at least 10, not %q", count)
	}
	runtime.GOMAXPROCS(1)
	waf, err := coraza.NewWAF(coraza.NewWAFConfig().WithRootFS(coreruleset.FS).WithDirectives(directives))
	if err != nil {
		return fmt.Errorf("reading the rules: %w", err)
	}
	for _, file := range files {
		sample, err := read(file)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		times := make([]time.Duration, 0, rounds)
		for range rounds / 10 {
			if _, err := inspect(waf, sample); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
		}
		refused, used := false, processorTime()
		for range rounds {
			started := time.Now()
			refused, err = inspect(waf, sample)
			times = append(times, time.Since(started))
			if err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
		}
		used = (processorTime() - used) / time.Duration(rounds)
		sort.Slice(times, func(i, j int) bool { return times[i] < times[j] })
		micros := func(share float64) float64 {
			return float64(times[int(share*float64(len(times)-1))].Nanoseconds()) / 1e3
		}
		fmt.Printf("| Coraza + CRS | %s | %.1f | %.1f | %.1f | %t |\n", filepath.Base(file), micros(0.5), micros(0.99),
			float64(used.Nanoseconds())/1e3, refused)
	}
	return nil
}

// processorTime is what the process has used so far.
func processorTime() time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func read(file string) (message, error) {
	source, err := os.Open(file)
	if err != nil {
		return message{}, err
	}
	defer source.Close()
	request, err := http.ReadRequest(bufio.NewReader(source))
	if err != nil {
		return message{}, err
	}
	body, err := io.ReadAll(request.Body)
	return message{request, body}, err
}

// inspect runs one transaction and reports whether the rules refuse the request.
func inspect(waf coraza.WAF, sample message) (bool, error) {
	tx := waf.NewTransaction()
	defer func() {
		tx.ProcessLogging()
		_ = tx.Close()
	}()
	tx.ProcessConnection("192.0.2.1", 40000, "192.0.2.2", 80)
	tx.ProcessURI(sample.request.RequestURI, sample.request.Method, "HTTP/1.1")
	tx.AddRequestHeader("Host", sample.request.Host)
	tx.SetServerName(sample.request.Host)
	for name, values := range sample.request.Header {
		for _, value := range values {
			tx.AddRequestHeader(name, value)
		}
	}
	if tx.ProcessRequestHeaders() != nil {
		return true, nil
	}
	if _, _, err := tx.WriteRequestBody(sample.body); err != nil {
		return false, err
	}
	refusal, err := tx.ProcessRequestBody()
	return refusal != nil, err
}
