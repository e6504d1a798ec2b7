package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// An engine takes messages about a resource; a status is shown only until the next one.
type engine interface {
	Log(ctx context.Context, severity diag.Severity, urn resource.URN, message string) error
	LogStatus(ctx context.Context, severity diag.Severity, urn resource.URN, message string) error
}

// A logger passes on messages about one resource. A message that gets lost harms nothing.
type logger struct {
	engine engine
	urn    resource.URN
}

func (s *server) logger(urn resource.URN) logger { return logger{engine: s.engine, urn: urn} }

func (l logger) info(ctx context.Context, message string) {
	_ = l.engine.Log(ctx, diag.Info, l.urn, message)
}

func (l logger) warn(ctx context.Context, message string) {
	_ = l.engine.Log(ctx, diag.Warning, l.urn, message)
}

func (l logger) status(ctx context.Context, message string) {
	_ = l.engine.LogStatus(ctx, diag.Info, l.urn, message)
}

// A capture keeps what a command prints, and passes lines on to the engine where logging asks for it.
type capture struct {
	stdout, stderr bytes.Buffer
	// both has the two in the order in which they came.
	both  bytes.Buffer
	mutex sync.Mutex
	lines [2]*lineWriter
}

func newCapture(ctx context.Context, log logger, logging string) *capture {
	c := &capture{}
	if logging == "" || logging == "stdoutAndStderr" || logging == "stdout" {
		c.lines[0] = &lineWriter{pass: func(line string) { log.info(ctx, line) }}
	}
	if logging == "" || logging == "stdoutAndStderr" || logging == "stderr" {
		c.lines[1] = &lineWriter{pass: func(line string) { log.info(ctx, line) }}
	}
	return c
}

func (c *capture) out() io.Writer { return captureWriter{c, &c.stdout, c.lines[0]} }
func (c *capture) err() io.Writer { return captureWriter{c, &c.stderr, c.lines[1]} }

// outputs returns what was printed, after the command has ended.
func (c *capture) outputs() outputs {
	for _, line := range c.lines {
		line.flush()
	}
	return outputs{
		stdout: strings.TrimSuffix(c.stdout.String(), "\n"),
		stderr: strings.TrimSuffix(c.stderr.String(), "\n"),
	}
}

type captureWriter struct {
	capture *capture
	own     *bytes.Buffer
	line    *lineWriter
}

func (w captureWriter) Write(text []byte) (int, error) {
	w.capture.mutex.Lock()
	defer w.capture.mutex.Unlock()
	w.own.Write(text)
	w.capture.both.Write(text)
	w.line.write(text)
	return len(text), nil
}

// A lineWriter passes on whole lines, however long. A nil one passes on nothing.
type lineWriter struct {
	pass func(string)
	rest []byte
}

func (w *lineWriter) write(text []byte) {
	if w == nil {
		return
	}
	w.rest = append(w.rest, text...)
	for {
		line, rest, found := bytes.Cut(w.rest, []byte("\n"))
		if !found {
			return
		}
		w.pass(string(line))
		w.rest = rest
	}
}

func (w *lineWriter) flush() {
	if w != nil && len(w.rest) > 0 {
		w.pass(string(w.rest))
		w.rest = nil
	}
}
