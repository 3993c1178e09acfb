package console_test

import (
	"os"

	"github.com/avanak/avanak/cmd/avanak/console"
)

func ExampleConsole_Table() {
	con := console.New(os.Stdin, os.Stdout, os.Stderr)
	if err := con.Table([]string{"ID", "NAME"}, [][]string{{"clp_1", "greeting"}, {"clp_2", "goodbye"}}); err != nil {
		con.Line("%s", err)
	}
	// Output:
	// ID     NAME
	// clp_1  greeting
	// clp_2  goodbye
}
