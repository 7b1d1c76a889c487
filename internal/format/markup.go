package format

import "strings"

// markup is the syntax of a chat service for text and links.
type markup struct {
	escape  func(string) string           // escapes markup and mentions
	link    func(text, url string) string // text is escaped; url is absolute or ""
	newline string
	bullet  string
	bare    bool // a link is its bare URL at the end of the line
}

// mentionBreakers returns replacements that disable mentions of a whole channel. Mattermost and Rocket.Chat accept
// Slack's messages and plain ones, and @channel in the title of a commit would notify every member.
func mentionBreakers() []string {
	var pairs []string
	for _, name := range []string{"channel", "all", "here", "everyone"} {
		pairs = append(pairs, "@"+name, "@\u200b"+name)
	}
	return pairs
}

// plainMarkup puts links after their text. Its output may still be sent to Slack, where <! would start a mention.
func plainMarkup() markup {
	return markup{
		escape:  strings.NewReplacer(append(mentionBreakers(), "<!", "<\u200b!")...).Replace,
		link:    func(text, url string) string { return strings.TrimSuffix(text+" "+url, " ") },
		newline: "\n", bullet: "- ", bare: true,
	}
}

// slackMarkup escapes the three characters that Slack's documentation lists. Without <, a text cannot contain mentions
// (<!channel>, <@U123>) or links.
func slackMarkup() markup {
	r := strings.NewReplacer(append(mentionBreakers(), "&", "&amp;", "<", "&lt;", ">", "&gt;")...)
	return markup{escape: r.Replace, link: angleLink(strings.NewReplacer("&", "&amp;").Replace), newline: "\n",
		bullet: "• "}
}

// googleChatMarkup has Slack's links but no escapes. <users/all> would notify every member, so angle brackets are
// replaced by similar characters.
func googleChatMarkup() markup {
	r := strings.NewReplacer("<", "‹", ">", "›")
	return markup{escape: r.Replace, link: angleLink(func(s string) string { return s }), newline: "\n", bullet: "• "}
}

// angleLink formats links as <url|text>. The function link has made the URL safe.
func angleLink(escapeURL func(string) string) func(text, url string) string {
	return func(text, url string) string {
		if url == "" {
			return text
		}
		return "<" + escapeURL(url) + "|" + strings.ReplaceAll(text, "|", "¦") + ">"
	}
}

// discordMarkup is Markdown with backslash escapes. The message itself disables mentions.
func discordMarkup() markup {
	return markup{escape: backslash(`\*_~|<>[]()#-` + "`"), link: markdownLink, newline: "\n", bullet: "• "}
}

// teamsMarkup is the Markdown of Adaptive Cards. It separates double braces, because {{DATE(…)}} would be evaluated.
func teamsMarkup() markup {
	mark := backslash(`\*_~[]()#-` + "`")
	r := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "{{", "{\u200b{", "${", "$\u200b{")
	return markup{escape: func(s string) string { return r.Replace(mark(s)) }, link: markdownLink, newline: "\n\n",
		bullet: "• "}
}

// backslash returns a function that escapes the special characters.
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
