package hookyard

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Document returns what event types, filters, searches and templates look into: the body as UTF-8 without a byte order
// mark, or, if it is a form (URL-encoded or multipart) and not JSON, the JSON in it. Of a form, that is the field
// payload or data if it is JSON, as GitHub, Slack and NetBeans send it, else the first part that is JSON, else an
// object of the fields, each with its first value. The slice must not be modified.
func (e *Event) Document() []byte {
	if e.DataOffset > 0 {
		return e.Body
	}
	return Document(e.ContentType, e.Plain())
}

// Payload returns the data of a published event, or the document of any other. The slice must not be modified.
func (e *Event) Payload() []byte {
	if e.DataOffset > 0 {
		return e.Data()
	}
	return e.Document()
}

// Document is [Event.Document] for a body that is no event yet.
func Document(contentType string, body []byte) []byte {
	body = Text(contentType, body)
	kind := MediaType(contentType)
	if kind != TypeForm && kind != TypeMultipart || looksLikeJSON(body) {
		return body
	}
	var doc []byte
	if kind == TypeForm {
		doc = formDocument(body)
	} else {
		doc = multipartDocument(contentType, body)
	}
	if doc == nil {
		return body
	}
	return doc
}

// looksLikeJSON reports whether an object or an array begins in b. Some senders omit the content type, and clients such
// as curl replace it by that of a form.
func looksLikeJSON(b []byte) bool {
	i := SkipJSONSpace(b, 0)
	return i < len(b) && (b[i] == '{' || b[i] == '[')
}

// FormJSON returns the JSON in a form: the field payload, where GitHub has it, else data, where NetBeans has it, else,
// in a multipart form, the first part whose type is JSON. It is nil if the body is not a form or holds no JSON.
func FormJSON(contentType string, body []byte) []byte {
	switch MediaType(contentType) {
	case TypeForm:
		values, err := url.ParseQuery(string(body))
		if err != nil {
			return nil
		}
		return jsonField(values)
	case TypeMultipart:
		_, found := multipartFields(contentType, body)
		return found
	}
	return nil
}

// jsonField returns the field payload or data if it is JSON in UTF-8.
func jsonField(values url.Values) []byte {
	for _, name := range [...]string{"payload", "data"} {
		if v := []byte(values.Get(name)); utf8.Valid(v) && json.Valid(v) {
			return v
		}
	}
	return nil
}

func formDocument(body []byte) []byte {
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil
	}
	if v := jsonField(values); v != nil {
		return v
	}
	return fieldsDocument(values)
}

func multipartDocument(contentType string, body []byte) []byte {
	values, found := multipartFields(contentType, body)
	if found != nil {
		return found
	}
	return fieldsDocument(values)
}

// maxParts bounds the parts of a multipart form that are looked into.
const maxParts = 100

// multipartFields returns the text fields of a multipart form, and its JSON (see [FormJSON]) or nil. Of a form that
// breaks off it returns what comes before.
func multipartFields(contentType string, body []byte) (url.Values, []byte) {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil || params["boundary"] == "" {
		return nil, nil
	}
	values := url.Values{}
	var first []byte
	r := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for range maxParts {
		part, err := r.NextPart()
		if err != nil {
			break // at the end this is io.EOF
		}
		isJSON := IsJSONType(part.Header.Get("Content-Type"))
		if part.FileName() != "" && !isJSON {
			continue
		}
		text, err := io.ReadAll(part)
		if err != nil {
			break
		}
		if isJSON && first == nil {
			if text := Text("", text); utf8.Valid(text) && json.Valid(text) {
				first = text
			}
		}
		if part.FormName() != "" && part.FileName() == "" {
			values.Add(part.FormName(), string(text))
		}
	}
	if v := jsonField(values); v != nil {
		return values, v
	}
	return values, first
}

// fieldsDocument returns the first value of each field as a JSON object, or nil if there are no fields.
func fieldsDocument(values url.Values) []byte {
	if len(values) == 0 {
		return nil
	}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	b := []byte{'{'}
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendJSONString(b, name)
		b = append(b, ':')
		b = AppendJSONString(b, values.Get(name))
	}
	return append(b, '}')
}

// Text returns a body as UTF-8 without a byte order mark. It knows UTF-16, which PowerShell sends, and Latin-1, by
// their mark or charset. Any other body is returned as it is.
func Text(contentType string, body []byte) []byte {
	if len(body) < 2 {
		return body
	}
	switch {
	case bytes.HasPrefix(body, []byte("\xef\xbb\xbf")):
		return body[3:]
	case body[0] == 0xff && body[1] == 0xfe:
		return fromUTF16(binary.LittleEndian, body[2:])
	case body[0] == 0xfe && body[1] == 0xff:
		return fromUTF16(binary.BigEndian, body[2:])
	case !strings.ContainsAny(contentType, "=") || utf8.Valid(body) && bytes.IndexByte(body, 0) < 0:
		return body
	}
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		return body
	}
	switch strings.ToLower(params["charset"]) {
	case "utf-16le":
		return fromUTF16(binary.LittleEndian, body)
	case "utf-16", "utf-16be":
		return fromUTF16(binary.BigEndian, body)
	case "iso-8859-1", "latin1", "windows-1252":
		out := make([]byte, 0, len(body)+len(body)/8)
		for _, c := range body {
			out = utf8.AppendRune(out, rune(c))
		}
		return out
	}
	return body
}

func fromUTF16(order binary.ByteOrder, b []byte) []byte {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = order.Uint16(b[2*i:])
	}
	return []byte(string(utf16.Decode(units)))
}
