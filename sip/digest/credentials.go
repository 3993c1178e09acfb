package digest

// Algorithm is a digest algorithm by its name in challenges.
type Algorithm string

// Credentials are what a trunk knows us by.
type Credentials struct {
	Username string
	Password string    // never printed
	Realm    string    // the only realm that gets an answer; "" binds to the first that asks
	Weakest  Algorithm // a challenge that offers nothing as strong gets no answer; "" means MD5
}

// Validate names the first rule that the credentials break.
func (c Credentials) Validate() error { return nil }
