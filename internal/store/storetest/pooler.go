package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/testenv"
)

// Pooler makes a PostgreSQL database with a PgBouncer before it, both for this test. settings are lines of PgBouncer's
// configuration, which otherwise is the default. It returns URLs through PgBouncer and past it.
func Pooler(t testing.TB, settings string) (pooled, direct string) {
	t.Helper()
	program := testenv.Program(t, "pgbouncer", "/usr/sbin/pgbouncer")
	base, err := url.Parse(testenv.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	name := "hookyard_test_" + hookyard.NewID("x")
	admin, err := sql.Open("pgx", base.String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := admin.Exec("create database " + name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := admin.Exec("drop database " + name + " with (force)"); err != nil {
			t.Error(err)
		}
		_ = admin.Close()
	})
	behind, before := *base, *base
	behind.Path = "/" + name
	port := testenv.Port(t)
	before.Path, before.Host = "/"+name, fmt.Sprintf("127.0.0.1:%d", port)
	login := "user=" + base.User.Username()
	if password, ok := base.User.Password(); ok {
		login += " password=" + password
	}
	text := fmt.Sprintf("[databases]\n%s = host=%s port=%s dbname=%s %s\n[pgbouncer]\n"+
		"listen_addr = 127.0.0.1\nlisten_port = %d\nunix_socket_dir =\nauth_type = any\n%s\n",
		name, base.Hostname(), base.Port(), name, login, port, settings)
	file := filepath.Join(t.TempDir(), "pgbouncer.ini")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{file}
	if os.Getuid() == 0 {
		args = append([]string{"-u", "nobody"}, args...) // it refuses to run as root
	}
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // killed
	}()
	t.Cleanup(func() {
		stop()
		<-ended
	})
	testenv.Until(t, "pgbouncer to listen", func() bool {
		select {
		case <-ended:
			t.Fatal("pgbouncer does not start; its log is above")
		default:
		}
		c, err := net.Dial("tcp", before.Host)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	return before.String(), behind.String()
}
