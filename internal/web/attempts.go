package web

import (
	"html/template"
	"net/http"
	"time"

	"github.com/hookyard/hookyard"
)

// attemptsPicture draws the attempts of a delivery on a time line. It returns "" when there is only one mark to draw.
func attemptsPicture(d hookyard.Delivery, attempts []hookyard.Attempt) template.HTML {
	if len(attempts) == 0 {
		return ""
	}
	end := d.EventTime.Add(time.Second)
	var marks []mark
	for i := range attempts {
		a := &attempts[i]
		m := mark{At: a.StartedAt, Took: a.Duration, Class: "bad",
			Title: "attempt " + num(a.N) + ": " + outcome(a) + ", " + took(a.Duration)}
		if a.Status >= 200 && a.Status < 300 && a.ErrorKind == "" {
			m.Class = "good"
		}
		marks = append(marks, m)
		if done := a.StartedAt.Add(a.Duration); done.After(end) {
			end = done
		}
	}
	if d.Due.After(end) {
		marks = append(marks, mark{At: d.Due, Class: "planned", Title: d.Due.UTC().Format(briefLayout) +
			": next attempt"})
		end = d.Due
	}
	if len(marks) < 2 {
		return ""
	}
	return timeline(plural(len(attempts), "attempt")+", "+string(d.State), d.EventTime, end, marks)
}

// outcome says how an attempt ended, in a few words.
func outcome(a *hookyard.Attempt) string {
	switch {
	case a.Error != "" && a.Status != 0:
		return num(a.Status) + " " + a.Error
	case a.Error != "":
		return a.Error
	}
	return num(a.Status) + " " + http.StatusText(a.Status)
}
