package siptest_test

import (
	"bufio"
	"fmt"
	"net"

	"github.com/avanak/avanak/sip/siptest"
)

// A farm whose callees are busy at the first call and answer the next one; any SIP caller can reach it at Addr.
func Example() {
	farm, err := siptest.New(siptest.Config{Behave: func(_ string, nth int) siptest.Behaviour {
		if nth == 1 {
			return siptest.Behaviour{Kind: siptest.Busy, ReasonCause: 17}
		}
		return siptest.Behaviour{}
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	farm.Start()
	defer farm.Close()

	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(farm.Addr()))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	fmt.Fprintf(conn, "INVITE sip:09120000001@farm SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK1\r\nCall-ID: example\r\n"+
		"From: <sip:021000000@gateway>;tag=1\r\nTo: <sip:09120000001@farm>\r\nCSeq: 1 INVITE\r\n\r\n", conn.LocalAddr())
	for range 2 {
		status, _, err := bufio.NewReaderSize(conn, 2048).ReadLine()
		fmt.Println(string(status), err)
	}
	for _, call := range farm.Calls() {
		fmt.Println(call.Number, call.Nth, call.Status)
	}
	// Output:
	// SIP/2.0 100 Trying <nil>
	// SIP/2.0 486 Busy Here <nil>
	// 09120000001 1 486
}
