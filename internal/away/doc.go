// Package away tells Redis' "not now" from its "never": whether an error of the Redis client means that the server is gone,
// too slow, or cannot serve at present, so that the same command may succeed later. queue and store, which alone build
// Redis commands, wrap such errors in avanak.ErrUnavailable; callers then wait instead of blaming the input.
package away
