package web

import (
	"errors"
	"strconv"

	"github.com/hookyard/hookyard"
)

// edition is what a form was filled from. Now is the revision that is there, when somebody made it meanwhile: the form
// is shown again then, and may be saved over it.
type edition struct{ Revision, Now string }

func (v *visit) readEdition() edition {
	if v.get("do") == "overwrite" {
		return edition{Revision: v.get("now")}
	}
	return edition{Revision: v.get("revision")}
}

func editionOf(revision int64) edition { return edition{Revision: strconv.FormatInt(revision, 10)} }

// noteConflict notes that somebody else made another revision, when that is what err says.
func (e *edition) noteConflict(err error, now int64) {
	if errors.Is(err, hookyard.ErrConflict) {
		e.Now = strconv.FormatInt(now, 10)
	}
}
