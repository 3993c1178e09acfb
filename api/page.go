package api

// page is how lists are asked for.
type page struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Most entries of the answer"`
	Cursor string `query:"cursor" maxLength:"200" doc:"next_cursor of the page before; nothing for the first page"`
}

// named is how one thing is asked for.
type named struct {
	ID string `path:"id" maxLength:"64" doc:"The id"`
}

// faults collects what is wrong with a request, so that its sender sees all of it at once.
type faults []fault

func (f *faults) add(location, message string) {
	if len(*f) < maxFaults {
		*f = append(*f, fault{Location: location, Message: message})
	}
}

// err returns nil where nothing is wrong.
func (f *faults) err() error {
	if len(*f) == 0 {
		return nil
	}
	return invalidRequest.problem("see errors", *f...)
}
