package sip

import (
	"time"

	"github.com/emiago/sipgo/sip"
)

// beat ticks while a transaction goes over a stream: then its connection is looked at. sipgo would end the transactions
// of a connection that closes (WithTransactionLayerTerminateOnConnClose), but it does so from a goroutine of its own also
// to one that is just being made, and ends the process with it.
func (a *Agent) beat(over Transport) (tick <-chan time.Time, rest func()) {
	if !over.stream() {
		return nil, func() {}
	}
	t := time.NewTicker(sip.T1)
	return t.C, t.Stop
}

// carries tells whether the connection of a transaction still stands: it leaves sipgo's pool when it ends, and another one
// to the same address does not carry what was sent over it.
func (a *Agent) carries(tx sip.ClientTransaction, to hop) bool {
	conn, err := a.ua.TransportLayer().GetConnection(to.over.network(), to.String())
	if err != nil || conn == nil {
		return false
	}
	_, _ = conn.TryClose() // gives our reference back
	own, ok := tx.(interface{ Connection() sip.Connection })
	return !ok || own.Connection() == conn
}
