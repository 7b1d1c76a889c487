package web

// confirmPage asks before something is sent to receivers: it says how much, and its form sends the same fields again,
// with confirm.
type confirmPage struct {
	base
	Count   int              // how many would be sent; 0: there is nothing to confirm
	ByHook  map[string]int64 // the same by the ids of hooks
	Lines   []string         // sentences that say what would be done
	Nothing string           // says that Count is 0
	Button  string
	Fields  map[string]string
	To      string // URL that the form is sent to
	Back    string // URL of the page to return to
}
