package web

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
)

// Charts are SVG that this file writes: no library gives marks their titles and leaves colours to the style sheet,
// which both themes need. Every chart has its numbers in words, for those who do not see it.

// drawing is an SVG that is being written.
type drawing struct{ strings.Builder }

func newDrawing(class, label string, width, height int) *drawing {
	d := &drawing{}
	fmt.Fprintf(d, `<svg class="chart %s" viewBox="0 0 %d %d" role="img" aria-label="%s" preserveAspectRatio="none">`,
		class, width, height, template.HTMLEscapeString(label))
	return d
}

func (d *drawing) done() template.HTML {
	d.WriteString("</svg>")
	return template.HTML(d.String())
}

// bar draws a rectangle that says what it is. at is the time with which title begins, which the page's script shows in
// the viewer's zone; it may be zero.
func (d *drawing) bar(class string, x, y, w, h float64, at time.Time, title string) {
	d.WriteString(`<rect class="` + class + `" x="`)
	d.number(x)
	d.WriteString(`" y="`)
	d.number(y)
	d.WriteString(`" width="`)
	d.number(w)
	d.WriteString(`" height="`)
	d.number(h)
	d.WriteString(`"><title`)
	if !at.IsZero() {
		d.WriteString(` data-at="` + at.UTC().Format(time.RFC3339) + `"`)
	}
	d.WriteString(`>` + template.HTMLEscapeString(title) + `</title></rect>`)
}

func (d *drawing) number(f float64) {
	d.WriteString(strconv.FormatFloat(math.Round(f*100)/100, 'f', -1, 64))
}

// sparkline draws counts as a small area.
func sparkline(label string, counts []int) template.HTML {
	const width, height = 120, 24
	d := newDrawing("spark", label, width, height)
	most, n := 1, len(counts)
	for _, c := range counts {
		most = max(most, c)
	}
	point := func(i int) (x, y float64) {
		return float64(i) * width / float64(max(1, n-1)), height - 1.5 - float64(counts[i])*(height-4)/float64(most)
	}
	if n > 0 {
		var line strings.Builder
		for i := range counts {
			x, y := point(i)
			fmt.Fprintf(&line, "%s%.1f %.1f", map[bool]string{true: "M", false: "L"}[i == 0], x, y)
		}
		fmt.Fprintf(d, `<path class="area" d="%sL%d %dL0 %dZ"/><path class="line" d="%s"/>`, line.String(), width,
			height, height, line.String())
	}
	return d.done()
}

// bucket is one bar of a chart: parts on top of each other, in the order of the chart's classes.
type bucket struct {
	At    time.Time // when the bar begins; zero if Label says what it is, or if it is a day
	Label string
	Parts []int
}

// Name is what the bar is about: the page's script shows times in the viewer's zone.
func (b bucket) Name() template.HTML {
	if b.At.IsZero() {
		return template.HTML(template.HTMLEscapeString(b.Label))
	}
	return brief(b.At)
}

// chart is a picture with the table it was made from.
type chart struct {
	Picture template.HTML
	Caption string
	Names   []string // of the parts
	Rows    []bucket
	Ticks   []string // below the bars, where the histogram's ticks are; nil: the first and the last bar's name
	Most    int      // height of the highest bar
	classes []string
}

// Legend pairs each part's class with its name.
func (c chart) Legend() [][2]string {
	var out [][2]string
	for i, name := range c.Names {
		out = append(out, [2]string{c.classes[i], name})
	}
	return out
}

// Ends are what stands below a chart of times: its first bar and its last.
func (c chart) Ends() []template.HTML {
	if len(c.Rows) == 0 {
		return nil
	}
	return []template.HTML{c.Rows[0].Name(), c.Rows[len(c.Rows)-1].Name()}
}

