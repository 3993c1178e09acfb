package store

import (
	"container/list"
	"sync"

	"github.com/avanak/avanak"
)

// frameCache holds the frames of the clips that were used last, up to a number of bytes. Clips never change, so an entry is
// never stale.
type frameCache struct {
	limit int64 // bytes

	mu    sync.Mutex
	bytes int64                    // guarded by mu
	byID  map[string]*list.Element // guarded by mu
	order *list.List               // guarded by mu; of *cachedFrames, last used first
}

type cachedFrames struct {
	id     string
	frames avanak.Frames
}

// size is the memory of the payload in both laws.
func (c *cachedFrames) size() int64 { return int64(len(c.frames.ALaw) + len(c.frames.ULaw)) }

func newFrameCache(limit int64) *frameCache {
	return &frameCache{limit: limit, byID: map[string]*list.Element{}, order: list.New()}
}

// frames returns the frames of a clip where they are held.
func (c *frameCache) frames(id string) (avanak.Frames, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byID[id]
	if !ok {
		return avanak.Frames{}, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*cachedFrames).frames, true
}

// add holds the frames and drops those that were used longest ago. A clip above the limit is not held.
func (c *frameCache) add(id string, f avanak.Frames) {
	entry := &cachedFrames{id: id, frames: f}
	if entry.size() > c.limit {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.byID[id]; ok {
		return
	}
	c.byID[id] = c.order.PushFront(entry)
	c.bytes += entry.size()
	for c.bytes > c.limit {
		oldest := c.order.Remove(c.order.Back()).(*cachedFrames)
		delete(c.byID, oldest.id)
		c.bytes -= oldest.size()
	}
}
