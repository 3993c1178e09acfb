package digest_test

import (
	"fmt"
	"strings"

	"github.com/avanak/avanak/sip/digest"
)

func ExampleAnswerer_Exchange() {
	trunk := digest.New(digest.Credentials{Username: "avanak", Password: "not printed", Realm: "carrier.example"})

	call := trunk.Exchange()
	fmt.Println("first INVITE:", len(call.Authorize("INVITE", "sip:+989120000001@carrier.example", nil)), "headers")
	err := call.Challenged(407, []string{`Digest realm="carrier.example", nonce="84a4cc6f", algorithm=SHA-256, qop="auth"`})
	fmt.Println("once more:", err == nil)
	for _, h := range call.Authorize("INVITE", "sip:+989120000001@carrier.example", nil) {
		fmt.Println(h.Name, strings.Contains(h.Value, "nc=00000001"))
	}
	call.Accepted() // 180 Ringing

	next := trunk.Exchange()
	for _, h := range next.Authorize("INVITE", "sip:+989120000002@carrier.example", nil) {
		fmt.Println(h.Name, strings.Contains(h.Value, "nc=00000002"), "in advance")
	}
	err = trunk.Exchange().Challenged(401, []string{`Digest realm="somebody.else", nonce="1"`})
	fmt.Println(err)
	// Output:
	// first INVITE: 0 headers
	// once more: true
	// Proxy-Authorization true
	// Proxy-Authorization true in advance
	// answer 401: digest: foreign realm
}
