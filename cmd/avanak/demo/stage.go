package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/sip/siptest"
)

// farmMemory is how many ended calls the farm remembers: the demo makes fewer; with Keep there may be more.
const farmMemory = 2000

// stage is what runs during the demo: callee farm and gateway, with a directory and a log of their own.
type stage struct {
	farm    *siptest.Farm
	gateway Gateway
	dir     string
	log     *os.File
	stop    context.CancelFunc
	ended   chan struct{} // closed when Run has returned
	err     error         // of Run; read after ended
}

// errGone is why the demo ends where its gateway does.
var errGone = errors.New("the gateway ended by itself, see gateway.log")

// open starts everything. Where the gateway ends by itself, abort is called with the reason. Close must be called.
func open(ctx context.Context, cfg Config, abort context.CancelCauseFunc) (*stage, error) {
	s := &stage{stop: func() {}, ended: make(chan struct{})}
	if err := s.open(ctx, cfg); err != nil {
		close(s.ended) // it has not begun
		return nil, errors.Join(err, s.close())
	}
	// The gateway outlives ctx: it ends when the stage is closed, after the customer has gone.
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	go func() {
		defer close(s.ended)
		s.err = s.gateway.Run(running)
		if running.Err() == nil {
			abort(errors.Join(errGone, s.err))
			s.err = nil // it has been told
		}
	}()
	return s, nil
}

func (s *stage) open(ctx context.Context, cfg Config) error {
	var err error
	if s.dir, err = os.MkdirTemp("", "avanak-demo-"); err != nil {
		return err
	}
	if s.log, err = os.OpenFile(inDir(cfg.Out, logFile), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600); err != nil {
		return err
	}
	if s.farm, err = siptest.New(siptest.Config{Behave: people(), KeepCalls: farmMemory}); err != nil {
		return err
	}
	s.farm.Start()
	s.gateway, err = cfg.Start(ctx, s.dir, s.farm, slog.New(slog.NewTextHandler(s.log, nil)))
	if err != nil {
		return fmt.Errorf("start the gateway: %w", err)
	}
	return nil
}

// hangUp is how long the last calls may take to be put away.
const hangUp = 10 * time.Second

// calls returns the callees' log once all calls are over. A call that does not end in time is in it as it is: the checks
// will see it.
func (s *stage) calls(ctx context.Context) []siptest.Call {
	ctx, cancel := context.WithTimeout(ctx, hangUp)
	defer cancel()
	_ = s.farm.WaitFor(ctx, func(n siptest.Counts) bool { return n.Live() == 0 })
	return s.farm.Calls()
}

// close ends the gateway, then the callees, and removes what they left behind. It returns what went wrong in it.
func (s *stage) close() error {
	s.stop()
	<-s.ended
	err := s.err
	if s.farm != nil {
		s.farm.Close()
	}
	if s.log != nil {
		err = errors.Join(err, s.log.Close())
	}
	if s.dir != "" {
		err = errors.Join(err, os.RemoveAll(s.dir))
	}
	return err
}

// seed chooses the demo's people: the same at each run.
const seed = 1404

// people is the sandbox's mix, but for those who wait for a fast message: they answer.
func people() func(number string, nth int) siptest.Behaviour {
	mix := siptest.Mix(seed)
	return func(number string, nth int) siptest.Behaviour {
		n, err := avanak.ParseNumber(number)
		if err == nil && n >= firstFast && n < firstFast+fastMessages {
			return siptest.Behaviour{AnswerAfter: 600 * time.Millisecond}
		}
		return mix(number, nth)
	}
}
