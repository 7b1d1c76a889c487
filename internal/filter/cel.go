package filter

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/interpreter"

	"github.com/hookyard/hookyard"
)

// environment returns the CEL environment for filters. It is created when the first filter is compiled.
var environment = sync.OnceValues(func() (*cel.Env, error) {
	return cel.NewEnv(
		cel.Variable("type", cel.StringType),
		cel.Variable("source", cel.StringType),
		cel.Variable("id", cel.StringType),
		cel.Variable("time", cel.TimestampType),
		cel.Variable("method", cel.StringType),
		cel.Variable("path", cel.StringType),
		cel.Variable("query", cel.MapType(cel.StringType, cel.StringType)),
		cel.Variable("headers", cel.MapType(cel.StringType, cel.StringType)),
		cel.Variable("body", cel.DynType),
		cel.CrossTypeNumericComparisons(true),
		cel.DefaultUTCTimeZone(true),
		cel.ClearMacros(),
		cel.Macros(cel.HasMacro, cel.AllMacro, cel.ExistsMacro, cel.ExistsOneMacro, cel.FilterMacro,
			cel.ReceiverMacro("map", 2, noMap), cel.ReceiverMacro("map", 3, noMap)),
		cel.ParserRecursionLimit(100),
		cel.ExpressionNodeLimit(MaxText),
		cel.RegexProgramSizeLimit(maxRegex),
	)
})

// noMap refuses the map macro, for the reason given at checkBounds.
func noMap(mef cel.MacroExprFactory, target ast.Expr, _ []ast.Expr) (ast.Expr, *cel.Error) {
	return nil,
		mef.NewError(target.ID(), "map() is not available in filters; exists(x, …), all(x, …) and filter(x, …) are")
}

// compileCEL compiles a CEL expression within the bounds.
func compileCEL(text string) (cel.Program, error) {
	env, err := environment()
	if err != nil {
		return nil, fmt.Errorf("set up CEL: %w", err)
	}
	if strings.TrimSpace(text) == "" {
		return nil, wrong(1, 1, "the filter is empty", pairExample+"; or "+celExample)
	}
	checked, issues := env.Compile(text)
	if err := issues.Err(); err != nil {
		return nil, firstIssue(text, issues)
	}
	if t := checked.OutputType(); !t.IsExactType(cel.BoolType) && !t.IsExactType(cel.DynType) {
		return nil, wrong(1, 1, "the expression yields "+t.String()+", but a filter must yield true or false",
			celExample)
	}
	steps, err := checkBounds(checked.NativeRep())
	if err != nil {
		return nil, err
	}
	program, err := env.Program(checked,
		cel.OptimizeRegex(boundedMatches()),
		cel.CostTracking(steps),
		cel.CostLimit(MaxCost),
		cel.InterruptCheckFrequency(1),
	)
	if err != nil {
		return nil, wrong(1, 1, err.Error(), celExample)
	}
	return program, nil
}

// firstIssue returns the error for the first issue. Later issues are mostly consequences of it.
func firstIssue(text string, issues *cel.Issues) error {
	first := issues.Errors()[0]
	line, column := first.Location.Line(), first.Location.Column()+1
	what, _, _ := strings.Cut(first.Message, "\n")
	return wrong(max(line, 1), max(column, 1), shortMessage(inWords(text, what)), celExample)
}

// shortMessage truncates a message, which may quote much of the filter.
func shortMessage(s string) string {
	if r := []rune(s); len(r) > 300 {
		return string(r[:300]) + "…"
	}
	return s
}

