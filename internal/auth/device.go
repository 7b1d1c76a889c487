package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"

	"github.com/hookyard/hookyard"
)

// DeviceLife is how long a device of a user is recognized after a sign-in.
const DeviceLife = 180 * 24 * time.Hour

// Parts of the cookie of a device.
const (
	deviceID   = 16 // random bytes
	deviceHead = deviceID + 8
)

// NewDevice returns a value of the cookie [DeviceCookie] for a browser in which a user has just signed in. It proves
// that, and does not sign in. It is valid for [DeviceLife] and until the password changes, on every node: it is
// authenticated with the stored hash of the password, which has 256 secret bits. It is empty for a user without a
// password. This is OWASP's protocol of device cookies ("Slow Down Online Guessing Attacks with Device Cookies").
func NewDevice(user *hookyard.User, now time.Time) string {
	if user.PasswordHash == "" {
		return ""
	}
	b := make([]byte, deviceID, deviceHead+sha256.Size)
	_, _ = rand.Read(b) // cannot fail
	b = binary.BigEndian.AppendUint64(b, uint64(now.Add(DeviceLife).Unix()))
	return base64.RawURLEncoding.EncodeToString(append(b, userMAC(user, "device", b)...))
}

// deviceOf returns the id of the device of the user that a cookie proves, or "".
func deviceOf(user *hookyard.User, cookie string, now time.Time) string {
	b, err := base64.RawURLEncoding.DecodeString(cookie)
	if err != nil || len(b) != deviceHead+sha256.Size || user.PasswordHash == "" {
		return ""
	}
	head, mac := b[:deviceHead], b[deviceHead:]
	expires := binary.BigEndian.Uint64(head[deviceID:])
	if !hmac.Equal(mac, userMAC(user, "device", head)) || uint64(now.Unix()) >= expires {
		return ""
	}
	return string(head[:deviceID])
}

// userMAC authenticates a cookie that is for one purpose with the user's stored hash of the password.
func userMAC(user *hookyard.User, purpose string, head []byte) []byte {
	mac := hmac.New(sha256.New, []byte(user.PasswordHash))
	mac.Write([]byte("hookyard " + purpose))
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(user.Key)))
	mac.Write(head)
	return mac.Sum(nil)
}
