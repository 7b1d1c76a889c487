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

// noteConflict sets the current revision if err says that another user has changed the thing.
func (e *edition) noteConflict(err error, now int64) {
	if errors.Is(err, hookyard.ErrConflict) {
		e.Now = strconv.FormatInt(now, 10)
	}
}