// evalCEL evaluates a compiled expression for e within the bounds.
func evalCEL(program cel.Program, e *hookyard.Event, decoding Decoding) (bool, error) {
	// Each holds it for at most MaxTime.
	release, err := decoding.Acquire(context.Background(), e.DecodeSize(decoding.Limit()))
	if err != nil {
		return false, err
	}
	defer release()
	ctx, cancel := context.WithTimeout(context.Background(), MaxTime)
	defer cancel()
	vars := &variables{event: e, limit: decoding.Limit()}
	out, _, err := program.ContextEval(ctx, vars)
	var canceled interpreter.EvalCancelledError
	switch {
	case vars.err != nil:
		return false, vars.err
	case errors.As(err, &canceled) && canceled.Cause == interpreter.CostLimitExceeded:
		return false, hookyard.Errorf(hookyard.Invalid,
			"the filter takes more than %d steps on this event; look at fewer elements", MaxCost)
	case err != nil && ctx.Err() != nil:
		return false, hookyard.Errorf(hookyard.Invalid,
			"the filter takes longer than %s on this event; look at fewer elements", hookyard.FormatDuration(MaxTime))
	case err != nil && vars.notJSON != nil:
		return false, hookyard.Errorf(hookyard.Invalid, "%s (body is null: %s)", shortMessage(err.Error()),
			shortMessage(vars.notJSON.Error()))
	case err != nil:
		return false, hookyard.Errorf(hookyard.Invalid, "%s; ask has(…) before using what may be missing",
			shortMessage(err.Error()))
	}
	if ok, isBool := out.Value().(bool); isBool {
		return ok, nil
	}
	return false, hookyard.Errorf(hookyard.Invalid,
		"the filter yielded %s on this event, but it must yield true or false", out.Type().TypeName())
}

// variables provides the variables of an expression and computes each on first use: most filters check the type before
// the body, and decoding the body costs more than everything else. It belongs to one evaluation.
type variables struct {
	event   *hookyard.Event
	limit   int64 // bytes of a body that is decoded
	headers map[string]string
	query   map[string]string
	body    any
	decoded bool
	notJSON error // why body is null
	err     error // why the filter cannot be evaluated
}

// ResolveName implements CEL's Activation.
func (v *variables) ResolveName(name string) (any, bool) {
	switch name {
	case "type":
		return v.event.Type, true
	case "source":
		return v.event.Source, true
	case "id":
		return v.event.ID, true
	case "time":
		return v.event.Time, true
	case "method":
		return v.event.Method, true
	case "path":
		return v.event.Path(), true
	case "query":
		if v.query == nil {
			v.query = v.event.Query()
		}
		return v.query, true
	case "headers":
		if v.headers == nil {
			v.headers = firstValues(v.event.Header)
		}
		return v.headers, true
	case "body":
		if !v.decoded {
			v.decoded = true
			v.decode()
		}
		return v.body, true
	}
	return nil, false
}

// Parent implements CEL's Activation.
func (v *variables) Parent() interpreter.Activation { return nil }

// decode decodes the body into v.
func (v *variables) decode() {
	body, err := bodyOf(v.event)
	if err != nil {
		v.err = err
		return
	}
	if int64(len(body)) > v.limit {
		v.err = hookyard.Errorf(hookyard.TooLarge,
			"body too large to filter: it has %d bytes, an expression may look into %d (setting: --max-decode); pairs "+
				"(path = value) have no such limit", len(body), v.limit)
		return
	}
	if v.event.DataOffset == 0 { // others were checked when they were published
		if v.notJSON = hookyard.CheckJSON(body, maxDepth); v.notJSON != nil {
			return
		}
	}
	if hasLargeInteger(body) {
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		if err = d.Decode(&v.body); err == nil {
			v.body = exactNumbers(v.body)
		}
	} else {
		err = json.Unmarshal(body, &v.body)
	}
	if err != nil {
		v.body, v.notJSON = nil, err
	}
}

// hasLargeInteger reports whether b has so many digits in a row that an integer may be beyond 2^53, where doubles lose
// digits.
func hasLargeInteger(b []byte) bool {
	const digits = 16
	run := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			run = 0
		} else if run++; run == digits {
			return true
		}
	}
	return false
}

// exactNumbers replaces the numbers in decoded JSON: integers from 2^53 on that CEL can hold become integers, all
// others doubles. As a double 2^53 would equal the integer 2^53+1.
func exactNumbers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			v[name] = exactNumbers(member)
		}
	case []any:
		for i, element := range v {
			v[i] = exactNumbers(element)
		}
	case json.Number:
		const exact = 1 << 53
		if n, err := strconv.ParseInt(string(v), 10, 64); err == nil && (n >= exact || n <= -exact) {
			return n
		}
		if n, err := strconv.ParseUint(string(v), 10, 64); err == nil && n >= exact {
			return n
		}
		f, _ := strconv.ParseFloat(string(v), 64) // out of range: infinite, which json.Unmarshal refuses
		return f
	}
	return v
}

// firstValues returns the first value of each header, by lower-case name.
func firstValues(h http.Header) map[string]string {
	out := make(map[string]string, len(h))
	for name, values := range h {
		if len(values) > 0 {
			out[strings.ToLower(name)] = values[0]
		}
	}
	return out
}
