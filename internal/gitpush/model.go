package gitpush

import (
	"encoding/json"

	"github.com/hookyard/hookyard"
)

// ModelEvent is one of WebGME's events with its data.
type ModelEvent struct {
	Type string          `json:"type"`
	Data json.RawMessage `json:"data"`
}

// The data of WebGME's events, with its order of keys. Hashes begin with #.
type (
	modelCommit struct {
		ProjectID  string `json:"projectId"`
		CommitHash string `json:"commitHash"`
		UserID     string `json:"userId"`
	}
	modelBranch struct {
		ProjectID  string `json:"projectId"`
		BranchName string `json:"branchName"`
		NewHash    string `json:"newHash"` // "" for a deleted branch
		OldHash    string `json:"oldHash"` // "" for a new one
		UserID     string `json:"userId"`
	}
	modelTag struct {
		ProjectID  string `json:"projectId"`
		TagName    string `json:"tagName"`
		CommitHash string `json:"commitHash,omitempty"`
		UserID     string `json:"userId"`
	}
)

// ModelEvents returns the push as events of a model server: COMMIT for each commit that no ref contained before, then
// the changes of branches and tags. A moved tag is deleted and created.
func (p *Push) ModelEvents() []ModelEvent {
	id := p.Repository.Owner.Name + "+" + p.Repository.Name
	user := p.Pusher.Name
	var out []ModelEvent
	add := func(kind string, data any) {
		b, _ := hookyard.EncodeJSON(data) // only strings: cannot fail
		out = append(out, ModelEvent{kind, b})
	}
	for i := range p.Commits {
		if c := &p.Commits[i]; c.Distinct {
			add("COMMIT", modelCommit{id, modelHash(c.ID), user})
		}
	}
	for i := range p.updates {
		u := &p.updates[i]
		if name, ok := u.branch(); ok {
			add(branchEvent(u), modelBranch{id, name, modelHash(u.after), modelHash(u.before), user})
		}
		name, ok := u.tag()
		if ok && !u.created() {
			add("TAG_DELETED", modelTag{ProjectID: id, TagName: name, UserID: user})
		}
		if ok && !u.deleted() {
			add("TAG_CREATED", modelTag{id, name, modelHash(u.commit), user})
		}
	}
	return out
}

func branchEvent(u *update) string {
	switch {
	case u.created():
		return "BRANCH_CREATED"
	case u.deleted():
		return "BRANCH_DELETED"
	}
	return "BRANCH_HASH_UPDATED"
}

func modelHash(hash string) string {
	if hash == "" || isZero(hash) {
		return ""
	}
	return "#" + hash
}
