package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

// hookFlags are the settings of a hook.
type hookFlags struct {
	events, description, format, contentType, secret, filter, off, template, rabbitmq string
	method, signature                                                                 string
	forward, channels                                                                 []string
	uid                                                                               string
	header, schedule, features                                                        []string
	timeout                                                                           time.Duration
	inFlight                                                                          int
	rate                                                                              float64
	ordered, activate, deactivate, insecure                                           bool
}

func (f *hookFlags) flags(fs *pflag.FlagSet) {
	fs.StringVarP(&f.events, "events", "e", "",
		"events to send: all, or a comma-separated list of types and patterns (order.*,user.created)")
	fs.StringSliceVar(&f.channels, "channels", nil, "only events with one of these channels; empty: all")
	fs.StringVar(&f.uid, "uid", "", "another name of the hook, unique in its project")
	fs.StringVarP(&f.description, "description", "d", "", "description (also --descriptor)")
	fs.BoolVarP(&f.deactivate, "deactivate", "a", false, "disable the hook; its events are recorded as skipped")
	fs.BoolVar(&f.activate, "activate", false, "enable the hook")
	fs.StringVar(&f.format, "format", "",
		"format of the body: raw, webgme, yobi, netbeans, github, cloudevents, slack, …")
	fs.StringVar(&f.contentType, "content-type", "", "json, form or, for formats text and template, text")
	fs.StringVar(&f.template, "template", "", "template for --format template, or @file")
	fs.StringSliceVar(&f.forward, "forward", nil, "parts of a received request to pass on: headers, path, query, "+
		"method, or none; default: the format's")
	fs.StringVar(&f.signature, "signature", "",
		"how requests are signed with the secret: standard, github, both or svix; empty: as the format wants")
	fs.StringVar(&f.method, "method", "", "method of the requests: POST, PUT, PATCH, GET or DELETE; empty: the default")
	fs.StringVar(&f.secret, "secret", "", "signing secret; empty: do not sign"+secretUsage)
	fs.StringArrayVarP(&f.header, "header", "H", nil,
		"additional header, 'Name: value'; 'Name:' removes it (repeatable)")
	fs.StringSliceVar(&f.schedule, "schedule", nil, "delay before each attempt: 0s,5s,5m")
	fs.Var((*hookyard.Duration)(&f.timeout), "timeout", "time limit for the whole exchange")
	fs.IntVar(&f.inFlight, "in-flight", 0, "maximum number of concurrent deliveries")
	fs.Float64Var(&f.rate, "rate", 0, "maximum attempts per second; 0: no limit")
	fs.BoolVar(&f.ordered, "ordered", false, "send one at a time, in event order")
	fs.StringVar(&f.filter, "filter", "", "expression over type, headers and body; empty: no filter")
	fs.StringSliceVar(&f.features, "features", nil, "features to track (NetBeans)")
	fs.StringVar(&f.off, "off", "",
		"when to disable a failing hook: sustained, netbeans, failures, resting or never; :N sets the limit")
	fs.StringVar(&f.rabbitmq, "rabbitmq", "",
		`destination at an amqp:// URL: JSON such as {"exchange": …, "routingKey": …, "queue": …}, or @file`)
	fs.BoolVar(&f.insecure, "insecure-tls", false, "do not verify the receiver's certificate")
	fs.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "descriptor" { // WebGME's word
			name = "description"
		}
		return pflag.NormalizedName(name)
	})
}

// patch returns the changes that the given flags ask for.
func (f *hookFlags) patch(fs *pflag.FlagSet, s *session) (client.HookPatch, error) {
	p := client.HookPatch{
		Description: changed(fs, "description", f.description), Format: changed(fs, "format", f.format),
		ContentType: changed(fs, "content-type", f.contentType),
		Timeout:     changed(fs, "timeout", hookyard.Duration(f.timeout)),
		InFlight:    changed(fs, "in-flight", f.inFlight),
		Rate:        changed(fs, "rate", f.rate), Ordered: changed(fs, "ordered", f.ordered),
		Filter: changed(fs, "filter", f.filter), UID: changed(fs, "uid", f.uid),
		Channels: changed(fs, "channels", f.channels),
		Method:   changed(fs, "method", strings.ToUpper(f.method)), Signature: changed(fs, "signature", f.signature),
		Features: changed(fs, "features", f.features), InsecureTLS: changed(fs, "insecure-tls", f.insecure),
	}
	if fs.Changed("events") {
		selector := parseEvents(f.events)
		p.Events = &selector
	}
	if f.activate && f.deactivate {
		return p, usagef("--activate and --deactivate cannot be combined")
	}
	if f.activate || f.deactivate {
		p.Active = &f.activate
	}
	if fs.Changed("secret") {
		secret, err := s.readSecret(f.secret)
		if err != nil {
			return p, err
		}
		p.Secret = &secret
	}
	if fs.Changed("rabbitmq") {
		var err error
		if p.RabbitMQ, err = readObject[hookyard.RabbitMQ](s, "--rabbitmq", f.rabbitmq); err != nil {
			return p, err
		}
	}
	if fs.Changed("forward") {
		forward, err := parseForward(f.forward)
		if err != nil {
			return p, err
		}
		p.Forward = &forward
	}
	if fs.Changed("schedule") {
		schedule, err := durations(f.schedule)
		if err != nil {
			return p, err
		}
		p.Schedule = &schedule
	}
	if fs.Changed("template") {
		text, err := s.read(f.template)
		if err != nil {
			return p, err
		}
		template := string(text)
		p.Template = &template
	}
	if err := f.patchHeader(&p); err != nil {
		return p, err
	}
	return p, f.patchOff(&p)
}

