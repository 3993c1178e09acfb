package api_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"

	"github.com/alicebob/miniredis/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/avanak/avanak/api"
	"github.com/avanak/avanak/campaign"
	"github.com/avanak/avanak/queue"
	"github.com/avanak/avanak/store"
)

// How app puts the server together.
func Example() {
	mini := miniredis.NewMiniRedis()
	if err := mini.Start(); err != nil {
		fmt.Println(err)
		return
	}
	defer mini.Close()
	rdb := redis.NewClient(&redis.Options{Addr: mini.Addr()})
	defer func() { _ = rdb.Close() }()
	numbers := store.NewSuppressions(rdb)
	clips, err1 := store.NewClips(store.Config{}, rdb, nil)
	q, err2 := queue.New(queue.DefaultConfig(), rdb)
	campaigns, err3 := campaign.New(campaign.DefaultConfig(), q, clips, numbers)
	server, err4 := api.New(api.DefaultConfig(), api.Parts{
		Campaigns:    campaigns,
		Clips:        clips,
		Suppressions: numbers,
		Verify: func(_ context.Context, presented string) (api.Principal, error) {
			if presented != "secret" {
				return api.Principal{}, api.ErrKey
			}
			return api.Principal{Tenant: "one"}, nil
		},
		Encode:     encode,
		Ready:      func(context.Context) api.Readiness { return api.Readiness{Ready: true} },
		Registerer: prometheus.NewRegistry(),
		Logger:     slog.New(slog.DiscardHandler),
	})
	for _, err := range []error{err1, err2, err3, err4} {
		if err != nil {
			fmt.Println(err)
			return
		}
	}

	ask := func(key string) {
		r := httptest.NewRequest(http.MethodGet, "/v1/campaigns", nil)
		r.Header.Set("Authorization", "Bearer "+key)
		w := httptest.NewRecorder()
		server.ServeHTTP(w, r)
		fmt.Print(w.Code, " ", w.Body)
	}
	ask("secret")
	ask("guess")
	// Output:
	// 200 {"campaigns":[]}
	// 401 {"type":"urn:avanak:problem:unauthorized","title":"The request has no valid API key","status":401,"detail":"the API key is not valid"}
}
