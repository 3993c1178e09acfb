package avanak

import "fmt"

// Class is what the end of a call says, and about whom: the callee, the number, the trunk or our own settings. It is
// decided once, where the response is read; retries, fail-over and the trunk's breaker act on it and never on a status.
type Class uint8

// The classes.
const (
	NoClass         Class = iota
	ClassAnswered         // the callee picked up
	ClassAway             // busy or absent: later may do
	ClassRefused          // the callee refused this call
	ClassUnwanted         // the callee wants no more calls of this kind (607, 608): never again
	ClassNumber           // no such callee
	ClassCongestion       // the trunk could not carry it; nothing rang
	ClassSilent           // the trunk said nothing: whether a phone rang is not known
	ClassFault            // the trunk refuses us: authentication, format, permission; nothing rang
	ClassUs               // we ended it, or it never left
)

var classNames = [...]string{"none", "answered", "away", "refused", "unwanted", "number", "congestion", "silent", "fault", "us"}

// String returns the class's name as used in logs and metrics.
func (c Class) String() string {
	if int(c) < len(classNames) {
		return classNames[c]
	}
	return fmt.Sprintf("class(%d)", uint8(c))
}

// Classes lists all classes, for metrics that want every label from the start.
func Classes() []Class {
	all := make([]Class, 0, len(classNames)-1)
	for c := ClassAnswered; int(c) < len(classNames); c++ {
		all = append(all, c)
	}
	return all
}

// Callee tells whether the class is the callee's word: the trunk did its work, whatever became of the call.
func (c Class) Callee() bool {
	switch c {
	case ClassAnswered, ClassAway, ClassRefused, ClassUnwanted, ClassNumber:
		return true
	case NoClass, ClassCongestion, ClassSilent, ClassFault, ClassUs:
	}
	return false
}
