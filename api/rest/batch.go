package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"golang.org/x/sync/errgroup"
)

// Bounds of a batch.
const (
	maxBatchOperations = 1000
	batchAtOnce        = 32
)

// BatchRequest is a list of operations.
type BatchRequest struct {
	Operations []BatchOperation `json:"operations" minItems:"1" maxItems:"1000"`
	Ordered    bool             `json:"ordered,omitempty" doc:"One after the other; the first failure ends it. Else they run at the same time."`
}

// BatchOperation is a request of its own.
type BatchOperation struct {
	Method string          `json:"method" enum:"GET,POST,PUT,PATCH,DELETE"`
	Path   string          `json:"path" minLength:"1" maxLength:"4096" doc:"Below /api/v1, percent-encoded, with the query: /rooms/team%2Fblue?limit=5."`
	Body   json.RawMessage `json:"body,omitempty"`
}

// BatchAnswer has a result for each operation, in their order.
type BatchAnswer struct {
	Results []BatchResult `json:"results"`
}

// BatchResult is what an operation was answered.
type BatchResult struct {
	Status int             `json:"status" doc:"Of HTTP. 424 for an operation behind the first failure of an ordered batch, which was not tried."`
	Body   json.RawMessage `json:"body,omitempty" doc:"The answer or the problem."`
}

type batchInput struct{ Body BatchRequest }

func registerBatch(a *API) {
	Register(a, Operation{
		ID: "batch", Method: http.MethodPost, Path: "/batch", Tag: "batch", MaxBody: a.opts.MaxBatch, Batch: true,
		Summary: "Do up to 1,000 operations", Description: "Each needs the scope that it needs by itself, and counts as a request. The answer is 200 whatever their outcomes.",
	}, a.batch)
}

// codeSkipped is the code of operations that were not tried.
const codeSkipped = "skipped"

func (a *API) batch(ctx context.Context, in *batchInput) (*BatchAnswer, error) {
	x := ExchangeOf(ctx)
	operations := in.Body.Operations
	if more := int64(len(operations)) - 1; more > 0 {
		if x.quota = a.take(ctx, x.Who.Name, more); x.quota.exceeded() {
			return nil, x.quota.problem()
		}
	}
	answer := &BatchAnswer{Results: make([]BatchResult, len(operations))}
	if in.Body.Ordered {
		failed := false
		for i := range operations {
			if failed {
				answer.Results[i] = resultOf(NewProblem(http.StatusFailedDependency, codeSkipped, "an operation before this one failed"), x.id)
				continue
			}
			answer.Results[i] = a.one(ctx, x, &operations[i])
			failed = answer.Results[i].Status >= http.StatusBadRequest
		}
		return answer, nil
	}
	var group errgroup.Group
	group.SetLimit(batchAtOnce)
	for i := range operations {
		group.Go(func() error {
			answer.Results[i] = a.one(ctx, x, &operations[i])
			return nil
		})
	}
	return answer, group.Wait()
}

// resultOf makes a result of a problem, with the id of the request that the batch came in.
func resultOf(p *Problem, requestID string) BatchResult {
	p.RequestID = requestID
	text, _ := json.Marshal(p) // it cannot fail: there are texts and numbers
	return BatchResult{Status: p.Status, Body: text}
}

// one does an operation of a batch.
func (a *API) one(ctx context.Context, x *exchange, op *BatchOperation) BatchResult {
	if !strings.HasPrefix(op.Path, "/") {
		return resultOf(Invalid("body.path", "a path begins with a slash, below "+Prefix), x.id)
	}
	r, err := http.NewRequestWithContext(context.WithValue(ctx, exchangeKey{}, &exchange{id: x.id, began: x.began, Who: x.Who}), op.Method, Prefix+op.Path, http.NoBody)
	if err != nil || r.URL.Fragment != "" || r.URL.Host != "" {
		return resultOf(Invalid("body.path", "this is not a path with percent-encoded segments"), x.id)
	}
	path, _ := cutPrefix(r.URL.EscapedPath())
	found, values, allowed, problem := a.router.match(op.Method, path)
	switch {
	case problem != nil:
	case found == nil && len(allowed) > 0:
		problem = NewProblem(http.StatusMethodNotAllowed, codeMethodNotAllowed, "this path takes "+strings.Join(allowed, ", "))
	case found == nil:
		problem = NewProblem(http.StatusNotFound, CodeNotFound, "there is no such path")
	case found.op.Batch || found.op.Stream:
		problem = Invalid("body.path", "this operation is not for batches")
	case found.op.Scope != "" && !x.Who.May(found.op.Scope):
		problem = Forbidden(found.op.Scope)
	case int64(len(op.Body)) > a.opts.MaxBody:
		problem = tooLarge(a.opts.MaxBody)
	case found.huma.RequestBody != nil && found.huma.RequestBody.Required && len(op.Body) == 0:
		problem = NewProblem(http.StatusBadRequest, "bad_request", "the operation needs a body")
	default:
		problem = checkQuery(found, r.URL.RawQuery)
	}
	if problem != nil {
		a.stats.note("batch", problem.Status, problem.Code)
		return resultOf(problem, x.id)
	}
	return a.do(found, withBody(r, op.Body), values)
}

// do has an operation handled, and gathers its answer.
func (a *API) do(found *route, r *http.Request, values map[string]string) (result BatchResult) {
	own := ExchangeOf(r.Context())
	w := &heldAnswer{header: make(http.Header)}
	defer func() {
		if reason := recover(); reason != nil {
			a.panicked(r, own, reason)
			result = resultOf(NewProblem(http.StatusInternalServerError, "internal_error", "the server could not handle this operation"), own.id)
		}
		a.stats.note(found.op.ID, result.Status, own.code)
	}()
	found.serve(w, r, values)
	return BatchResult{Status: w.status, Body: bytes.TrimSpace(w.body.Bytes())}
}
