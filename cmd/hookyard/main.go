// Command hookyard receives, keeps, routes, sends and streams webhooks: see hookyard help.
package main

import (
	"os"

	"github.com/hookyard/hookyard/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.LookupEnv, os.Stdin, os.Stdout, os.Stderr))
}
