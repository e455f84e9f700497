// Package clients drives a running demo with the public Go client, unchanged.
//
// Every method of the client's API interface is called with an API token and with UUID and secret; a test
// fails when one is forgotten. Start it with scripts/go-tests.
package clients

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	wallarm "github.com/wallarm/wallarm-go"
)

// demo is what the demo writes down for scripts.
type demo struct {
	APIURL   string `json:"api_url"`
	NodeURL  string `json:"node_url"`
	ClientID int    `json:"client_id"`
	Email    string `json:"email"`
	UUID     string `json:"uuid"`
	Secret   string `json:"secret"`
	Token    string `json:"api_token"`
	CAFile   string `json:"ca_file"`
}

var (
	cloud  demo
	trust  *http.Client
	unique atomic.Int64
)

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

// run starts a demo of its own, waits until it has written its credentials, and stops it after the tests.
func run(m *testing.M) int {
	binary := os.Getenv("BARTIZAN_BIN")
	if binary == "" {
		fmt.Fprintln(os.Stderr, "BARTIZAN_BIN must name the program under test")
		return 1
	}
	folder, err := os.MkdirTemp("", "bartizan-go-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	file := filepath.Join(folder, "credentials.json")
	process := exec.Command(binary, "demo", "--tls", "--no-traffic", "--api-port", "0", "--node-port", "0",
		"--data-dir", filepath.Join(folder, "data"), "--credentials-file", file)
	// Specifications are fetched from a server of the tests, which is on loopback and without TLS.
	process.Env = append(os.Environ(), `BARTIZAN_CLOUD__OUTGOING__ALLOWED_NETWORKS=["127.0.0.0/8"]`,
		"BARTIZAN_CLOUD__OUTGOING__PLAIN_HTTP=true")
	process.Stderr = os.Stderr
	if err := process.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ended := make(chan error, 1)
	go func() { ended <- process.Wait() }()
	defer func() {
		_ = process.Process.Signal(os.Interrupt)
		<-ended
	}()
	if err := ready(file, ended); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// ready reads the credentials once they are there.
func ready(file string, ended chan error) error {
	deadline := time.Now().Add(2 * time.Minute)
	for {
		if text, err := os.ReadFile(file); err == nil {
			if err := json.Unmarshal(text, &cloud); err != nil {
				return err
			}
			break
		}
		select {
		case err := <-ended:
			ended <- err
			return fmt.Errorf("the demo ended: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return errors.New("the demo did not get ready")
		}
	}
	authority, err := os.ReadFile(cloud.CAFile)
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(authority) {
		return errors.New("the demo's certificate authority cannot be read")
	}
	trust = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	return nil
}

// connect makes a client that does not retry, so that a refusal is seen at once.
func connect(t *testing.T, headers map[string]string) wallarm.API {
	t.Helper()
	header := make(http.Header)
	for name, value := range headers {
		header.Set(name, value)
	}
	api, err := wallarm.New(wallarm.UsingBaseURL(cloud.APIURL), wallarm.Headers(header),
		wallarm.HTTPClient(trust), wallarm.UsingRetryPolicy(0, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	return api
}

// everyCredential runs a test with each way to authenticate.
func everyCredential(t *testing.T, test func(t *testing.T, api wallarm.API)) {
	t.Helper()
	ways := map[string]map[string]string{
		"token":  {"X-WallarmAPI-Token": cloud.Token},
		"secret": {"X-WallarmAPI-UUID": cloud.UUID, "X-WallarmAPI-Secret": cloud.Secret},
	}
	for name, headers := range ways {
		headers := headers
		t.Run(name, func(t *testing.T) { test(t, connect(t, headers)) })
	}
}

// named makes a name that no other test uses.
func named(prefix string) string {
	return fmt.Sprintf("%s-%d", prefix, unique.Add(1))
}

// must ends the test on an error.
func must[T any](t *testing.T) func(value T, err error) T {
	t.Helper()
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused checks the status and the exact body of a refusal.
func refused(t *testing.T, err error, status int, body string) {
	t.Helper()
	var refusal *wallarm.APIError
	if !errors.As(err, &refusal) {
		t.Fatalf("not a refusal: %v", err)
	}
	if refusal.StatusCode != status || (body != "" && refusal.Body != body) {
		t.Fatalf("got %d %s, want %d %s", refusal.StatusCode, refusal.Body, status, body)
	}
}

func equal[T comparable](t *testing.T, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("got %v, want %v", got, want)
	}
}

// same compares by JSON, which is what the client decodes.
func same(t *testing.T, got, want any) {
	t.Helper()
	left, _ := json.Marshal(got)
	right, _ := json.Marshal(want)
	if string(left) != string(right) {
		t.Fatalf("got  %s\nwant %s", left, right)
	}
}

func pointer[T any](value T) *T {
	return &value
}

// words puts values side by side, for one comparison of many.
func words(values ...any) string {
	return strings.TrimSpace(fmt.Sprintln(values...))
}
