package digest

import "errors"

// Why a challenge gets no answer. All are matters between us and the trunk, never of the number that is called.
var (
	// ErrRejected means that the answer to a fresh nonce was refused: the user or the password is wrong.
	ErrRejected = errors.New("digest: user or password refused")
	// ErrStale means that the server called two of its own fresh nonces stale: no word about the password.
	ErrStale = errors.New("digest: fresh nonces refused as stale")
	// ErrRealm means that only foreign realms ask.
	ErrRealm = errors.New("digest: foreign realm")
	// ErrAlgorithm means that our realm offers nothing that we know and may use.
	ErrAlgorithm = errors.New("digest: no permitted scheme, algorithm or qop")
	// ErrChallenge means that the challenge is malformed, missing or beyond our bounds.
	ErrChallenge = errors.New("digest: malformed challenge")
	// ErrNoCredentials means that the trunk asks and we were given no user.
	ErrNoCredentials = errors.New("digest: challenged without having credentials")
)
