package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/api"
	"github.com/avanak/avanak/audio"
	"github.com/avanak/avanak/campaign"
	"github.com/avanak/avanak/store"
)

// openDoors makes the API and binds both listeners.
func (a *App) openDoors(service *campaign.Service) error {
	server, err := api.New(api.Config{}, api.Parts{Campaigns: service, Clips: a.state.clips,
		Suppressions: a.state.suppressed, Verify: a.verify, Encode: encode, Ready: a.readiness, Registerer: a.registry,
		Logger: a.log})
	if err != nil {
		return err
	}
	if a.publicHTTP, err = api.NewHTTPServer(server, a.log); err != nil {
		return err
	}
	if a.adminHTTP, err = api.NewHTTPServer(a.adminHandler(server.Health()), a.log); err != nil {
		return err
	}
	if a.public, err = a.listen("http", a.cfg.HTTP.Listen); err != nil {
		return err
	}
	a.admin, err = a.listen("admin", a.cfg.Admin.Listen)
	return err
}

// listen binds a listener that is closed with the rest, at the latest.
func (a *App) listen(key, addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr) //nolint:noctx // bound at once
	if err != nil {
		return nil, fmt.Errorf("%s.listen %s: %w (is another gateway running? choose another port)", key, addr, err)
	}
	a.closers.add(key+" listener", time.Second, func(context.Context) error {
		_ = l.Close() // closed before, where it was served
		return nil
	})
	return l, nil
}

// encode is audio's work as the API asks for it.
func encode(upload io.Reader) (avanak.Frames, time.Duration, error) {
	clip, err := audio.Ingest(upload)
	if err != nil {
		return avanak.Frames{}, 0, err
	}
	return clip.Frames, clip.Duration, nil
}

// inHouse marks the context of requests on the admin listener.
type inHouse struct{}

// readiness tells whether the gateway can do its work. Which trunks there are is for the house only.
func (a *App) readiness(ctx context.Context) api.Readiness {
	r := api.Readiness{Ready: true, Checks: map[string]string{"redis": "ok", "machine": "ok", "trunks": "ok"},
		Durability: string(a.state.guarantee.Durability), Store: a.state.kind, Draining: a.draining.Load()}
	if err := a.storeFault(ctx); err != nil {
		r.Ready, r.Checks["redis"] = false, err.Error()
	}
	if a.pacer.Overloaded() {
		r.Checks["machine"] = "media is late: no new calls for the moment" // still ready: it passes
	}
	if !a.notes.usable() {
		r.Ready, r.Checks["trunks"] = false, "no trunk is usable: no calls"
	}
	if ctx.Value(inHouse{}) != nil {
		a.notes.describe(r.Checks)
	}
	if r.Draining {
		r.Ready = false
	}
	return r
}

// callers lists the caller numbers that the carriers granted, each once, whether a trunk shows them by itself or only
// where a campaign names them; nil on the sandbox, where any will do.
func (a *App) callers() []avanak.Number {
	var granted []avanak.Number
	for _, t := range a.cfg.Trunks {
		for _, c := range t.Callers {
			if n, err := avanak.ParseNumber(c); err == nil && !slices.Contains(granted, n) { // Validate has seen them
				granted = append(granted, n)
			}
		}
	}
	return granted
}

// verify is the store's judgement of a key in the API's words.
func (a *App) verify(ctx context.Context, presented string) (api.Principal, error) {
	p, err := a.state.keys.Verify(ctx, presented)
	switch {
	case errors.Is(err, store.ErrKey):
		return api.Principal{}, api.ErrKey
	case err != nil:
		return api.Principal{}, err
	}
	return api.Principal{KeyID: p.KeyID, Tenant: p.Tenant, Scopes: p.Scopes}, nil
}
