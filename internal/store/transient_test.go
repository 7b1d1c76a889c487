package store

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// TestTransient tells what is a row's fault from what the database cannot do at the moment.
func TestTransient(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "small.db")+"?_pragma=max_page_count(8)")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.Exec("create table t (a text not null unique) strict"); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		"insert into t values (hex(zeroblob(100000)))": true, // the disk is full
		"insert into t values (null)":                  false,
		"insert into t values (1), (1)":                false,
		"insert into nothing values (1)":               false,
	} {
		_, err := db.Exec(text)
		if err == nil {
			t.Errorf("%s: no error", text)
		}
		if got := isTransientSQLite(err); got != want {
			t.Errorf("%s: %v is transient: %t, want %t", text, err, got, want)
		}
	}
	for code, want := range map[string]bool{"53100": true, "53300": true, "25006": true, "57014": true, "40P01": true,
		"23505": false, "22021": false, "42601": false, "54000": false} {
		if got := isTransientPostgres(&pgconn.PgError{Code: code}); got != want {
			t.Errorf("SQLSTATE %s is transient: %t, want %t", code, got, want)
		}
	}
}
