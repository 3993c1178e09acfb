package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/avanak/avanak/app"
	"github.com/avanak/avanak/cmd/avanak/console"
	"github.com/avanak/avanak/cmd/avanak/demo"
	"github.com/avanak/avanak/config"
	"github.com/avanak/avanak/sip/siptest"
)

type serveCmd struct {
	Config string `placeholder:"FILE" env:"AVANAK_CONFIG" help:"Configuration; without it: everything on loopback, sandbox trunk (${env})."`
}

// Run serves until a signal comes and the calls on the line have ended.
func (c *serveCmd) Run(ctx context.Context, con *console.Console) error {
	cfg, err := config.Load(c.Config)
	if err != nil {
		return refuse("%w", err)
	}
	gateway, err := app.New(ctx, cfg, app.Options{Out: con.Err})
	if err != nil {
		return fmt.Errorf("start the gateway: %w", err)
	}
	for _, line := range gateway.Describe() {
		con.Line("%s", line)
	}
	if err := gateway.Run(ctx); err != nil {
		return fmt.Errorf("run the gateway: %w", err)
	}
	return nil
}

type checkConfigCmd struct {
	Config string `placeholder:"FILE" env:"AVANAK_CONFIG" help:"Configuration (${env})."`
}

// Run reads the configuration and says whether it is right.
func (c *checkConfigCmd) Run(con *console.Console) error {
	cfg, err := config.Load(c.Config)
	if err != nil {
		return refuse("%w", err)
	}
	name := c.Config
	if name == "" {
		name = "the default configuration"
	}
	con.Line("%s is right: %s, %d trunks, api on %s", name, cfg.Env, len(cfg.Trunks), cfg.HTTP.Listen)
	for _, t := range cfg.Trunks {
		con.Line("trunk: %s", t)
	}
	return nil
}

type demoCmd struct {
	Out  string `default:"demo-out" help:"Directory for the report and the recording."`
	Keep bool   `help:"Leave the gateway running until Ctrl-C."`
}

// Run runs the demo.
func (c *demoCmd) Run(ctx context.Context, con *console.Console) error {
	return demo.Run(ctx, demo.Config{Out: c.Out, Keep: c.Keep, Console: con, Start: startForDemo})
}

// startForDemo makes a gateway whose calls go to the demo's callees. The environment plays no part in it.
func startForDemo(ctx context.Context, dir string, farm *siptest.Farm, log *slog.Logger) (demo.Gateway, error) {
	cfg := config.Default()
	cfg.Data = dir
	cfg.HTTP.Listen, cfg.Admin.Listen = "127.0.0.1:0", "127.0.0.1:0"
	cfg.Sandbox = config.Sandbox{CPS: demo.CPS, Channels: demo.Channels}
	cfg.Dispatcher.Drain = time.Second // whoever presses Ctrl-C does not want to hear the clips out
	return app.New(ctx, cfg, app.Options{Logger: log, Farm: farm})
}
