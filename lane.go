package avanak

// Lane is the order class of a message: fast has a latency promise, bulk a rate.
type Lane uint8

// The lanes.
const (
	Bulk Lane = iota
	Fast
)

// String returns the lane's name as used in the API, logs and metrics.
func (l Lane) String() string {
	if l == Fast {
		return "fast"
	}
	return "bulk"
}
