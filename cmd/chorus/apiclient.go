package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"chorus/api/rest"
)

// apiFlags are those of every command that speaks to the HTTP API.
type apiFlags struct {
	URL     string        `name:"url" env:"CHORUS_API_URL" default:"http://127.0.0.1:3900" help:"Where the HTTP API is: the admin address of any node, or what api.listen says."`
	Key     string        `env:"CHORUS_API_KEY" placeholder:"KEY" help:"API key; better in CHORUS_API_KEY, which other users of the machine do not see."`
	Timeout time.Duration `default:"10s" help:"How long to wait for the answer."`
	JSON    bool          `name:"json" help:"Print the answer as JSON."`
}

// maxAPIAnswer bounds an answer.
const maxAPIAnswer = 64 << 20

// request returns a request for a path below rest.Prefix, which a --url may have or not.
func (f *apiFlags) request(ctx context.Context, method, path string, body any) (*http.Request, error) {
	if f.Key == "" {
		return nil, usagef("there is no API key: set CHORUS_API_KEY; chorus api key NAME --scope SCOPE makes one")
	}
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(strings.TrimSuffix(f.URL, "/"), rest.Prefix)+rest.Prefix+path, content)
	if err != nil {
		return nil, usagef("--url: write the address of the API, as http://127.0.0.1:3900")
	}
	r.Header.Set("Authorization", "Bearer "+f.Key)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	return r, nil
}

// call sends a request and returns the answer.
func (f *apiFlags) call(ctx context.Context, method, path string, body any) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, f.Timeout)
	defer cancel()
	r, err := f.request(ctx, method, path, body)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close() //nolint:errcheck // nothing is lost with an answer that was read
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAPIAnswer))
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, apiError(response, text)
	}
	return text, nil
}

// apiError is the error of an answer that is not a success.
func apiError(response *http.Response, text []byte) error {
	var problem struct{ Code, Detail string }
	if json.Unmarshal(text, &problem) != nil || problem.Code == "" {
		return fmt.Errorf("%s answers %s: is the HTTP API there?", response.Request.URL.Host, response.Status)
	}
	return fmt.Errorf("%s (%s)", problem.Detail, problem.Code)
}

// show prints an answer: as JSON, or as people read it.
func show[T any](f *apiFlags, out io.Writer, text json.RawMessage, print func(T)) error {
	if f.JSON {
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, bytes.TrimSpace(text), "", "  "); err != nil {
			return err
		}
		_, err := fmt.Fprintln(out, pretty.String())
		return err
	}
	var answer T
	if err := json.Unmarshal(text, &answer); err != nil {
		return errors.New("the answer is not that of the HTTP API")
	}
	print(answer)
	return nil
}

// query returns a path with parameters that are not empty. They are pairs of name and value.
func query(path string, parameters ...string) string {
	values := make(url.Values)
	for i := 0; i < len(parameters); i += 2 {
		if parameters[i+1] != "" {
			values.Set(parameters[i], parameters[i+1])
		}
	}
	if len(values) == 0 {
		return path
	}
	return path + "?" + values.Encode()
}

// moment prints a time of the API.
func moment(milliseconds int64) string {
	return time.UnixMilli(milliseconds).Format(time.DateTime)
}
