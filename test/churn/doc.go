// Package churn has a test: clients come, say something and go, for as long as it is told, and
// then the node must be as it was.
package churn
