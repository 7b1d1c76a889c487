package web

import (
	"encoding/base32"
	"fmt"
	"html/template"
	"image/color"
	"net/http"
	"net/url"
	"strings"

	"github.com/boombuler/barcode/qr"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/auth"
)

// factorPath is the page on which users set up their second factor.
const factorPath = "/profile/second-factor"

// factorPage is where users set up what proves them besides the password.
type factorPage struct {
	base
	Has      *hookyard.Factors
	Adding   bool          // the form with a fault is that of a new app
	Password bool          // the user has one
	Must     bool          // the user has to set up a factor before anything else
	Secret   string        // for a new app, in base32
	QR       template.HTML // the same, to scan
	Codes    []string      // recovery codes that were just made
}

// Groups returns the secret in groups of four characters, to type it.
func (p *factorPage) Groups() string {
	var b strings.Builder
	for i, r := range p.Secret {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}

func showFactors(v *visit) error {
	p := &factorPage{}
	if codes := v.onceSecret(); codes != "" {
		p.Codes = strings.Split(codes, "\n")
	}
	return v.showFactors(p, nil)
}

func (v *visit) showFactors(p *factorPage, err error) error {
	return v.factors(p, auth.NewTOTPSecret(), err)
}

// factors shows the page, with err as the fault of its form unless it is nil. secret is for a new app.
func (v *visit) factors(p *factorPage, secret []byte, err error) error {
	var e error
	if p.Has, e = v.web.o.Control.Factors(v.ctx(), v.id); e != nil {
		return e
	}
	p.Password, p.Must = v.id.User.PasswordHash != "", v.enrolling != nil
	if !p.Has.App && p.Password {
		if e := v.offerApp(p, secret); e != nil {
			return e
		}
	}
	if err != nil {
		return v.showInvalid(err, "Second factor", p)
	}
	return v.show(http.StatusOK, "Second factor", p)
}

// offerApp shows the secret of a new app.
func (v *visit) offerApp(p *factorPage, secret []byte) error {
	server, err := url.Parse(v.web.o.BaseURL)
	if err != nil {
		return err
	}
	text, err := auth.TOTPURL("hookyard "+server.Hostname(), v.id.User.Name, secret)
	if err != nil {
		return err
	}
	p.Secret = auth.EncodeTOTPSecret(secret)
	p.QR, err = drawQR("QR code of the secret key below", text)
	return err
}

// drawQR returns a QR code as SVG. It is black on white in both themes: many apps read no other.
func drawQR(label, text string) (template.HTML, error) {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return "", err
	}
	const margin = 4 // modules, as ISO 18004 asks
	size := code.Bounds().Dx()
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="qr" viewBox="0 0 %[1]d %[1]d" role="img" aria-label="%[2]s" `+
		`shape-rendering="crispEdges"><rect width="%[1]d" height="%[1]d" fill="#fff"/><path fill="#000" d="`,
		size+2*margin, template.HTMLEscapeString(label))
	for y := range size {
		for x := range size {
			if code.At(x, y) == color.Black {
				fmt.Fprintf(&b, "M%d %dh1v1h-1z", x+margin, y+margin)
			}
		}
	}
	b.WriteString(`"/></svg>`)
	return template.HTML(b.String()), nil
}

// changeFactor does what the pressed button says, after the password and a code have been checked.
func changeFactor(v *visit) error {
	var secret []byte
	var done func() error
	switch v.get("do") {
	case "add":
		var err error
		secret, err = base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(v.get("secret"))
		if err != nil || len(secret) < len(auth.NewTOTPSecret()) {
			return hookyard.Errorf(hookyard.Invalid, "The form does not hold the secret that it was shown with.")
		}
		done = func() error {
			codes, err := v.web.o.Control.AddTOTP(v.ctx(), v.id, secret, v.get("code"))
			if err != nil {
				return err
			}
			return v.showCodes(codes, "factor")
		}
	default:
		done = v.withCode
	}
	err := v.checkCurrent()
	if err == nil {
		err = done()
	}
	if err != nil {
		if secret == nil {
			return v.showFactors(&factorPage{}, err)
		}
		return v.factors(&factorPage{Adding: true}, secret, err)
	}
	return nil
}

// withCode changes factors of a user who gives a code, too.
func (v *visit) withCode() error {
	err := v.checkCode(v.id.User)
	if hookyard.CodeOf(err) == hookyard.Unauthenticated {
		return hookyard.FieldErrorf("code", "That is not a current code of your app, or it was used already.")
	}
	if err != nil {
		return err
	}
	what, id, _ := strings.Cut(v.get("do"), ":")
	switch what {
	case "codes":
		codes, err := v.web.o.Control.NewRecoveryCodes(v.ctx(), v.id)
		if err != nil {
			return err
		}
		return v.showCodes(codes, "codes")
	case "remove":
		err = v.web.o.Control.RemoveTOTP(v.ctx(), v.id)
	case "passkey":
		err = v.web.o.Control.RemovePasskey(v.ctx(), v.id, id)
	default:
		err = hookyard.Errorf(hookyard.Invalid, "The form does not say what to do.")
	}
	if err != nil {
		return err
	}
	return v.redirect(factorPath, "nofactor")
}

// showCodes shows new recovery codes once.
func (v *visit) showCodes(codes []string, note string) error {
	if codes == nil {
		return v.redirect(factorPath, note)
	}
	return v.showOnce(factorPath, strings.Join(codes, "\n"), note)
}
