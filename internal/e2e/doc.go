// Package e2e holds tests that drive the real program from outside: a server in a process of its own, its REST API,
// real receivers, and the things that go wrong. There is nothing here but tests.
package e2e
