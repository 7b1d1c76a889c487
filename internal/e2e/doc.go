// Package e2e contains tests of the whole program: a server in a separate process, its REST API, real receivers, and
// failures. It contains only tests.
package e2e
