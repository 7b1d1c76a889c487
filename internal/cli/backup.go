package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/app"
)

func newBackup(s *session) *cobra.Command {
	config := app.DefaultConfig()
	c := &cobra.Command{
		Use:   "backup FILE",
		Short: "Back up the SQLite database, while the server runs",
		Long: `Write a backup of the SQLite database into FILE, or to stdout if FILE is "-". The
server may be running: the backup is the database as it was at one moment, and the
server is not held up. Run it on the server's machine as the server's user; it
accepts the options of serve. It needs free space for a copy of the database: where
FILE is, or with "-" beside the database.

The backup holds a checksum and the fingerprint of the secret key, but not the key.
Keep a copy of the key apart from the backups: without it, the secrets in them are
lost. --key-copy writes one.

PostgreSQL is backed up with pg_dump.`,
		Example: `  hookyard backup --data /var/lib/hookyard /backups/hookyard-$(date +%F).backup
  hookyard backup --data /var/lib/hookyard - | zstd | ssh backups 'cat > hookyard.zst'`,
	}
	var keyCopy string
	config.Flags(c.Flags())
	c.Flags().StringVar(&keyCopy, "key-copy", "", "file that a copy of the secret key is written to (default none)")
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := s.loadComplete(c, &config); err != nil {
			return err
		}
		if args[0] == "-" && isTerminal(s.out) {
			return usagef("stdout is a terminal: redirect it, or name a FILE")
		}
		info, err := app.Backup(c.Context(), config, readBuild().Version, args[0], keyCopy, s.out)
		if errors.Is(err, app.ErrPostgres) {
			return usagef("%v", err).then("pg_dump --format=custom --file=hookyard.dump --dbname=%q",
				hookyard.MaskPassword(config.Database))
		}
		if err != nil {
			return noDatabase(err, &config)
		}
		if len(info.Keys) == 0 {
			s.say("warning: the secret key is not here, so the backup does not say which one it needs")
		}
		if args[0] == "-" {
			return nil
		}
		return s.showBackup(args[0], &info)
	}
	return takes(c, 1, 1)
}

// loadComplete reads the options of serve from where they are set, and completes them.
func (s *session) loadComplete(c *cobra.Command, config *app.Config) error {
	if _, err := s.load(c.LocalNonPersistentFlags()); err != nil {
		return err
	}
	if err := config.Complete(); err != nil {
		return usagef("%v", err)
	}
	return nil
}

// noDatabase explains an error if it is that there is no database.
func noDatabase(err error, config *app.Config) error {
	if _, missing := os.Stat(config.Database); errors.Is(missing, os.ErrNotExist) {
		return failf(exitNotFound, "%v", err).then("the database is expected at %s (settings: --data, --database)",
			hookyard.MaskPassword(config.Database))
	}
	return err
}

func (s *session) showBackup(name string, info *app.BackupInfo) error {
	return s.show(info, func() error {
		return s.card(field{"backup", name}, field{"made", localTime(info.Created)},
			field{"size", hookyard.FormatSize(info.Size)}, field{"SHA-256", info.SHA256},
			field{"schema", strconv.Itoa(info.Schema)}, field{"key", strings.Join(info.Keys, ", ")})
	})
}

func newRestore(s *session) *cobra.Command {
	config := app.DefaultConfig()
	c := &cobra.Command{
		Use:   "restore FILE",
		Short: "Make a database from a backup, before the server starts",
		Long: `Make the SQLite database of a server from a backup in FILE, or on stdin if FILE is
"-". It never overwrites a database. It accepts the options of serve: the database
is made where a server with these options looks for it. The checksum of the backup
is compared, and the secret key must be in place.

After the start, deliveries that were pending in the backup are sent, also those
that were sent since: receivers can get them again. Users have to sign in again.
Users, tokens and passwords that were deleted or changed since the backup are as
they were.

With a postgres:// --database there is no FILE: run it after pg_restore.`,
		Example: `  hookyard restore /backups/hookyard-2026-11-28.backup --data /var/lib/hookyard
  hookyard restore /backups/hookyard-2026-11-28.backup --data /var/lib/hookyard --dry-run
  hookyard restore --database postgres://hookyard@db/hookyard`,
	}
	var dryRun bool
	config.Flags(c.Flags())
	c.Flags().BoolVar(&dryRun, "dry-run", false, "check the backup and the key, and write nothing")
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := s.loadComplete(c, &config); err != nil {
			return err
		}
		if config.IsPostgres() {
			return s.restorePostgres(c.Context(), &config, args, dryRun)
		}
		if len(args) == 0 {
			return usagef("missing argument; usage: %s", c.UseLine())
		}
		if dryRun {
			if args[0] == "-" {
				return usagef("--dry-run needs a FILE")
			}
			info, err := app.CheckBackup(c.Context(), config, readBuild().Version, args[0])
			if err != nil {
				return err
			}
			return s.showBackup(args[0], &info)
		}
		in := io.NopCloser(s.in)
		if args[0] == "-" && isTerminal(s.in) {
			return usagef("stdin is a terminal: redirect it, or name a FILE")
		}
		if args[0] != "-" {
			f, err := os.Open(args[0])
			if err != nil {
				return failf(exitNotFound, "%v", err)
			}
			in = f
		}
		defer func() { _ = in.Close() }()
		info, err := app.Restore(c.Context(), config, readBuild().Version, in)
		if err != nil {
			return err
		}
		s.say("restored to %s; start the server. What was pending in the backup is sent, again if it was sent since",
			config.Database)
		return s.showBackup(args[0], &info)
	}
	return takes(c, 0, 1)
}

// restorePostgres prepares a database that pg_restore has written.
func (s *session) restorePostgres(ctx context.Context, config *app.Config, args []string, dryRun bool) error {
	if len(args) > 0 || dryRun {
		return usagef("a PostgreSQL database is restored with pg_restore: run this after it, without FILE and " +
			"--dry-run")
	}
	if _, err := app.Restore(ctx, *config, readBuild().Version, nil); err != nil {
		return err
	}
	s.say("ready: start the server. What was pending in the backup is sent, again if it was sent since")
	return nil
}
