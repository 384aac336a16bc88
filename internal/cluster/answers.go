package cluster

import (
	"context"
	"sync"
)

// Answers answers a chart's questions about the cluster, and remembers when it could not: an answer that was guessed would
// leave objects out, and what is left out is deleted.
type Answers struct {
	ctx    context.Context
	mapper *Mapper

	mu  sync.Mutex
	err error
}

// Answers gives what answers the questions of one render.
func (m *Mapper) Answers(ctx context.Context) *Answers { return &Answers{ctx: ctx, mapper: m} }

// KubeVersion gives the API server's version, "" if it does not answer.
func (c *Answers) KubeVersion() string {
	version, err := c.mapper.ServerVersion(c.ctx)
	c.note(err)
	return version
}

// Has tells whether a version or kind is served; false if nobody knows.
func (c *Answers) Has(name string) bool {
	ok, err := c.mapper.Has(c.ctx, name)
	c.note(err)
	return ok
}

func (c *Answers) note(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
}

// Failure gives why a question could not be answered; nil if all could.
func (c *Answers) Failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}
