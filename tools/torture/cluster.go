//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// cluster is a PostgreSQL server of our own: it can be stopped, killed and filled up without harm to others.
type cluster struct {
	bin     string // folder of initdb and postgres
	dir     string
	port    int
	user    *syscall.Credential
	process *process
}

// role is what hookyard connects as. It owns its database and is no superuser.
const role = "hookyard"

// postgresBin returns the folder of PostgreSQL's programs, the newest where there are several.
func postgresBin() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // Debian's
	if err == nil && len(found) > 0 {
		slices.Sort(found)
		return filepath.Dir(found[len(found)-1]), nil
	}
	path, err := exec.LookPath("initdb")
	if err == nil {
		path, err = filepath.EvalSymlinks(path) // the others lie beside it
	}
	if err != nil {
		return "", errors.New("PostgreSQL's initdb is not installed")
	}
	return filepath.Dir(path), nil
}

// serviceUser returns the user that PostgreSQL and PgBouncer run as, for they refuse to run as root; nil when we are
// not root.
func serviceUser() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return nil, errors.New("PostgreSQL does not run as root, and there is no user postgres or nobody")
		}
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, err
}

// newCluster makes a cluster below dir, which must exist, and starts it. The caller closes it.
func newCluster(ctx context.Context, dir string) (*cluster, error) {
	bin, err := postgresBin()
	if err != nil {
		return nil, err
	}
	u, err := serviceUser()
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	c := &cluster{bin: bin, dir: dir, port: port, user: u}
	if u != nil {
		if err := os.Chown(dir, int(u.Uid), int(u.Gid)); err != nil {
			return nil, err
		}
	}
	err = command{path: filepath.Join(bin, "initdb"), log: c.log(), user: u, args: []string{"-D", c.data(),
		"-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync"}}.run(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.start(ctx); err != nil {
		c.close()
		return nil, err
	}
	for _, s := range []string{"create role " + role + " login", "create database " + role + " owner " + role} {
		if err := c.exec(ctx, s); err != nil {
			c.close()
			return nil, err
		}
	}
	return c, nil
}

func (c *cluster) data() string { return filepath.Join(c.dir, "pg") }

// log lies beside the folder, so that a full disk does not stop it.
func (c *cluster) log() string { return c.dir + ".log" }

// start starts the server, unless it runs, and waits until it answers.
func (c *cluster) start(ctx context.Context) error {
	return until(ctx, time.Minute, func() error {
		if c.process == nil || !c.process.alive() {
			// A server that was killed leaves children, and until they have seen it a new one refuses to start.
			p, err := command{path: filepath.Join(c.bin, "postgres"), log: c.log(), user: c.user,
				args: []string{"-D", c.data(), "-p", strconv.Itoa(c.port), "-k", c.dir,
					"-c", "listen_addresses=127.0.0.1", "-c", "shared_buffers=64MB",
					"-c", "log_min_messages=fatal"}}.start()
			if err != nil {
				return err
			}
			c.process = p
			pause(ctx, 200*time.Millisecond)
		}
		return c.exec(ctx, "select 1")
	})
}

// stop ends the server with a signal: SIGINT ends sessions, SIGQUIT and SIGKILL lose what is not on the disk yet.
func (c *cluster) stop(s syscall.Signal) { c.process.stop(s, 30*time.Second) }

func (c *cluster) close() {
	if c.process != nil {
		c.process.signalFamily(syscall.SIGCONT)
		c.process.stop(syscall.SIGQUIT, 10*time.Second)
	}
}

// url returns the URL of hookyard's database by way of an address.
func databaseURL(addr string) string {
	return (&url.URL{Scheme: "postgres", User: url.User(role), Host: addr, Path: role,
		RawQuery: "sslmode=disable"}).String()
}

// connect connects as the superuser, to hookyard's database where there is one.
func (c *cluster) connect(ctx context.Context, user, database string) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return pgx.Connect(ctx, fmt.Sprintf("host=127.0.0.1 port=%d user=%s dbname=%s sslmode=disable", c.port, user,
		database))
}

// exec runs a statement as the superuser.
func (c *cluster) exec(ctx context.Context, statement string) error {
	conn, err := c.connect(ctx, "postgres", "postgres")
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	_, err = conn.Exec(ctx, statement)
	return err
}

// terminate ends all connections to hookyard's database.
func (c *cluster) terminate(ctx context.Context) error {
	return c.exec(ctx, "select pg_terminate_backend(pid) from pg_stat_activity where datname = '"+role+"'")
}

func bouncerPath() (string, error) {
	for _, path := range []string{"pgbouncer", "/usr/sbin/pgbouncer"} {
		if found, err := exec.LookPath(path); err == nil {
			return found, nil
		}
	}
	return "", errors.New("pgbouncer is not installed")
}

// bouncer is a PgBouncer in front of a cluster.
type bouncer struct {
	command command
	port    int
	process *process
}

// newBouncer starts PgBouncer. Beside the pool mode it has its defaults, with settings added to them.
func newBouncer(c *cluster, dir, settings string) (*bouncer, error) {
	path, err := bouncerPath()
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	users, ini := filepath.Join(dir, "users.txt"), filepath.Join(dir, "pgbouncer.ini")
	config := fmt.Sprintf("[databases]\n%[1]s = host=127.0.0.1 port=%[2]d dbname=%[1]s\n[pgbouncer]\n"+
		"listen_addr = 127.0.0.1\nlisten_port = %[3]d\nunix_socket_dir =\n"+
		"auth_type = trust\nauth_file = %[4]s\n%[5]s\n",
		role, c.port, port, users, settings)
	err = errors.Join(os.WriteFile(users, []byte(`"`+role+`" ""`+"\n"), 0o644),
		os.WriteFile(ini, []byte(config), 0o644))
	if err != nil {
		return nil, err
	}
	b := &bouncer{port: port,
		command: command{path: path, args: []string{ini}, log: filepath.Join(dir, "pgbouncer.log"), user: c.user}}
	return b, b.start()
}

func (b *bouncer) start() error {
	p, err := b.command.start()
	b.process = p
	return err
}

// stop ends PgBouncer and all connections through it.
func (b *bouncer) stop() {
	if b.process != nil {
		b.process.stop(syscall.SIGTERM, 5*time.Second)
	}
}
