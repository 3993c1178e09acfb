package client_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/avanak/avanak/cmd/avanak/client"
)

func ExampleClient_Send() {
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"id":"msg_1","state":"pending"}`)
	}))
	defer gateway.Close()

	c, err := client.New(client.Config{URL: gateway.URL, Key: "avk_live_example"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	m, err := c.Send(context.Background(), client.MessageRequest{Clip: "clp_1", Number: "09120000001"}, "order-17")
	fmt.Println(m.ID, m.State, err)
	// Output: msg_1 pending <nil>
}
