package sip

import (
	"fmt"
	"hash/fnv"

	"github.com/emiago/sipgo/sip"

	"github.com/avanak/avanak"
)

// anonymous is the From of a withheld number (RFC 3323 section 4.1.1.3).
var anonymous = sip.Uri{Scheme: "sip", User: "anonymous", Host: "anonymous.invalid"}

// dialable is a user part that was seen to be digits, perhaps after a plus. Numbers reach a URI or a header as a dialable
// only, so that no ';', '@', line break or escape can travel with them.
type dialable string

// dial makes a dialable; the error wraps avanak.ErrInvalid and does not hold the number.
func dial(s string) (dialable, error) {
	if !validCaller(s) {
		return "", fmt.Errorf("%w: not a number to dial", avanak.ErrInvalid)
	}
	return dialable(s), nil
}

// uri is the number at a host; user=phone says that it is one (RFC 3261 section 19.1.1).
func (d dialable) uri(host string, port int, phone bool) sip.Uri {
	u := sip.Uri{Scheme: "sip", User: string(d), Host: host, Port: port}
	if phone {
		u.UriParams = sip.HeaderParams{{K: "user", V: "phone"}}
	}
	return u
}

// caller is the number that is shown to the callee: what the Invite asks for, else one of the trunk's pool. The same
// callee always sees the same one: a number that changes with each call looks like a fraud, and cannot be called back.
func (a *Agent) caller(inv Invite) (dialable, error) {
	if inv.From != 0 {
		return dial(a.cfg.NumberFormat.Format(inv.From))
	}
	pool := a.cfg.Callers
	if len(pool) == 1 {
		return dial(pool[0])
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(inv.To.Digits()))             // a hash never fails
	return dial(pool[int(h.Sum32()%uint32(len(pool)))]) //nolint:gosec // at most maxCallers
}

// callee is the number to call as the trunk writes it.
//
// Whoever asks has seen to it that the number may be called; an emergency number is refused here once more.
func (a *Agent) callee(inv Invite) (dialable, error) {
	if err := inv.To.Callable(); err != nil {
		return "", err
	}
	return dial(a.cfg.NumberFormat.Format(inv.To))
}

// contactUser is the user part of our Contact, which holds no withheld number either (RFC 3323 section 4.1.1.3).
func (a *Agent) contactUser(caller dialable) string {
	if a.cfg.Identity.Anonymous {
		return anonymous.User
	}
	return string(caller)
}

// identify puts From, P-Asserted-Identity and Privacy on an INVITE.
func (a *Agent) identify(req *sip.Request, caller dialable, tag string) error {
	id := a.cfg.Identity
	host := id.Domain
	if host == "" {
		host = a.self[a.cfg.Transport].host
	}
	shown := caller.uri(host, 0, id.PhoneParam) // no port in From (RFC 3261 section 19.1.1, table 1)
	from := shown
	if id.Anonymous {
		from = anonymous
	}
	req.AppendHeader(&sip.FromHeader{Address: from, Params: sip.HeaderParams{{K: "tag", V: tag}}})
	if id.Asserted != "" {
		asserted := shown
		if id.Asserted != AssertCaller {
			number, err := dial(id.Asserted)
			if err != nil {
				return err
			}
			asserted = number.uri(host, 0, id.PhoneParam)
		}
		req.AppendHeader(sip.NewHeader("P-Asserted-Identity", "<"+asserted.String()+">"))
	}
	if id.Anonymous {
		req.AppendHeader(sip.NewHeader("Privacy", "id"))
	}
	return nil
}
