package gitpush

// Push is one push as GitHub's payload tells it, keys in GitHub's order. Of several refs pushed at once the first one
// that was not deleted is the subject, and Refs lists all of them.
type Push struct {
	Ref              string     `json:"ref"`    // full name
	Before           string     `json:"before"` // zeros when the ref was created
	After            string     `json:"after"`  // zeros when it was deleted; of an annotated tag the tag object
	Repository       Repository `json:"repository"`
	Pusher           Person     `json:"pusher"`
	Sender           Sender     `json:"sender"`
	Created          bool       `json:"created"`
	Deleted          bool       `json:"deleted"`
	Forced           bool       `json:"forced"`   // the earlier value is not an ancestor
	BaseRef          *string    `json:"base_ref"` // of a new ref: a branch that points to the same commit
	Compare          string     `json:"compare"`
	Refs             []Ref      `json:"refs,omitempty"`       // only when there are several
	TotalRefs        int        `json:"total_refs,omitempty"` // only when Refs does not hold them all
	Commits          []Commit   `json:"commits"`              // oldest first; the newest ones when there are too many
	CommitsTruncated bool       `json:"commits_truncated,omitempty"`
	TotalCommits     int        `json:"total_commits,omitempty"` // only when truncated, and when they could be counted
	HeadCommit       *Commit    `json:"head_commit"`             // null when the ref is gone or is no commit

	updates []update
}

// Ref is one of several refs of a push.
type Ref struct {
	Ref     string  `json:"ref"`
	Before  string  `json:"before"`
	After   string  `json:"after"`
	Created bool    `json:"created"`
	Deleted bool    `json:"deleted"`
	Forced  bool    `json:"forced"`
	BaseRef *string `json:"base_ref"`
	Compare string  `json:"compare"`
}

// Commit is one commit of a push. Text that is not UTF-8, and has no encoding in the commit that says what it is, has
// U+FFFD in place of what cannot be read.
type Commit struct {
	ID             string   `json:"id"`
	TreeID         string   `json:"tree_id"`
	Distinct       bool     `json:"distinct"` // no ref had it before this push
	Message        string   `json:"message"`
	Timestamp      string   `json:"timestamp"` // of the committer, RFC 3339 in their zone
	URL            string   `json:"url"`
	Author         Person   `json:"author"`
	Committer      Person   `json:"committer"`
	Added          []string `json:"added"` // against the first parent, renames as removal and addition
	Removed        []string `json:"removed"`
	Modified       []string `json:"modified"`
	FilesTruncated bool     `json:"files_truncated,omitempty"` // the lists do not hold all files

	parent string // the first; "" of a root
}

// Person is a name and an address.
type Person struct {
	Name  string `json:"name"`
	Email string `json:"email,omitempty"`
}

// Sender is who pushed, in the form of a GitHub user.
type Sender struct {
	Login     string `json:"login"`
	ID        int64  `json:"id"` // of the login, the same every time
	Type      string `json:"type"`
	SiteAdmin bool   `json:"site_admin"`
}

// Repository describes where the push went.
type Repository struct {
	ID            int64  `json:"id"` // of the full name, the same every time
	Name          string `json:"name"`
	FullName      string `json:"full_name"`
	Private       bool   `json:"private"` // false when git-daemon-export-ok is there: the daemon shows it to everybody
	Owner         Owner  `json:"owner"`
	HTMLURL       string `json:"html_url"`
	URL           string `json:"url"`
	Description   string `json:"description"`
	DefaultBranch string `json:"default_branch"`
	MasterBranch  string `json:"master_branch"`
	PushedAt      int64  `json:"pushed_at"` // Unix seconds
}

// Owner is whom the project belongs to.
type Owner struct {
	Name  string `json:"name"`
	Login string `json:"login"`
}
