package store

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
)

// pack reads the rows of a project, its hooks, search fields, sources, limits and catalogue, and returns them as
// [DB.unpack] takes them. It tells r which project that is. The sealed columns are opened: the key may be another when
// they are unpacked.
func (db *DB) pack(ctx context.Context, r *reading, where string, args ...any) ([]byte, error) {
	p := packer{db: db}
	if err := p.add(ctx, "select "+projectColumns+" from projects where deleted = 0 and "+where, args...); err != nil {
		return nil, err
	}
	u := unpacker{rest: p.packed}
	projects, err := unpackRows(&u, db.scanProject)
	if err != nil {
		return nil, err
	}
	if len(projects) == 0 {
		return nil, hookyard.ErrNotFound
	}
	key := projects[0].Key
	db.snapshots.of(r, key)
	for _, query := range []string{
		"select " + hookColumns + " from hooks where project_key = $1 and deleted = 0 order by key",
		searchFieldsQuery,
		"select " + sourceColumns + " from sources where project_key = $1 order by name",
	} {
		if err := p.add(ctx, query, key); err != nil {
			return nil, err
		}
	}
	if err := p.add(ctx, tenantsQuery, tenantsArgs(projects[0])...); err != nil {
		return nil, err
	}
	if err := p.add(ctx, catalogueQuery, strings.ToLower(projects[0].Owner)); err != nil {
		return nil, err
	}
	return append([]byte{}, p.packed...), nil
}

// unpack makes a snapshot of what pack returned.
func (db *DB) unpack(packed []byte) (*hookyard.Snapshot, error) {
	u := unpacker{rest: packed}
	s := &hookyard.Snapshot{Sources: map[string]*hookyard.Source{}}
	projects, err := unpackRows(&u, db.scanProject)
	if err != nil {
		return nil, err
	}
	s.Project = projects[0]
	path := s.Project.Path()
	if s.Hooks, err = unpackRows(&u, db.scanHook); err != nil {
		return nil, err
	}
	for _, h := range s.Hooks {
		if h.Project = path; h.Rate == 0 {
			h.Rate = s.Project.Rate
		}
	}
	_, err = unpackRows(&u, func(row scanner) (none struct{}, err error) {
		return none, addSearchField(&s.Fields, row)
	})
	if err != nil {
		return nil, err
	}
	sources, err := unpackRows(&u, db.scanSource)
	if err != nil {
		return nil, err
	}
	for _, source := range sources {
		source.Project = path
		s.Sources[source.Name] = source
	}
	quotas, err := unpackRows(&u, scanQuota)
	if err != nil {
		return nil, err
	}
	project, owner := db.tenantsOf(s.Project, quotas)
	for _, t := range []hookyard.Tenant{project, owner} {
		if t.IsMetered() {
			s.Tenants = append(s.Tenants, t)
		}
	}
	catalogues, err := unpackRows(&u, scanCatalogue)
	if err != nil {
		return nil, err
	}
	if len(catalogues) > 0 && catalogues[0].Mode != hookyard.CatalogueOff {
		s.Catalogue = &catalogues[0]
	}
	return s, nil
}

// What a value of a packed row is, and whether a row follows.
const (
	packedEnd byte = iota
	packedRow
	packedNull
	packedInt
	packedText
	packedBlob
)

// packer writes rows one after the other: packedRow and the values of each, and packedEnd after the last of a query. A
// value is its kind and a number, or a length and bytes.
type packer struct {
	db     *DB
	packed []byte
}

// add appends the rows of a query. Its blobs are sealed.
func (p *packer) add(ctx context.Context, query string, args ...any) error {
	rows, err := p.db.read.queryPrepared(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	values, to := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		to[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(to...); err != nil {
			return err
		}
		p.packed = append(p.packed, packedRow)
		for _, v := range values {
			if err := p.value(v); err != nil {
				return err
			}
		}
	}
	p.packed = append(p.packed, packedEnd)
	return rows.Err()
}

func (p *packer) value(v any) error {
	switch v := v.(type) {
	case nil:
		p.packed = append(p.packed, packedNull)
	case int64:
		p.packed = binary.AppendVarint(append(p.packed, packedInt), v)
	case bool:
		p.packed = append(p.packed, packedInt, 0)
		if v {
			p.packed[len(p.packed)-1] = 2 // 1 as a varint
		}
	case string:
		p.packed = binary.AppendUvarint(append(p.packed, packedText), uint64(len(v)))
		p.packed = append(p.packed, v...)
	case []byte:
		v = p.db.seal.clear(v)
		p.packed = binary.AppendUvarint(append(p.packed, packedBlob), uint64(len(v)))
		p.packed = append(p.packed, v...)
	default:
		return fmt.Errorf("the database has a value of type %T", v)
	}
	return nil
}

var errPacked = errors.New("packed rows are read as others than they are")

// unpacker reads packed rows. It is a [scanner] for the row at which it stands.
type unpacker struct{ rest []byte }

// unpackRows calls scan with each row of the next query and returns the results.
func unpackRows[T any](u *unpacker, scan func(scanner) (T, error)) ([]T, error) {
	var out []T
	for {
		if len(u.rest) == 0 {
			return nil, errPacked
		}
		more := u.rest[0] == packedRow
		u.rest = u.rest[1:]
		if !more {
			return out, nil
		}
		v, err := scan(u)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
}

// Scan is that of [sql.Rows], for the types that rows of a snapshot are read into.
func (u *unpacker) Scan(dest ...any) error {
	for _, d := range dest {
		if len(u.rest) == 0 {
			return errPacked
		}
		kind := u.rest[0]
		u.rest = u.rest[1:]
		var err error
		switch kind {
		case packedNull:
			err = setNull(d)
		case packedInt:
			n, size := binary.Varint(u.rest)
			u.rest = u.rest[max(size, 0):]
			err = setInt(d, n)
		case packedText, packedBlob:
			n, size := binary.Uvarint(u.rest)
			from := u.rest[max(size, 0):]
			if n > uint64(len(from)) {
				return errPacked
			}
			u.rest = from[n:]
			err = setBytes(d, from[:n:n])
		default:
			err = errPacked
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func setNull(dest any) error {
	switch d := dest.(type) {
	case *[]byte:
		*d = nil
	case *sql.NullInt64:
		*d = sql.NullInt64{}
	case *sql.NullString:
		*d = sql.NullString{}
	default:
		return errPacked
	}
	return nil
}

func setInt(dest any, n int64) error {
	switch d := dest.(type) {
	case *int64:
		*d = n
	case *bool:
		*d = n != 0
	case *time.Duration:
		*d = time.Duration(n)
	case *sql.NullInt64:
		*d = sql.NullInt64{Int64: n, Valid: true}
	default:
		return errPacked
	}
	return nil
}

func setBytes(dest any, b []byte) error {
	switch d := dest.(type) {
	case *string:
		*d = string(b)
	case *[]byte:
		*d = b
	case *sql.NullString:
		*d = sql.NullString{String: string(b), Valid: true}
	default:
		return errPacked
	}
	return nil
}
