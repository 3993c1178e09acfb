package main

// commands is the command line, one field a command.
type commands struct {
	Serve       serveCmd       `cmd:"" help:"Run the gateway."`
	Demo        demoCmd        `cmd:"" help:"See it work: a gateway, 300 callees and a customer in this process, in under a minute."`
	Send        sendCmd        `cmd:"" help:"Play a clip to one number, at once."`
	Campaign    campaignCmd    `cmd:"" help:"Make, run and watch campaigns."`
	Clip        clipCmd        `cmd:"" help:"Upload and list clips."`
	Suppress    suppressCmd    `cmd:"" help:"Keep the list of numbers that are never called (operator's key)."`
	CheckConfig checkConfigCmd `cmd:"" help:"Tell whether a configuration is right, and start nothing."`
	Version     versionCmd     `cmd:"" help:"Print what this binary is."`
}
