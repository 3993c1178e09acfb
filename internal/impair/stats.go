package impair

// Stats sums up what the proxy did since its start.
type Stats struct {
	ToTarget Counts
	ToClient Counts
	Clients  int // addresses that have a socket towards the target
	Waiting  int // datagrams that are delayed or held back
}

// Counts sums up one direction, in datagrams.
type Counts struct {
	In         int // arrived
	Lost       int // of these, thrown away by the dice
	Duplicated int // of these, copies made
	Reordered  int // of these, held back for later ones to pass
	Dropped    int // no room, no socket, or refused by the kernel: more than the proxy can carry
	Out        int // sent on, copies included
}
