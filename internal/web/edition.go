package web

import (
	"errors"
	"strconv"

	"github.com/hookyard/hookyard"
)

// edition is the revision that a form was filled from. When another user has changed the thing since, Now is its
// current revision: the form is shown again, and its user may save over that one.
type edition struct{ Revision, Now string }

func (v *visit) readEdition() edition {
	if v.get("do") == "overwrite" {
		return edition{Revision: v.get("now")}
	}
	return edition{Revision: v.get("revision")}
}

func editionOf(revision int64) edition { return edition{Revision: strconv.FormatInt(revision, 10)} }

// revision returns the revision that the form changes, or 0 if it names none.
func (e *edition) revision() (int64, error) {
	if e.Revision == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(e.Revision, 10, 64)
	if err != nil || n < 0 {
		return 0, hookyard.FieldErrorf("revision", "The form was cut off; open the page again.")
	}
	return n, nil
}

// noteConflict sets the current revision if err says that another user has changed the thing.
func (e *edition) noteConflict(err error, now int64) {
	if errors.Is(err, hookyard.ErrConflict) {
		e.Now = strconv.FormatInt(now, 10)
	}
}
