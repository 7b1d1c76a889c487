package web

// confirmPage asks before something is sent to receivers: it says how much, and its form sends the same fields again,
// with confirm.
type confirmPage struct {
	base
	Count   int      // how many would be sent; 0: there is nothing to confirm
	Hooks   []string // ids of those that would get them
	Lines   []string // more about it
	Nothing string   // says that Count is 0
	Button  string
	Fields  map[string]string
	To      string // URL that the form is sent to
	Back    string // URL of the page to return to
}
