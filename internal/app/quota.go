package app

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/hookyard/hookyard"
)

// quotaFlags declares the options of limits of projects and owners.
func (c *Config) quotaFlags(fs *pflag.FlagSet) {
	fs.Var(&c.ProjectLimit, "project-limit",
		"limits of each project, as NAME=VALUE separated by commas; an administrator can set others")
	fs.Var(&c.OwnerLimit, "owner-limit", "limits of all projects of an owner together, written likewise")
}

// quotaValue is a quota that is written as NAME=VALUE, separated by commas. Several add up.
type quotaValue hookyard.Quota

func (q *quotaValue) Type() string { return "limits" }

func (q *quotaValue) String() string {
	var parts []string
	for _, name := range hookyard.LimitNames {
		if v, ok := (*q)[name]; ok {
			parts = append(parts, hookyard.FormatLimit(name, v))
		}
	}
	return strings.Join(parts, ",")
}

func (q *quotaValue) Set(s string) error {
	if *q == nil {
		*q = quotaValue{}
	}
	for part := range strings.SplitSeq(s, ",") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		name, v, err := hookyard.ParseLimit(strings.TrimSpace(part))
		if err != nil {
			return err
		}
		(*q)[name] = v
	}
	return nil
}

// checkQuotas refuses limits that have another option.
func (c *Config) checkQuotas() error {
	if _, ok := c.ProjectLimit[hookyard.LimitHooks]; ok {
		return fmt.Errorf("--project-limit: use --max-hooks for the hooks of a project")
	}
	return nil
}
