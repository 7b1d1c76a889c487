package format

import "strings"

// markup is how a chat service writes text and links.
type markup struct {
	escape  func(string) string           // makes text plain: no markup, no mention
	link    func(text, url string) string // text is escaped; url absolute or ""
	newline string
	bullet  string
	bare    bool // a link is only its address and stands at the end of the line
}

// hushed parts what would call a whole channel. Mattermost and Rocket.Chat take Slack's messages and plain ones, and
// there @channel in a commit's title calls everybody.
func hushed() []string {
	var pairs []string
	for _, name := range []string{"channel", "all", "here", "everyone"} {
		pairs = append(pairs, "@"+name, "@\u200b"+name)
	}
	return pairs
}

// plainMarkup writes links after their text. What it writes may still be read by Slack: <! would begin a mention.
func plainMarkup() markup {
	return markup{
		escape:  strings.NewReplacer(append(hushed(), "<!", "<\u200b!")...).Replace,
		link:    func(text, url string) string { return strings.TrimSuffix(text+" "+url, " ") },
		newline: "\n", bullet: "- ", bare: true,
	}
}

// slackMarkup escapes the three characters that Slack's documentation names. With < gone nothing can mention anybody
// (<!channel>, <@U123>) or make a link.
func slackMarkup() markup {
	r := strings.NewReplacer(append(hushed(), "&", "&amp;", "<", "&lt;", ">", "&gt;")...)
	return markup{escape: r.Replace, link: angleLink(strings.NewReplacer("&", "&amp;").Replace), newline: "\n",
		bullet: "• "}
}

// googleChatMarkup has Slack's links but no way to escape: <users/all> would mention everybody, so angle brackets turn
// into their look-alikes.
func googleChatMarkup() markup {
	r := strings.NewReplacer("<", "‹", ">", "›")
	return markup{escape: r.Replace, link: angleLink(func(s string) string { return s }), newline: "\n", bullet: "• "}
}

// angleLink writes <url|text>. URLs were made safe by link.
func angleLink(escapeURL func(string) string) func(text, url string) string {
	return func(text, url string) string {
		if url == "" {
			return text
		}
		return "<" + escapeURL(url) + "|" + strings.ReplaceAll(text, "|", "¦") + ">"
	}
}

// discordMarkup is Markdown with backslashes. The message also forbids mentions altogether.
func discordMarkup() markup {
	return markup{escape: backslash(`\*_~|<>[]()#-` + "`"), link: markdownLink, newline: "\n", bullet: "• "}
}

// teamsMarkup is the Markdown of Adaptive Cards. Braces are parted, because {{DATE(…)}} would be evaluated.
func teamsMarkup() markup {
	mark := backslash(`\*_~[]()#-` + "`")
	r := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "{{", "{\u200b{", "${", "$\u200b{")
	return markup{escape: func(s string) string { return r.Replace(mark(s)) }, link: markdownLink, newline: "\n\n",
		bullet: "• "}
}

func backslash(special string) func(string) string {
	return func(s string) string {
		var b strings.Builder
		for _, r := range s {
			if strings.ContainsRune(special, r) {
				b.WriteByte('\\')
			}
			b.WriteRune(r)
		}
		return b.String()
	}
}

func markdownLink(text, url string) string {
	if url == "" {
		return text
	}
	return "[" + text + "](" + url + ")"
}
