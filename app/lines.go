package app

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/call"
	"github.com/avanak/avanak/config"
	"github.com/avanak/avanak/media"
	"github.com/avanak/avanak/sip"
	"github.com/avanak/avanak/sip/siptest"
)

// sandboxName is the trunk that leads to the callee farm.
const sandboxName = "sandbox"

// sandboxMemory is how many ended calls the gateway's own farm remembers.
const sandboxMemory = 1000

// agentClose bounds the wait for the last legs when the gateway ends: BYEs and CANCELs that are under way.
const agentClose = 10 * time.Second

// openLines makes a line for each trunk, and the trunks as the dispatcher paces them.
func (a *App) openLines(ctx context.Context) (map[string]call.Line, []avanak.Trunk, error) {
	trunks := a.cfg.Trunks
	a.sandbox = len(trunks) == 0
	if a.sandbox {
		t, err := a.openSandbox()
		if err != nil {
			return nil, nil, err
		}
		trunks = []config.Trunk{t}
	}
	lines := make(map[string]call.Line, len(trunks))
	paced := make([]avanak.Trunk, 0, len(trunks))
	for _, t := range trunks {
		line, err := a.openLine(ctx, t)
		if err != nil {
			return nil, nil, fmt.Errorf("trunk %s: %w", t.Name, err)
		}
		lines[t.Name] = line
		pace := t.Pace()
		pace.Sandbox = a.sandbox
		paced = append(paced, pace)
	}
	return lines, paced, nil
}

func (a *App) openLine(ctx context.Context, t config.Trunk) (call.Line, error) {
	rtp, err := t.PortRange()
	if err != nil {
		return call.Line{}, err
	}
	ports, err := media.NewPorts(rtp)
	if err != nil {
		return call.Line{}, err
	}
	address := rtp.IP
	if t.AdvertiseMedia != "" {
		if address, err = netip.ParseAddr(t.AdvertiseMedia); err != nil {
			return call.Line{}, fmt.Errorf("advertise_media: %w", err)
		}
	}
	agent, err := sip.New(t.SIPConfig(), a.log, a.registry)
	if err != nil {
		return call.Line{}, err
	}
	a.closers.add("trunk "+t.Name, agentClose, agent.Close)
	if err := agent.Start(context.WithoutCancel(ctx)); err != nil { // it outlives ctx: the drain needs it
		return call.Line{}, err
	}
	return call.Line{Agent: agent, Ports: ports, Address: address, Symmetric: t.SymmetricOnce()}, nil
}

// openSandbox starts the callee farm, unless the caller brought one, and returns the trunk that leads to it.
func (a *App) openSandbox() (config.Trunk, error) {
	farm := a.farm
	if farm == nil {
		var err error
		farm, err = siptest.New(siptest.Config{Behave: siptest.Mix(1), KeepCalls: sandboxMemory, CountRTP: true, Logger: a.log})
		if err != nil {
			return config.Trunk{}, fmt.Errorf("sandbox: %w", err)
		}
		farm.Start()
		a.closers.add("sandbox", time.Second, func(context.Context) error { farm.Close(); return nil })
	}
	return config.Trunk{Name: sandboxName, Targets: []string{farm.Addr().String()}, Bind: "127.0.0.1:0", AdvertiseMedia: "127.0.0.1",
		RTP: config.RTP{Bind: "127.0.0.1"}, CPS: a.cfg.Sandbox.CPS, Channels: a.cfg.Sandbox.Channels,
		Callers: []string{"+982100000000"}, NumberFormat: string(sip.E164)}, nil
}
