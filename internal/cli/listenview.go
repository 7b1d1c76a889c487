package cli

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/curl"
)

// maxRows is the maximum number of events in the live table.
const maxRows = 1000

// listenView is the live table of listen. Bubble Tea calls its methods from one goroutine.
type listenView struct {
	*session
	listener *listener
	ctx      context.Context // for resending events

	rows          []row
	selected      int
	open          bool // the details of the selected event are shown
	top           int  // first visible line of the details
	status        string
	passing       bool // the status is true until the next event
	waiting       string
	up, quit      bool
	width, height int

	browse func(ctx context.Context, page string) error // nil means openBrowser
}

type row struct {
	event  *client.StreamEvent
	answer *answered
}

// resent is the response to an event that the user resent.
type resent struct {
	id     string
	answer *answered
}

// warning is a message that only changes the status line.
type warning string

// Init implements [tea.Model].
func (v *listenView) Init() tea.Cmd { return nil }

// Update implements [tea.Model]. It handles keys, events and the window's size.
func (v *listenView) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		v.width, v.height = msg.Width, msg.Height
	case notice:
		v.heard(msg)
	case warning:
		v.status = string(msg)
	case resent:
		v.status = fmt.Sprintf("%s resent: %s", msg.id, msg.answer.summary())
		for i := range v.rows {
			if v.rows[i].event.ID == msg.id {
				v.rows[i].answer = msg.answer
			}
		}
	case tea.KeyPressMsg:
		return v, v.key(msg.String())
	}
	return v, nil
}

// heard adds an event, or updates one that is being retried. If the last row was selected, the selection follows.
func (v *listenView) heard(n notice) {
	v.waiting = n.waiting
	if n.event == nil {
		if v.up = n.up; n.text != "" {
			v.status, v.passing = n.text, n.passes
		}
		return
	}
	if n.event.Gap != nil {
		v.status = n.event.Gap.Message
		return
	}
	last := len(v.rows) - 1
	if last >= 0 && v.rows[last].event.ID == n.event.ID {
		v.rows[last].answer = n.answer
	} else {
		follow := v.selected >= last
		v.rows = append(v.rows, row{n.event, n.answer})
		if drop := len(v.rows) - maxRows; drop > 0 {
			v.rows, v.selected = slices.Delete(v.rows, 0, drop), max(0, v.selected-drop)
		}
		if follow && !v.open {
			v.selected = len(v.rows) - 1
		}
	}
	switch {
	case n.again:
		v.status = n.text
	case v.passing:
		v.status = ""
	}
	v.passing = n.again
}

func (v *listenView) key(key string) tea.Cmd {
	switch key {
	case "q", "ctrl+c":
		v.quit = true
		return tea.Quit
	case "esc":
		v.open, v.top = false, 0
	case "enter", "d":
		v.open, v.top = !v.open && len(v.rows) > 0, 0
	case "j", "down":
		v.move(1)
	case "k", "up":
		v.move(-1)
	case "pgdown", "ctrl+f", "space":
		v.move(v.page())
	case "pgup", "ctrl+b":
		v.move(-v.page())
	case "s":
		v.skip()
	case "c":
		return v.copyCurl()
	case "o":
		return v.openPage()
	case "w":
		return v.copySecret()
	case "g", "home":
		v.move(-maxRows)
	case "G", "end":
		v.move(maxRows)
	case "r":
		return v.resend(v.selected)
	case "R":
		return v.resend(len(v.rows) - 1)
	}
	return nil
}

// move moves the selection, or scrolls the details.
func (v *listenView) move(by int) {
	if v.open {
		v.top = max(0, v.top+by)
		return
	}
	v.selected = max(0, min(len(v.rows)-1, v.selected+by))
}

// page returns the number of lines between the first and the last line of the screen.
func (v *listenView) page() int { return max(v.height, 10) - 3 }

// skip gives up the event that is being retried.
func (v *listenView) skip() {
	select {
	case v.listener.skip <- struct{}{}:
		v.status = ""
	default:
		v.status = "no event is being retried"
	}
}

// copyCurl puts the selected event into the terminal's clipboard, as a command that sends it.
func (v *listenView) copyCurl() tea.Cmd {
	if len(v.rows) == 0 {
		return nil
	}
	e := v.rows[v.selected].event
	v.status = e.ID + " copied as a curl command"
	return tea.SetClipboard(curl.Command(curl.Request{Method: orText(e.Method, http.MethodPost),
		URL: orText(v.listener.to, "http://localhost:3000/"), Header: forwardedHeader(e.Header, e.ContentType),
		Body: e.Base64}))
}

