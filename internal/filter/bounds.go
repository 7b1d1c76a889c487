package filter

import (
	"regexp"
	"time"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"

	"github.com/hookyard/hookyard"
)

// Bounds on one evaluation of a CEL filter.
const (
	MaxCost = 100_000               // steps, about 20 ms if each is as expensive as possible
	MaxTime = 50 * time.Millisecond // checked once per loop; a second limit for busy machines

	maxDepth     = 1000                  // nesting of a body that is decoded
	maxRegex     = 1000                  // instructions of a compiled pattern
	bytesPerStep = 32                    // of a string argument
	scanPerStep  = 40                    // instructions times bytes of a text in matches()
	maxScan      = MaxCost * scanPerStep // of one call, because it cannot be interrupted
)

// checkBounds refuses expressions in which a single step, which cannot be interrupted, could take arbitrarily long. It
// returns the costs of the calls in the others.
//
// The time of a comparison grows with its values. Values are at most as large as the body unless the expression builds
// them: a loop that puts its variable twice into a list makes 2^30 elements in thirty steps. So lists and maps may only
// contain literals, there is no map() macro, and concatenating lists costs steps.
//
// The pattern of matches() must be a literal. Otherwise it would be compiled for every event, at an unknown cost.
func checkBounds(a *ast.AST) (*steps, error) {
	s := &steps{patterns: make(map[string]int), sizes: types.NewSizeCalculator(
		types.SizeCalculatorMaxDepth(2*maxDepth), types.SizeCalculatorMaxTraversal(MaxCost),
		types.SizeCalculatorStringUnitLength(bytesPerStep))}
	root := ast.NavigateAST(a)
	constant := ast.ConstantValueMatcher()
	for _, kind := range []ast.ExprKind{ast.ListKind, ast.MapKind, ast.StructKind} {
		for _, e := range ast.MatchDescendants(root, ast.KindMatcher(kind)) {
			if !constant(e) && !fromMacro(e) {
				return nil, wrongAt(a, e, "a list, map or message may hold literals only",
					`for example: type in ["a", "b"]`)
			}
		}
	}
	for _, e := range ast.MatchDescendants(root, ast.FunctionMatcher("matches")) {
		args := e.AsCall().Args()
		pattern := args[len(args)-1]
		text, ok := literalString(pattern)
		if !ok {
			return nil, wrongAt(a, pattern, "the pattern of matches() must be a literal",
				`for example: body.ref.matches("^refs/heads/")`)
		}
		size, err := types.RegexProgramSize(text)
		if err != nil {
			return nil, wrongAt(a, pattern, err.Error(), `for example: body.ref.matches("^refs/heads/")`)
		}
		s.patterns[text] = max(size, 1)
	}
	return s, nil
}

// wrongAt returns the error for the expression e.
func wrongAt(a *ast.AST, e ast.Expr, what, example string) error {
	at := a.SourceInfo().GetStartLocation(e.ID())
	return wrong(max(at.Line(), 1), max(at.Column()+1, 1), what, example)
}

// fromMacro reports whether the list is the [x] that the filter macro appends to its result.
func fromMacro(e ast.NavigableExpr) bool {
	add, ok := e.Parent()
	if !ok || add.Kind() != ast.CallKind || add.AsCall().FunctionName() != operators.Add {
		return false
	}
	left := add.AsCall().Args()[0]
	return left.Kind() == ast.IdentKind && left.AsIdent() == "@result" // not a name in the syntax of CEL
}

// literalString returns the value of e if it is a string literal.
func literalString(e ast.Expr) (string, bool) {
	if e.Kind() != ast.LiteralKind {
		return "", false
	}
	s, ok := e.AsLiteral().Value().(string)
	return s, ok
}

// steps computes the cost of calls from the work they do. CEL's own costs assume that operations on values of unknown
// type take constant time.
type steps struct {
	patterns map[string]int // instructions of each pattern of matches()
	sizes    *types.SizeCalculator
}

// CallCost implements CEL's cost.ActualCostEstimator.
func (s *steps) CallCost(function, _ string, args []ref.Val, _ ref.Val) *uint64 {
	price := uint64(1)
	for _, a := range args {
		switch v := a.(type) {
		case types.String:
			price += uint64(len(v) / bytesPerStep)
		case types.Bytes:
			price += uint64(len(v) / bytesPerStep)
		}
	}
	switch {
	case len(args) != 2:
	case function == operators.Equals || function == operators.NotEquals:
		price += s.size(args[0]) + s.size(args[1])
	case function == operators.In:
		if _, isMap := args[1].(traits.Mapper); !isMap {
			price += s.size(args[0]) + s.size(args[1])
		}
	case function == operators.Add:
		price += s.size(args[1]) // the left side is part of the body, or its cost has been counted
	case function == "matches":
		text, _ := args[0].(types.String)
		pattern, _ := args[1].(types.String)
		price += uint64(len(text) * s.patterns[string(pattern)] / scanPerStep)
	}
	return &price
}

// size returns the number of elements of a list or map, and 0 for other values.
func (s *steps) size(v ref.Val) uint64 {
	if _, ok := v.(traits.Sizer); !ok {
		return 0
	}
	switch v.(type) {
	case types.String, types.Bytes:
		return 0
	}
	return uint64(s.sizes.AggregateSize(v))
}

// boundedMatches implements matches() with a pattern that is compiled once. It refuses long texts, because Go's regexp
// takes time proportional to instructions times bytes.
func boundedMatches() *interpreter.RegexOptimization {
	return &interpreter.RegexOptimization{Function: "matches", RegexIndex: 1,
		Factory: func(call interpreter.InterpretableCall, pattern string) (interpreter.InterpretableCall, error) {
			re, err := regexp.Compile(pattern)
			if err != nil {
				return nil, err
			}
			size, err := types.RegexProgramSize(pattern)
			if err != nil {
				return nil, err
			}
			longest := maxScan / max(size, 1)
			impl := func(values ...ref.Val) ref.Val {
				text, ok := values[0].Value().(string)
				if !ok {
					return types.NoSuchOverloadErr()
				}
				if len(text) > longest {
					return types.WrapErr(hookyard.Errorf(hookyard.Invalid,
						"a text of %d bytes is too long for this pattern of matches(): at most %d are searched",
						len(text), longest))
				}
				return types.Bool(re.MatchString(text))
			}
			return interpreter.NewCall(call.ID(), call.Function(), call.OverloadID(), call.Args(), impl), nil
		}}
}
