package embedded_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/redis/go-redis/v9"

	"github.com/avanak/avanak/store/embedded"
)

// A gateway without an external Redis opens its own store, and prints what it guarantees.
func ExampleOpen() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "avanak")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	s, err := embedded.Open(ctx, embedded.Config{Dir: filepath.Join(dir, "redis")})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = s.Close(ctx) }()
	rdb := redis.NewClient(s.Options())
	defer func() { _ = rdb.Close() }()
	fmt.Println(s.Guarantee().Durability, rdb.Ping(ctx).Val())
	// Output: always PONG
}
