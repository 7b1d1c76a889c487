package web

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"
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

// bar draws a rectangle that says what it is.
func (d *drawing) bar(class string, x, y, w, h float64, title string) {
	d.WriteString(`<rect class="` + class + `" x="`)
	d.number(x)
	d.WriteString(`" y="`)
	d.number(y)
	d.WriteString(`" width="`)
	d.number(w)
	d.WriteString(`" height="`)
	d.number(h)
	d.WriteString(`"><title>` + template.HTMLEscapeString(title) + `</title></rect>`)
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
	Label string
	Parts []int
}

// chart is a picture with the table it was made from.
type chart struct {
	Picture template.HTML
	Caption string
	Names   []string // of the parts
	Rows    []bucket
	classes []string
	most    int
}

// Legend pairs each part's class with its name.
func (c chart) Legend() [][2]string {
	var out [][2]string
	for i, name := range c.Names {
		out = append(out, [2]string{c.classes[i], name})
	}
	return out
}

// Ends are what stands below a chart: its first bar, the height of the highest, and its last.
func (c chart) Ends() []string {
	if len(c.Rows) == 0 {
		return nil
	}
	return []string{c.Rows[0].Label, "highest bar: " + num(c.most), c.Rows[len(c.Rows)-1].Label}
}

// stacked draws bars whose parts have the classes given.
func stacked(caption string, names, classes []string, rows []bucket) chart {
	const width, height = 600, 110
	total, most := 0, 1
	for _, r := range rows {
		sum := 0
		for _, p := range r.Parts {
			sum += p
		}
		total, most = total+sum, max(most, sum)
	}
	d := newDrawing("bars", fmt.Sprintf("%s: %d in all, at most %d in one bar", caption, total, most), width, height)
	step := float64(width) / float64(max(1, len(rows)))
	gap := math.Min(3, step/5)
	for i, r := range rows {
		y := float64(height)
		for k, p := range r.Parts {
			if p == 0 {
				continue
			}
			h := math.Max(1.5, float64(p)*(height-4)/float64(most))
			y -= h
			d.bar(classes[k], float64(i)*step+gap/2, y, step-gap, h, fmt.Sprintf("%s: %d %s", r.Label, p, names[k]))
		}
	}
	fmt.Fprintf(d, `<path class="axis" d="M0 %.1fH%d"/>`, height-.5, width)
	return chart{Picture: d.done(), Caption: caption, Names: names, Rows: rows, classes: classes, most: most}
}

// edges are the upper bounds of the latency histogram's bars.
func edges() []time.Duration {
	ms := time.Millisecond
	return []time.Duration{5 * ms, 10 * ms, 25 * ms, 50 * ms, 100 * ms, 250 * ms, 500 * ms, time.Second, 2500 * ms,
		5 * time.Second, 15 * time.Second, 30 * time.Second}
}

// histogram draws how long attempts took, those that were answered with a 2xx apart.
func histogram(ok, failed []time.Duration) chart {
	bounds := edges()
	rows := make([]bucket, len(bounds)+1)
	for i := range rows {
		label := "over " + took(bounds[len(bounds)-1])
		if i < len(bounds) {
			label = "up to " + took(bounds[i])
		}
		rows[i] = bucket{Label: label, Parts: []int{0, 0}}
	}
	put := func(part int, all []time.Duration) {
		for _, d := range all {
			i := 0
			for i < len(bounds) && d > bounds[i] {
				i++
			}
			rows[i].Parts[part]++
		}
	}
	put(0, ok)
	put(1, failed)
	return stacked("Duration of attempts", []string{"accepted", "failed"}, []string{"good", "bad"}, rows)
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
		d.bar(m.Class, math.Min(x, width-8-w), 9, w, 16, m.Title)
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
	d.bar("good", 0, 0, w, 6, fmt.Sprintf("%d accepted", good))
	if good < all {
		d.bar("bad", w, 0, 100-w, 6, fmt.Sprintf("%d failed", all-good))
	}
	return d.done()
}
