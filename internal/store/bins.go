package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/hookyard/hookyard"
)

// CreateBin stores a new bin. It fails with [hookyard.Unavailable] if there are total bins, and with
// [hookyard.TooMany] if there are perAddress bins from b.Remote.
func (db *DB) CreateBin(ctx context.Context, b *hookyard.Bin, perAddress, total int) error {
	answer, err := answerText(b.Answer)
	if err != nil {
		return err
	}
	return db.tx(ctx, func(tx *limitedTx) error {
		var all, own int
		err := tx.QueryRowContext(ctx,
			"select (select count(*) from bins), (select count(*) from bins where remote = $1)", b.Remote).Scan(&all,
			&own)
		switch {
		case err != nil:
			return err
		case all >= total:
			return hookyard.Errorf(hookyard.Unavailable,
				"there are %d bins, which is as many as this server keeps; the oldest go after two days "+
					"(setting: --max-bins)", all)
		case own >= perAddress:
			return hookyard.Errorf(hookyard.TooMany,
				"there are %d bins made from your address, which is as many as one gets; delete one, or wait "+
					"(setting: --max-bins-per-address)", own)
		}
		_, err = tx.ExecContext(ctx, `insert into bins (name, secret, private, color, answer, remote, requests, created,
				expires)
			values ($1, $2, $3, $4, $5, $6, 0, $7, $8)`,
			b.Name, b.Secret, b.Private, b.Color, answer, b.Remote, micros(b.CreatedAt), micros(b.ExpiresAt))
		return err
	})
}

func answerText(a *hookyard.Answer) (string, error) {
	if a == nil {
		return "", nil
	}
	text, err := json.Marshal(a)
	return string(text), err
}

// SetBinAnswer changes what a bin answers. With nil it answers 200 and "ok".
func (db *DB) SetBinAnswer(ctx context.Context, name string, a *hookyard.Answer) error {
	answer, err := answerText(a)
	if err != nil {
		return err
	}
	return db.txPlain(ctx, func(c conn) error {
		_, err := c.ExecContext(ctx, "update bins set answer = $1 where name = $2", answer, name)
		return err
	})
}

// Bin returns a bin that has not expired at now, or [hookyard.ErrNotFound].
func (db *DB) Bin(ctx context.Context, name string, now time.Time) (*hookyard.Bin, error) {
	b := &hookyard.Bin{}
	var answer string
	var created, expires int64
	err := db.read.QueryRowContext(ctx, `select name, secret, private, color, answer, remote, requests, created,
		expires from bins where name = $1 and expires > $2`, name, micros(now)).Scan(
		&b.Name, &b.Secret, &b.Private, &b.Color, &answer, &b.Remote, &b.Requests, &created, &expires)
	if err != nil {
		return nil, db.translate(err)
	}
	b.CreatedAt, b.ExpiresAt = fromMicros(created), fromMicros(expires)
	if answer != "" {
		b.Answer = &hookyard.Answer{}
		if err := json.Unmarshal([]byte(answer), b.Answer); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// KeepBinRequest stores a request to a bin and counts it. Only the newest keep requests of the bin stay. It fails with
// [hookyard.ErrNotFound] if there is no such bin.
func (db *DB) KeepBinRequest(ctx context.Context, r *hookyard.BinRequest, keep int) error {
	return db.tx(ctx, func(tx *limitedTx) error {
		var n int64
		if err := tx.QueryRowContext(ctx, "update bins set requests = requests + 1 where name = $1 returning requests",
			r.Bin).Scan(&n); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `insert into bin_requests (id, bin, time, method, path, remote, header,
				body, size)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			r.ID, r.Bin, micros(r.Time), r.Method, r.Path, r.Remote, hookyard.EncodeHeader([]byte{}, r.Header),
			notNil(r.Body), r.Size)
		if err != nil || n <= int64(keep) {
			return err
		}
		_, err = tx.ExecContext(ctx, `delete from bin_requests where bin = $1 and key <= (
			select key from bin_requests where bin = $1 order by key desc limit 1 offset $2)`, r.Bin, keep)
		return err
	})
}

const binRequestColumns = "id, bin, time, method, path, remote, header, body, size"

func scanBinRequest(row scanner) (*hookyard.BinRequest, error) {
	r := &hookyard.BinRequest{}
	var at int64
	var header []byte
	err := row.Scan(&r.ID, &r.Bin, &at, &r.Method, &r.Path, &r.Remote, &header, &r.Body, &r.Size)
	r.Time, r.Header = fromMicros(at), hookyard.DecodeHeader(header)
	return r, err
}

// BinRequests returns the stored requests of a bin, newest first.
func (db *DB) BinRequests(ctx context.Context, bin string) ([]*hookyard.BinRequest, error) {
	rows, err := db.read.QueryContext(ctx,
		"select "+binRequestColumns+" from bin_requests where bin = $1 order by key desc", bin)
	if err != nil {
		return nil, err
	}
	return collect(rows, scanBinRequest)
}

// BinRequest returns a request of a bin by its id, or [hookyard.ErrNotFound].
func (db *DB) BinRequest(ctx context.Context, bin, id string) (*hookyard.BinRequest, error) {
	r, err := scanBinRequest(db.read.QueryRowContext(ctx,
		"select "+binRequestColumns+" from bin_requests where bin = $1 and id = $2", bin, id))
	if err != nil {
		return nil, db.translate(err)
	}
	return r, nil
}

// DeleteBin deletes a bin with its requests. It is not an error if there is none.
func (db *DB) DeleteBin(ctx context.Context, name string) error {
	return db.txPlain(ctx, func(c conn) error { return deleteBin(ctx, c, name) })
}

func deleteBin(ctx context.Context, c conn, name string) error {
	if _, err := c.ExecContext(ctx, "delete from bin_requests where bin = $1", name); err != nil {
		return err
	}
	_, err := c.ExecContext(ctx, "delete from bins where name = $1", name)
	return err
}

// PruneBins deletes some of the bins that have expired at now with their requests, and returns how many. 0 means that
// no expired bin is left.
func (db *DB) PruneBins(ctx context.Context, now time.Time) (int, error) {
	rows, err := db.read.QueryContext(ctx, "select name from bins where expires <= $1 order by expires limit 20",
		micros(now))
	if err != nil {
		return 0, err
	}
	names, err := collect(rows, func(row scanner) (name string, err error) {
		err = row.Scan(&name)
		return name, err
	})
	if err != nil || len(names) == 0 {
		return 0, err
	}
	return len(names), db.txPlain(ctx, func(c conn) error {
		for _, name := range names {
			if err := deleteBin(ctx, c, name); err != nil {
				return err
			}
		}
		return nil
	})
}
