package signature

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ typ, scheme, secret, want string }{
		{"githib", "", "s", "must be one of asana, basic, bitbucket"},
		{"github", "", "", "type github needs a secret"},
		{"basic", "", "password", "must be user:password"},
		{"chargebee", "", "password", "must be user:password"},
		{"github", `{"header":"X"}`, "s", "type github has its own scheme"},
		{"none", `{"header":"X"}`, "", "type none has its own scheme"},
		{"token", `{"header":"X","algorithm":"hmac-sha1"}`, "s", "header, prefix and statusOnFail only"},
		{"token", `{"header":"X Y"}`, "s", "scheme.header must be the name of a header"},
		{"token", `{"prefix":"X"}`, "s", "type token has its own scheme"},
		{"discord", "", "s", "not hex"},
		{"discord", "", "00ff", "2 bytes long"},
		{"telnyx", "", "00f*", "not base64"},
		{"standard-webhooks", "", "whsec_*", "does not go on with base64"},
		{"standard-webhooks", "", "whpk_AAAA", "32 bytes"},
		{"hmac", "", "s", "scheme.header is missing"},
		{"hmac", `[]`, "s", "scheme: "},
		{"hmac", `{"header":"X"`, "s", "scheme: "},
		{"hmac", `{"header":"X"} x`, "s", "text after"},
		{"hmac", `{"header":"X","heder":"Y"}`, "s", `"heder"`},
		{"hmac", `{"header":7}`, "s", "scheme: "},
		{"hmac", `{"header":"X:"}`, "s", "scheme.header"},
		{"hmac", `{"header":"X","idHeader":"a b"}`, "s", "scheme.idHeader"},
		{"hmac", `{"header":"X","timestampHeader":"a b"}`, "s", "scheme.timestampHeader"},
		{"hmac", `{"header":"X","algorithm":"md5"}`, "s", "scheme.algorithm"},
		{"hmac", `{"header":"X","algorithm":"plain"}`, "s", "scheme.algorithm"},
		{"hmac", `{"header":"X","grammar":"yaml"}`, "s", "scheme.grammar"},
		{"hmac", `{"header":"X","encoding":"base32"}`, "s", "scheme.encoding"},
		{"hmac", `{"header":"X","keyEncoding":"base32"}`, "s", "scheme.keyEncoding"},
		{"hmac", `{"header":"X","timestampUnit":"us"}`, "s", "scheme.timestampUnit"},
		{"hmac", `{"header":"X","algorithm":"ed25519"}`, "s", "scheme.keyEncoding"},
		{"hmac", `{"header":"X","algorithm":"ed25519","keyEncoding":"standard"}`, "s",
			"no secret of this source can verify"},
		{"hmac", `{"header":"X","keyEncoding":"hex"}`, "xyz", "not hex"},
		{"hmac", `{"header":"X","keyEncoding":"hex","keyPrefix":"k-"}`, "k-", "not hex"},
		{"hmac", `{"header":"X","grammar":"prefix"}`, "s", "scheme.prefix is missing"},
		{"hmac", `{"header":"X","grammar":"list","prefix":"a"}`, "s", "scheme.prefix goes with"},
		{"hmac", `{"header":"X","grammar":"pairs"}`, "s", "scheme.key is missing"},
		{"hmac", `{"header":"X","key":"v1"}`, "s", "scheme.key goes with"},
		{"hmac", `{"header":"X","grammar":"pairs","key":"v1","separator":"|"}`, "s", "scheme.separator must be"},
		{"hmac", `{"header":"X","separator":";"}`, "s", "scheme.separator goes with"},
		{"hmac", `{"header":"X","timestampKey":"t"}`, "s", "scheme.timestampKey goes with"},
		{"hmac", `{"header":"X","timestampHeader":"T","timestampField":"t"}`, "s", "exclude each other"},
		{"hmac", `{"header":"X","content":"{ts}"}`, "s", "must hold {raw}"},
		{"hmac", `{"header":"X","content":"{ts}{raw}"}`, "s", "holds {ts}"},
		{"hmac", `{"header":"X","content":"{ts}{raw}","timestampField":"t"}`, "s", "holds {ts}"},
		{"hmac", `{"header":"X","content":"{id}{raw}"}`, "s", "holds {id}"},
		{"hmac", `{"header":"X","content":"{raw}{body}"}`, "s", "scheme.content holds something other"},
		{"hmac", `{"header":"X","content":"{raw}{"}`, "s", "scheme.content holds something other"},
		{"hmac", `{"header":"X","tolerance":"soon"}`, "s", "scheme.tolerance"},
		{"hmac", `{"header":"X","tolerance":0}`, "s", "scheme.tolerance"},
		{"hmac", `{"header":"X","tolerance":-5}`, "s", "scheme.tolerance"},
		{"hmac", `{"header":"X","tolerance":"169h"}`, "s", "scheme.tolerance"},
		{"hmac", `{"header":"X","tolerance":1e300}`, "s", "scheme.tolerance"},
		{"hmac", `{"header":"X","tolerance":[]}`, "s", "scheme.tolerance"},
		{"hmac", `{"header":"X","statusOnFail":200}`, "s", "scheme.statusOnFail"},
		{"square", `{"url":"/x"}`, "s", "scheme.url"},
		{"square", `{"url":"ftp://x/y"}`, "s", "scheme.url"},
	} {
		v, err := newVerifier(tc.typ, []string{tc.secret}, tc.scheme)
		if err == nil || v != nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("New(%s, %s) = %v, want %q", tc.typ, tc.scheme, err, tc.want)
		}
	}
}

func TestSchemeJSON(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{"tolerance":300}`:                    `{"tolerance":"5m"}`,
		`{"tolerance":"off"}`:                  `{"tolerance":"off"}`,
		`{"header":"X","statusOnFail":403}`:    `{"header":"X","statusOnFail":403}`,
		`{"timestampKey":"t","separator":";"}`: `{"separator":";","timestampKey":"t"}`,
		`null`:                                 `{}`, ` `: `{}`,
	} {
		s, err := ParseScheme([]byte(in))
		if err != nil {
			t.Fatal(err)
		}
		if out, err := json.Marshal(s); err != nil || string(out) != want {
			t.Errorf("%s became %s, want %s (%v)", in, out, want, err)
		}
	}
}
