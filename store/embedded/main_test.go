package embedded

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
)

// gatewayDir in the environment makes the test binary act as a gateway that runs gatewayBinary, for tests that kill one.
const (
	gatewayDir    = "EMBEDDED_TEST_GATEWAY_DIR"
	gatewayBinary = "EMBEDDED_TEST_GATEWAY_BINARY"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(gatewayDir); dir != "" {
		if err := gateway(dir); err != nil {
			fmt.Fprintln(os.Stdout, "error", err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// gateway starts a server and writes until it is killed. On standard output it tells the child's process id, and each key
// whose write was acknowledged.
func gateway(dir string) error {
	ctx := context.Background()
	s, err := Start(ctx, Config{Dir: dir, Binary: os.Getenv(gatewayBinary)})
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, "pid", lockHolder(s.locks.server))
	rdb := redis.NewClient(s.Options())
	for i := 0; ; i++ {
		if err := rdb.Set(ctx, strconv.Itoa(i), "v", 0).Err(); err != nil {
			return err
		}
		fmt.Fprintln(os.Stdout, "key", i)
	}
}
