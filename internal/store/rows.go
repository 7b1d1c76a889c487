package store

import "database/sql"

// scanner is one row of a result.
type scanner interface{ Scan(dest ...any) error }

// collect calls scan with each row, returns the results and closes rows.
func collect[T any](rows *sql.Rows, scan func(scanner) (T, error)) ([]T, error) {
	defer func() { _ = rows.Close() }()
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}
