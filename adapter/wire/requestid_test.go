package wire

import (
	"bytes"
	"fmt"
	"testing"

	"chorus/adapter/wire/msgpack"

	"github.com/tinylib/msgp/msgp"
)

// TestAnswersRepeatTheID: Node.js looks for an answer by the id that it has sent, and 7 is not "7".
func TestAnswersRepeatTheID(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{`7`: `7`, `"7"`: `"7"`, `7.0`: `7`, `-1.5`: `-1.5`, `"a\"b"`: `"a\"b"`, `1e21`: `1e+21`, `true`: `"true"`} {
		forms := map[string]func() (*Message, error){
			"a request": func() (*Message, error) {
				return ReadRequest(fmt.Appendf(nil, `{"uid":"u","type":5,"requestId":%s,"opts":{}}`, text))
			},
			"a frame": func() (*Message, error) {
				m, err := ReadFrame(fmt.Appendf(nil, `{"uid":"u","nsp":"/","type":7,"data":{"requestId":%s,"opts":{}}}`, text))
				if err == nil {
					err = m.Decode(false)
				}
				return m, err
			},
			"a packed request": func() (*Message, error) {
				b := msgp.AppendString(msgp.AppendMapHeader(nil, 4), "requestId")
				b, _, err := msgpack.FromJSON(b, []byte(text), 0)
				if err != nil {
					return nil, err
				}
				b = msgp.AppendInt(msgp.AppendString(b, "type"), int(typeBroadcast))
				b = msgp.AppendMapHeader(msgp.AppendString(b, "packet"), 0)
				return ReadRequest(msgp.AppendMapHeader(msgp.AppendString(b, "opts"), 0))
			},
		}
		for form, read := range forms {
			m, err := read()
			if err != nil {
				t.Errorf("%s with %s: %v", form, text, err)
				continue
			}
			count, ack := m.Answer(ClientCount), m.Answer(Ack)
			ack.Value = "x"
			answer, err := EncodeResponse(&count)
			if err != nil || !bytes.Contains(answer, []byte(`"requestId":`+want+`,`)) {
				t.Errorf("%s with %s is answered %s, %v", form, text, answer, err)
			}
			frame, err := AppendFrame(nil, "v", "/", &count)
			if err != nil || !bytes.Contains(frame, []byte(`"requestId":`+want+`,`)) {
				t.Errorf("%s with %s is answered %s, %v", form, text, frame, err)
			}
			wanted, _, err := msgpack.FromJSON(msgp.AppendString(nil, "requestId"), []byte(want), 0)
			if err != nil {
				t.Fatal(err)
			}
			for name, encode := range map[string]func() ([]byte, error){
				"a response": func() ([]byte, error) { return EncodeResponse(&ack) },
				"a frame":    func() ([]byte, error) { return AppendPackedFrame(nil, "v", "/", &ack) },
			} {
				if packed, err := encode(); err != nil || !bytes.Contains(packed, wanted) {
					t.Errorf("%s with %s is answered with %s %x, %v", form, text, name, packed, err)
				}
			}
		}
	}
}
