package payload

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"chorus/engine/message"
)

// WrapJSONP wraps an answer for a script tag (Engine.IO v3: JSONP). JSON is JavaScript once the two
// separators of lines are escaped, which encoding/json does.
func WrapJSONP(callback string, body []byte) []byte {
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, callback)
	text, _ := json.Marshal(string(body)) // it cannot fail: a text
	return fmt.Appendf(nil, "___eio[%s](%s);", digits, text)
}

// unescapeJSONP undoes what clients do because forms change line ends: they write a line end as \n,
// and \n as \\n.
var unescapeJSONP = strings.NewReplacer(`\\n`, `\n`, `\n`, "\n")

// ReadJSONP reads the body of a form that a script has sent.
func ReadJSONP(body []byte) ([]byte, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil || !form.Has("d") {
		return nil, fmt.Errorf("%w: the form has no d", message.ErrPacket)
	}
	return []byte(unescapeJSONP.Replace(form.Get("d"))), nil
}
