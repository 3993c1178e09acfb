package demo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/audio"
)

// The files in the output directory.
const (
	heardFile   = "heard-0001.wav"
	resultsFile = "results.csv"
	reportFile  = "report.html"
	summaryFile = "summary.json"
	logFile     = "gateway.log"
)

func inDir(dir, file string) string { return filepath.Join(dir, file) }

// writeFiles writes what is left of a demo: the recording, the results as the API gave them, summary and report.
func writeFiles(dir string, h History, results []byte, s Summary, checks []Check) error {
	wav, err := recording(h)
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", summaryFile, err)
	}
	page, err := report(h, s, checks, wav)
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name  string
		bytes []byte
	}{{heardFile, wav}, {resultsFile, results}, {summaryFile, append(text, '\n')}, {reportFile, page}} {
		if err := os.WriteFile(inDir(dir, f.name), f.bytes, 0o600); err != nil {
			return fmt.Errorf("write %s: %w", f.name, err)
		}
	}
	return nil
}

// recording rebuilds what a callee heard from the RTP packets that arrived: that of the first complete playback, or else of
// the first answered call. Where nobody heard anything it is an empty WAV.
func recording(h History) ([]byte, error) {
	var payload []byte
	for i, e := range hearings(h.Calls, h.Golden) {
		if i == 0 || e.Complete {
			payload = e.Heard.Payload[min(e.Lead*avanak.FrameBytes, len(e.Heard.Payload)):]
		}
		if e.Complete {
			break
		}
	}
	var wav bytes.Buffer
	if err := audio.WriteWAV(&wav, payload); err != nil {
		return nil, fmt.Errorf("rebuild what a callee heard: %w", err)
	}
	return wav.Bytes(), nil
}
