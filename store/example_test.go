package store_test

import (
	"context"
	"fmt"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/store"
)

// A number that is suppressed must not be called; nor must one of which the store cannot tell.
func ExampleSuppressions() {
	mini, err := miniredis.Run()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer mini.Close()
	rdb := redis.NewClient(&redis.Options{Addr: mini.Addr()})
	defer func() { _ = rdb.Close() }()

	ctx := context.Background()
	list := store.NewSuppressions(rdb)
	number, err := avanak.ParseNumber("0912 000 0001")
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := list.Add(ctx, number); err != nil {
		fmt.Println(err)
		return
	}
	held, err := list.Has(ctx, number)
	fmt.Println(number, held, err)
	// Output: +98912****01 true <nil>
}
