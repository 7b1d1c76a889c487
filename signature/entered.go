package signature

import (
	"fmt"
	"strings"
	"unicode"
)

// CheckEntered returns an error if a secret that a person has just entered cannot be what was meant: it has white space
// around it, it has more than one part or a prefix before whsec_, or it is the base64 of a key without the whsec_ that
// the provider shows in front of it. provider and scheme are as for [New]; both are zero for a secret to sign with.
//
// Secrets that are in use need not pass: [New] and [SignStandard] take any text.
func CheckEntered(provider, secret string, scheme *Scheme) error {
	trimmed := strings.TrimFunc(secret, isBlank)
	switch {
	case secret == "":
		return nil
	case trimmed == "":
		return fmt.Errorf("the secret is only white space")
	case trimmed != secret:
		return fmt.Errorf("the secret begins or ends with white space: enter it without")
	}
	bare := strings.Trim(secret, "\"'`")
	for _, prefix := range []string{secretPrefix, privatePrefix, publicPrefix} {
		switch i := strings.LastIndex(secret, prefix); {
		case i <= 0:
		case strings.Count(secret, prefix) > 1:
			return fmt.Errorf("the secret holds several secrets that begin with %s: enter one", prefix)
		case strings.HasPrefix(bare, prefix):
			return fmt.Errorf("the secret is in quotes: enter it without")
		default:
			return fmt.Errorf("the secret has text before %s: enter it from %s on", prefix, prefix)
		}
	}
	if isStandard(provider, scheme) && !hasPrefix(secret) && isKeyText(secret) {
		return fmt.Errorf("the secret is the base64 of a key: enter it with %s in front, as the sender shows it",
			secretPrefix)
	}
	return nil
}

// isBlank reports whether a character does not show at the end of a text.
func isBlank(r rune) bool {
	return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || unicode.IsControl(r)
}

// isStandard reports whether the keys of a provider are those of Standard Webhooks.
func isStandard(provider string, scheme *Scheme) bool {
	if provider == "hmac" {
		return scheme != nil && scheme.KeyEncoding == standard
	}
	e := find(provider)
	if e == nil || len(e.schemes) == 0 {
		return false
	}
	for _, s := range e.schemes {
		if s.KeyEncoding != standard {
			return false
		}
	}
	return true
}

func hasPrefix(secret string) bool {
	return strings.HasPrefix(secret, secretPrefix) || strings.HasPrefix(secret, privatePrefix) ||
		strings.HasPrefix(secret, publicPrefix)
}

// isKeyText reports whether text is the base64 of a random key and not some other text that happens to be base64: it
// has upper and lower case, which hexadecimal digits have not.
func isKeyText(text string) bool {
	key, err := decode64(text)
	return err == nil && len(key) >= 24 && len(key) <= 64 && strings.ToLower(text) != text &&
		strings.ToUpper(text) != text
}
