package gitpush

// Push is a push in the form of GitHub's payload, with GitHub's order of keys. If several refs were pushed at once, the
// fields describe the first that was not deleted, and Refs lists all.
type Push struct {
	Ref              string     `json:"ref"`    // full name
	Before           string     `json:"before"` // zeros if the ref was created
	After            string     `json:"after"`  // zeros if it was deleted; the tag object of an annotated tag
	Repository       Repository `json:"repository"`
	Pusher           Person     `json:"pusher"`
	Sender           Sender     `json:"sender"`
	Created          bool       `json:"created"`
	Deleted          bool       `json:"deleted"`
	Forced           bool       `json:"forced"`   // the old value is not an ancestor of the new one
	BaseRef          *string    `json:"base_ref"` // for a new ref, a branch that points to the same commit
	Compare          string     `json:"compare"`
	Refs             []Ref      `json:"refs,omitempty"`       // only if there are several
	TotalRefs        int        `json:"total_refs,omitempty"` // only if Refs is incomplete
	Commits          []Commit   `json:"commits"`              // oldest first; the newest ones if there are too many
	CommitsTruncated bool       `json:"commits_truncated,omitempty"`
	TotalCommits     int        `json:"total_commits,omitempty"` // only if truncated and counted in time
	HeadCommit       *Commit    `json:"head_commit"`             // null if the ref was deleted or is not a commit

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

// Commit is a commit of a push. In text that is not UTF-8, and whose encoding the commit does not name, U+FFFD replaces
// invalid bytes.
type Commit struct {
	ID             string   `json:"id"`
	TreeID         string   `json:"tree_id"`
	Distinct       bool     `json:"distinct"` // no ref contained it before this push
	Message        string   `json:"message"`
	Timestamp      string   `json:"timestamp"` // of the committer, RFC 3339 in the zone of the committer
	URL            string   `json:"url"`
	Author         Person   `json:"author"`
	Committer      Person   `json:"committer"`
	Added          []string `json:"added"` // relative to the first parent; a rename is a removal and an addition
	Removed        []string `json:"removed"`
	Modified       []string `json:"modified"`
	FilesTruncated bool     `json:"files_truncated,omitempty"` // the lists are incomplete

	parent string // the first; "" for a root commit
}

// Person is a name with an e-mail address.
type Person struct {
	Name  string `json:"name"`
	Email string `json:"email,omitempty"`
}

// Sender is the pusher in the form of a GitHub user.
type Sender struct {
	Login     string `json:"login"`
	ID        int64  `json:"id"` // derived from the login
	Type      string `json:"type"`
	SiteAdmin bool   `json:"site_admin"`
}

// Repository describes the repository.
type Repository struct {
	ID            int64  `json:"id"` // derived from the full name
	Name          string `json:"name"`
	FullName      string `json:"full_name"`
	Private       bool   `json:"private"` // false if git-daemon-export-ok exists, so that the daemon serves it
	Owner         Owner  `json:"owner"`
	HTMLURL       string `json:"html_url"`
	URL           string `json:"url"`
	Description   string `json:"description"`
	DefaultBranch string `json:"default_branch"`
	MasterBranch  string `json:"master_branch"`
	PushedAt      int64  `json:"pushed_at"` // Unix seconds
}

// Owner is the owner of the project.
type Owner struct {
	Name  string `json:"name"`
	Login string `json:"login"`
}
