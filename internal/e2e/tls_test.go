package e2e_test

import (
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/hookyard/hookyard/internal/testenv"
)

// TestCertificatesByACME has a real ACME server validate the name and issue a certificate during the first handshake.
// A restarted server uses the stored one.
func TestCertificatesByACME(t *testing.T) {
	t.Parallel()
	const host = "hooks.example.test"
	directory, roots := startPebble(t)
	s := &server{t: t, addr: directory.tlsAddr, data: filepath.Join(t.TempDir(), "data"),
		logName: filepath.Join(t.TempDir(), "log")}
	s.env = []string{"SSL_CERT_FILE=" + roots}
	s.url = "http://" + directory.httpAddr // answers before there is a certificate
	s.args = []string{"serve", "--listen", s.addr, "--data", s.data, "--grace", "1s", "--acme", host,
		"--acme-directory", directory.url,
		"--redirect-http", directory.httpAddr}
	t.Cleanup(s.stop)
	s.healthy = func() bool {
		c := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		resp, err := c.Get(s.url + "/healthz")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusMovedPermanently
	}
	s.start()

	serial := func() string {
		t.Helper()
		d := tls.Dialer{NetDialer: &net.Dialer{Timeout: time.Minute},
			Config: &tls.Config{ServerName: host, InsecureSkipVerify: true}} // its root is made anew at each start
		c, err := d.DialContext(t.Context(), "tcp", s.addr)
		if err != nil {
			t.Fatalf("%v\n%s", err, s.log())
		}
		defer func() { _ = c.Close() }()
		cert := c.(*tls.Conn).ConnectionState().PeerCertificates[0]
		if err := cert.VerifyHostname(host); err != nil || !strings.Contains(cert.Issuer.String(), "Pebble") {
			t.Errorf("certificate of %s by %s: %v", cert.DNSNames, cert.Issuer, err)
		}
		return cert.SerialNumber.String()
	}
	first := serial()
	s.stop()
	s.start()
	if again := serial(); again != first {
		t.Errorf("certificate %s after a restart; want %s, which is stored", again, first)
	}
	if _, err := tls.Dial("tcp", s.addr, &tls.Config{ServerName: "stranger.example.test",
		InsecureSkipVerify: true}); err == nil {
		t.Error("a certificate for a name that --acme does not have")
	}
}

type acmeServer struct{ url, tlsAddr, httpAddr string }

// startPebble starts an ACME server that validates names at tlsAddr and httpAddr, and returns the file with the root of
// its own HTTPS.
func startPebble(t *testing.T) (acmeServer, string) {
	t.Helper()
	program := testenv.Program(t, "pebble") // make pebble builds it
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	testenv.WritePair(t, 1, certFile, keyFile)
	s := acmeServer{tlsAddr: freeAddr(t), httpAddr: freeAddr(t)}
	_, tlsPort, _ := net.SplitHostPort(s.tlsAddr)
	_, httpPort, _ := net.SplitHostPort(s.httpAddr)
	listen := freeAddr(t)
	s.url = "https://" + listen + "/dir"
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": listen, "managementListenAddress": freeAddr(t), "certificate": certFile,
		"privateKey": keyFile, "httpPort": json.Number(httpPort), "tlsPort": json.Number(tlsPort),
		"externalAccountBindingRequired": false,
	}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "pebble.json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	pebble := exec.Command(program, "-config", file, "-strict=false", "-dnsserver", startDNS(t))
	pebble.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0")
	pebble.Stdout, pebble.Stderr = t.Output(), t.Output()
	if err := pebble.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = pebble.Process.Signal(syscall.SIGTERM)
		_ = pebble.Wait()
	})
	testenv.Until(t, "pebble listens", func() bool {
		c, err := net.Dial("tcp", listen)
		if err != nil {
			return false
		}
		return c.Close() == nil
	})
	return s, certFile
}

// startDNS starts a name server, over TCP, to which every name is 127.0.0.1, and returns its address.
func startDNS(t *testing.T) string {
	t.Helper()
	return testenv.Accept(t, func(c net.Conn) {
		for answerDNS(c) == nil {
		}
	})
}

func answerDNS(c net.Conn) error {
	var size [2]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return err
	}
	question := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(c, question); err != nil {
		return err
	}
	var m dnsmessage.Message
	if err := m.Unpack(question); err != nil {
		return err
	}
	m.Response, m.Authoritative = true, true
	m.Additionals = nil
	if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 60},
			Body:   &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}},
		}}
	}
	answer, err := m.Pack()
	if err != nil {
		return err
	}
	_, err = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
	return err
}

// TestSocketActivation has a server take over the port that its manager has opened.
func TestSocketActivation(t *testing.T) {
	t.Parallel()
	activate := testenv.Program(t, "systemd-socket-activate")
	addr, dir := freeAddr(t), t.TempDir()
	manager := exec.Command(activate, "--listen", addr, program, "serve", "--dev", "--data", dir, "--grace", "1s")
	manager.Stdout, manager.Stderr = t.Output(), t.Output()
	if err := manager.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = manager.Process.Signal(syscall.SIGTERM)
		_ = manager.Wait()
	})
	testenv.Until(t, "the server answers at the socket", func() bool {
		resp, err := http.Get(fmt.Sprintf("http://%s/healthz", addr))
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}