func (f *hookFlags) patchHeader(p *client.HookPatch) error {
	for _, h := range f.header {
		end := strings.IndexAny(h, ":=") // Name=value is the spelling of earlier versions
		if end < 1 || strings.TrimSpace(h[:end]) == "" {
			return usagef("--header %q: use 'Name: value'", h)
		}
		name, value := strings.TrimSpace(h[:end]), strings.TrimSpace(h[end+1:])
		if p.Headers == nil {
			p.Headers = map[string]*string{}
		}
		p.Headers[name] = &value
		if value == "" {
			p.Headers[name] = nil
		}
	}
	return nil
}

func (f *hookFlags) patchOff(p *client.HookPatch) error {
	if f.off == "" {
		return nil
	}
	policy, after, counted := strings.Cut(f.off, ":")
	off := hookyard.OffPolicy{Policy: policy}
	if counted {
		n, err := strconv.Atoi(after)
		if err != nil {
			return usagef("--off %q: use POLICY or POLICY:N, such as failures:20", f.off)
		}
		off.After = n
	}
	p.Off = &off
	return nil
}

// bareEvents turns -e without a value into an empty value, which selects no events, as in WebGME's tool.
func bareEvents(args []string) []string {
	out := slices.Clone(args)
	for i, a := range out {
		if a == "--" {
			break
		}
		if (a == "-e" || a == "--events") && slices.Contains(args[:i], "hook") &&
			(i+1 == len(out) || strings.HasPrefix(out[i+1], "-")) {
			out[i] = "--events="
		}
	}
	return out
}

// parseEvents parses "all" or a comma-separated list. The empty list selects no events.
func parseEvents(text string) hookyard.Selector {
	if strings.TrimSpace(text) == "all" {
		return hookyard.SelectAll()
	}
	selector := hookyard.Selector{Names: []string{}}
	for name := range strings.SplitSeq(text, ",") {
		if name = strings.TrimSpace(name); name != "" {
			selector.Names = append(selector.Names, name)
		}
	}
	return selector
}

func eventsOf(s hookyard.Selector) string {
	if s.All {
		return "all"
	}
	return orText(strings.Join(s.Names, ", "), "none")
}

func hookState(h client.Hook) string {
	switch {
	case !h.Active:
		return "off"
	case h.Health.Failing(time.Now()):
		return "failing"
	}
	return "active"
}

func hookFields(h client.Hook) []field {
	fields := []field{
		{"hook", h.ID}, {"url", h.URL}, {"events", eventsOf(h.Events)}, {"description", h.Description},
		{"state", hookState(h)}, {"off because", h.OffReason},
		{"format", h.Format + ", " + h.ContentType}, {"filter", h.Filter}, {"features", strings.Join(h.Features, ", ")},
		{"secret", h.Secret},
		{"schedule", scheduleOf(h.Schedule)}, {"timeout", hookyard.FormatDuration(time.Duration(h.Timeout))},
		{"in flight", strconv.Itoa(h.InFlight)},
		{"order", map[bool]string{true: "event order, one at a time"}[h.Ordered]}, {"switched off", offText(h.Off)},
	}
	if h.Rate > 0 {
		fields = append(fields, field{"rate", fmt.Sprintf("%g attempts per second", h.Rate)})
	}
	if h.InsecureTLS {
		fields = append(fields, field{"tls", "the receiver's certificate is NOT verified"})
	}
	for name, value := range h.Headers {
		fields = append(fields, field{"header", name + ": " + value})
	}
	if !h.ExpiresAt.IsZero() {
		fields = append(fields, field{"expires", localTime(h.ExpiresAt)})
	}
	if h.Health.Failures > 0 {
		fields = append(fields, field{"health", h.Health.Streak()},
			field{"failing since", localTime(h.Health.FailingSince)},
			field{"last error", h.Health.LastError})
	}
	return append(fields, field{"created", localTime(h.CreatedAt)}, field{"changed", localTime(h.UpdatedAt)})
}

func scheduleOf(waits []hookyard.Duration) string {
	texts := make([]string, len(waits))
	for i, w := range waits {
		texts[i] = hookyard.FormatDuration(time.Duration(w))
	}
	return strings.Join(texts, ", ")
}

func offText(p hookyard.OffPolicy) string {
	if p.After > 0 {
		return fmt.Sprintf("by policy %s, after %d", p.Policy, p.After)
	}
	return "by policy " + orText(p.Policy, hookyard.OffSustained)
}

// parseForward reads the parts of a request to pass on; the others are not.
func parseForward(parts []string) (hookyard.Forward, error) {
	out := hookyard.Forward{Headers: new(false), Path: new(false), Query: new(false), Method: new(false)}
	fields := map[string]*bool{"headers": out.Headers, "path": out.Path, "query": out.Query, "method": out.Method}
	for _, part := range parts {
		switch field := fields[strings.TrimSpace(part)]; {
		case field != nil:
			*field = true
		case part != "none":
			return out, usagef("--forward %q: use headers, path, query, method or none", part)
		}
	}
	return out, nil
}
