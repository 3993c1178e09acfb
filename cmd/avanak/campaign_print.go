package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/cmd/avanak/client"
	"github.com/avanak/avanak/cmd/avanak/console"
)

func campaignTable(con *console.Console, all ...client.Campaign) error {
	rows := make([][]string, 0, len(all))
	for _, c := range all {
		rows = append(rows, []string{c.ID, c.Name, c.Run, strconv.Itoa(c.Recipients), strconv.Itoa(c.Open),
			strconv.Itoa(c.Answered), moment(c.Created)})
	}
	return con.Table([]string{"ID", "NAME", "RUN", "RECIPIENTS", "OPEN", "ANSWERED", "CREATED"}, rows)
}

// campaignSheet prints all there is to know about a campaign, a line each.
func campaignSheet(con *console.Console, c client.Campaign) error {
	window := c.Window.From + "-" + c.Window.To + " " + c.Window.Zone
	if len(c.Window.Days) > 0 {
		window += " " + strings.Join(c.Window.Days, ",")
	}
	retry := fmt.Sprintf("%d attempts; busy %s, no answer %s, congestion %s", c.Retry.MaxAttempts, wait(c.Retry.Busy),
		wait(c.Retry.NoAnswer), wait(c.Retry.Congestion))
	rows := [][]string{
		{"name", c.Name}, {"run", c.Run}, {"clip", c.Clip}, {"window", window}, {"retry", retry},
		{"ring limit", c.RingLimit.String()}, {"on uncertain", c.OnUncertain}, {"sandbox", strconv.FormatBool(c.Sandbox)},
		{"created", moment(c.Created)}, {"started", moment(c.Started)}, {"finished", moment(c.Finished)},
		{"recipients", strconv.Itoa(c.Recipients)}, {"rejected rows", strconv.Itoa(c.Rejected)},
		{"attempts", strconv.Itoa(c.Attempts)}, {"answered", strconv.Itoa(c.Answered)},
		{"in flight", strconv.Itoa(c.InFlight)}, {"open", strconv.Itoa(c.Open)},
	}
	for s := range avanak.State(avanak.States) {
		if n := c.States[s.String()]; n > 0 {
			rows = append(rows, []string{"  " + s.String(), strconv.Itoa(n)})
		}
	}
	return con.Table([]string{"CAMPAIGN", c.ID}, rows)
}

// wait writes a retry's wait.
func wait(d *client.Duration) string {
	if d == nil || *d == 0 {
		return "never"
	}
	return "after " + d.String()
}

// maxRejected is how many rejected rows are printed.
const maxRejected = 10

func printReceipt(con *console.Console, r client.Receipt) {
	con.Line("%d rows: %d accepted, %d suppressed, %d duplicates, %d invalid, %d emergency, %d not open; %d recipients now",
		r.Rows, r.Accepted, r.Suppressed, r.Duplicates, r.Invalid, r.Emergency, r.Destination, r.Recipients)
	for i, row := range r.Rejected {
		if i == maxRejected {
			con.Line("  …")
			break
		}
		con.Line("  line %d: %s", row.Line, console.Clean(row.Reason))
	}
}

// progress is a campaign in one line.
func progress(c client.Campaign, perSecond float64) string {
	done := c.Recipients - c.Open
	share := 0.0
	if done > 0 {
		share = 100 * float64(c.States[avanak.Delivered.String()]+c.States[avanak.PartlyHeard.String()]) / float64(done)
	}
	line := fmt.Sprintf("%s · %d/%d · %.1f/s · reached %.0f %%", console.Clean(c.Run), done, c.Recipients, perSecond, share)
	if c.InFlight > 0 {
		line += fmt.Sprintf(" · %d on the line", c.InFlight)
	}
	if n := c.States[avanak.RetryWait.String()]; n > 0 {
		line += fmt.Sprintf(" · %d to retry", n)
	}
	return line
}

// speed is how fast recipients come to rest between two looks.
func speed(before, after client.Campaign, between time.Duration) float64 {
	if between <= 0 {
		return 0
	}
	return max(0, float64(before.Open-after.Open)/between.Seconds())
}