// openPage shows the page of the selected event in the browser.
func (v *listenView) openPage() tea.Cmd {
	if len(v.rows) == 0 {
		return nil
	}
	page := strings.TrimRight(v.server, "/") + "/" + v.listener.project + "/events/" + v.rows[v.selected].event.ID
	browse := openBrowser
	if v.browse != nil {
		browse = v.browse
	}
	return func() tea.Msg {
		if err := browse(v.ctx, page); err != nil {
			return warning("no browser can be started; the page is " + page)
		}
		return warning("opened " + page)
	}
}

// copySecret puts the secret of published events into the terminal's clipboard.
func (v *listenView) copySecret() tea.Cmd {
	if v.listener.signer == nil {
		v.status = "nothing is sent, so nothing is signed: start listen with --forward-to URL"
		return nil
	}
	v.status = "copied the secret that published events are signed with"
	return tea.SetClipboard(v.listener.signer.secret)
}

func (v *listenView) resend(i int) tea.Cmd {
	if i < 0 || i >= len(v.rows) {
		return nil
	}
	if v.listener.to == "" {
		v.status = "no URL to send it to: start listen with --forward-to URL"
		return nil
	}
	e := v.rows[i].event
	return func() tea.Msg { return resent{e.ID, v.listener.sendOnce(v.ctx, e)} }
}

// View implements [tea.Model]. It draws the table or the selected event.
func (v *listenView) View() tea.View {
	height := max(v.height, 10)
	lines := v.table(height - 3)
	if v.open {
		lines = v.details(height - 3)
	}
	light := v.paint(yellow, "○")
	if v.up {
		light = v.paint(green, "●")
	}
	head := fmt.Sprintf("%s %s", light, cell(v.listener.project))
	if v.waiting != "" {
		head += fmt.Sprintf(" · %s", v.paint(yellow, "waiting "+v.waiting))
	}
	if v.listener.to != "" {
		head += " → " + cell(v.listener.to)
	}
	keys := "j k move · Enter details · r R resend · s skip · c curl · o page · w secret · q"
	view := tea.NewView(strings.Join(append(append([]string{v.fit(head)}, lines...), v.fit(cell(v.status)),
		v.fit(string(v.paint(grey, keys)))), "\n"))
	view.AltScreen = true
	return view
}

func (v *listenView) fit(line string) string {
	if v.width <= 0 {
		return line
	}
	return lipgloss.NewStyle().MaxWidth(v.width).Render(line)
}

// table returns the rows around the selected one.
func (v *listenView) table(height int) []string {
	first := max(0, min(v.selected-height/2, len(v.rows)-height))
	lines := make([]string, 0, height)
	for i := first; i < len(v.rows) && len(lines) < height; i++ {
		e, mark := v.rows[i].event, " "
		if i == v.selected {
			mark = "›"
		}
		// What matters first: a narrow terminal cuts the end.
		line := fmt.Sprintf("%s %s%s  %-24s %-10s %7d  %s", mark, v.outcome(v.rows[i].answer),
			e.Time.Local().Format("15:04:05"), cell(e.Type), cell(e.Source), e.Size, e.ID)
		if i == v.selected && v.colored(v.out) {
			line = lipgloss.NewStyle().Bold(true).Render(line)
		}
		lines = append(lines, v.fit(line))
	}
	for len(lines) < height {
		lines = append(lines, "")
	}
	return lines
}

// outcome returns the response of the URL in a column at the start of a row: the status and the time, or the error.
func (v *listenView) outcome(a *answered) string {
	const width = 20
	if v.listener.to == "" {
		return ""
	}
	text, color := "…", ""
	if a != nil {
		text, color = a.summary(), statusColor(a.Status)
	}
	if a != nil && a.Error == "" {
		text += " in " + hookyard.FormatDuration(a.took.Round(time.Millisecond))
	}
	text = lipgloss.NewStyle().MaxWidth(width).Render(cell(text))
	return string(v.paint(color, text)) + strings.Repeat(" ", width+2-lipgloss.Width(text))
}

// details returns the selected event: header, body and response.
func (v *listenView) details(height int) []string {
	r := v.rows[v.selected]
	text := []string{cell(r.event.ID + "  " + r.event.Type), ""}
	for _, name := range sortedNames(r.event.Header) {
		for _, value := range r.event.Header[name] {
			text = append(text, string(v.paint(blue, cell(name)+":"))+" "+cell(value))
		}
	}
	text = append(text, "")
	text = append(text, strings.Split(cleanText(prettyJSON(r.event.Base64)), "\n")...)
	if r.answer != nil {
		text = append(text, "", string(v.answerText(r.answer)))
		text = append(text, strings.Split(cleanText(r.answer.Text), "\n")...)
	}
	v.top = max(0, min(v.top, len(text)-height))
	lines := make([]string, 0, height)
	for _, line := range text[v.top:min(len(text), v.top+height)] {
		lines = append(lines, v.fit(strings.ReplaceAll(line, "\t", "    ")))
	}
	for len(lines) < height {
		lines = append(lines, "")
	}
	return lines
}