// stacked draws bars whose parts have the classes given.
func stacked(caption string, names, classes []string, rows []bucket) chart {
	const width, height = 600, 110
	const top = 4
	total, most := 0, 0
	for _, r := range rows {
		sum := 0
		for _, p := range r.Parts {
			sum += p
		}
		total, most = total+sum, max(most, sum)
	}
	label := fmt.Sprintf("%s: %s in all, at most %s in one bar", caption, num(total), num(most))
	d := newDrawing("bars", label, width, height)
	if most > 0 {
		fmt.Fprintf(d, `<path class="axis highest" d="M0 %dH%d"/>`, top, width)
	}
	step := float64(width) / float64(max(1, len(rows)))
	gap := math.Min(3, step/5)
	for i, r := range rows {
		y := float64(height)
		for k, p := range r.Parts {
			if p == 0 {
				continue
			}
			h := math.Max(1.5, float64(p)*(height-top)/float64(max(1, most)))
			y -= h
			d.bar(classes[k], float64(i)*step+gap/2, y, step-gap, h, r.At, fmt.Sprintf("%s: %s %s", r.Label, num(p),
				names[k]))
		}
	}
	fmt.Fprintf(d, `<path class="axis" d="M0 %.1fH%d"/>`, height-.5, width)
	return chart{Picture: d.done(), Caption: caption, Names: names, Rows: rows, classes: classes, Most: most}
}

// histogram draws how long receivers took to answer.
func histogram(caption string, c *hookyard.Counts) chart {
	var rows []bucket
	lower := ""
	for i, n := range c.Buckets() {
		label := "over " + lower
		if i < len(hookyard.LatencyBounds) {
			upper := bound(hookyard.LatencyBounds[i])
			label = "up to " + upper
			if lower != "" {
				label = lower + " – " + upper
			}
			lower = upper
		}
		rows = append(rows, bucket{Label: label, Parts: []int{int(n)}})
	}
	h := stacked(caption, []string{"answered"}, []string{"plain"}, rows)
	for _, i := range [...]int{0, 3, 6, 9, 11} { // as .scale in style.css
		h.Ticks = append(h.Ticks, bound(hookyard.LatencyBounds[i]))
	}
	return h
}

// bound is the bound of a bucket: 5 ms, 2.5 s.
func bound(d time.Duration) string {
	if d < time.Second {
		return num(int(d.Milliseconds())) + " ms"
	}
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + " s"
}

// mark is an attempt on a timeline.
type mark struct {
	At    time.Time
	Took  time.Duration
	Class string
	Title string
}

// timeline draws attempts from the time an event came in; long waits are shortened, as times are drawn by their
// logarithm.
func timeline(label string, start, end time.Time, marks []mark) template.HTML {
	const width, height = 600, 34
	d := newDrawing("timeline", label, width, height)
	span := math.Log1p(math.Max(end.Sub(start).Seconds(), .05) * 20)
	place := func(t time.Time) float64 {
		return 8 + (width-16)*math.Log1p(math.Max(0, t.Sub(start).Seconds())*20)/span
	}
	fmt.Fprintf(d, `<path class="axis" d="M8 17H%d"/>`, width-8)
	for _, m := range marks {
		x := place(m.At)
		w := math.Max(6, place(m.At.Add(m.Took))-x)
		at := time.Time{}
		if m.Class == "planned" {
			at = m.At // its title begins with it
		}
		d.bar(m.Class, math.Min(x, width-8-w), 9, w, 16, at, m.Title)
	}
	return d.done()
}

// ratioBar draws how much of a whole was good.
func ratioBar(good, all int) template.HTML {
	if all == 0 {
		return ""
	}
	d := newDrawing("ratio", fmt.Sprintf("%s accepted: %d of %d", percent(good, all), good, all), 100, 6)
	w := 100 * float64(good) / float64(all)
	d.bar("good", 0, 0, w, 6, time.Time{}, fmt.Sprintf("%d accepted", good))
	if good < all {
		d.bar("bad", w, 0, 100-w, 6, time.Time{}, fmt.Sprintf("%d not delivered", all-good))
	}
	return d.done()
}
