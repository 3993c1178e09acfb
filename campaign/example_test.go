package campaign_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/campaign"
	"github.com/avanak/avanak/queue"
	"github.com/avanak/avanak/store"
)

func Example() {
	ctx := context.Background()
	mini := miniredis.NewMiniRedis()
	if err := mini.Start(); err != nil {
		panic(err)
	}
	defer mini.Close()
	rdb := redis.NewClient(&redis.Options{Addr: mini.Addr()})
	defer rdb.Close()
	jobs, err := queue.New(queue.DefaultConfig(), rdb)
	if err != nil {
		panic(err)
	}
	clip := avanak.NewID(avanak.ClipPrefix, time.Now())
	service, err := campaign.New(campaign.DefaultConfig(), jobs, shelf{clip: "tenant"}, store.NewSuppressions(rdb))
	if err != nil {
		panic(err)
	}

	c, _, err := service.Create(ctx, "tenant", campaign.Request{Name: "reminder", Clip: clip}, "order-17")
	if err != nil {
		panic(err)
	}
	list := "نام;موبایل\nالف;۰۹۱۲۰۰۰۰۰۰۱\nب;9120000002\nج;110\n"
	receipt, err := service.Load(ctx, "tenant", c.ID, campaign.CSV, strings.NewReader(list))
	if err != nil {
		panic(err)
	}
	fmt.Println(receipt.Accepted, "accepted; refused:", receipt.Rejected)

	_, progress, err := service.Start(ctx, "tenant", c.ID)
	if err != nil {
		panic(err)
	}
	fmt.Println(progress.Run, "with", progress.Open(), "to call")
	// Output:
	// 2 accepted; refused: [{4 emergency}]
	// running with 2 to call
}
