package main

import "fmt"

// target is what this project promises itself of a scenario.
type target struct {
	scenario, figure string

	against     string // whose figure it is divided by; empty for none
	most, least float64
	text        string
}

func targets() []target {
	return []target{
		{scenario: "memory", figure: "per connection", against: nodeName, most: 1, text: "an idle connection takes less memory than with Node.js"},
		{scenario: "many", figure: "per connection", against: nodeName, most: 1, text: "so it does with " + number(connectionsWithin(descriptorLimit())) + " connections"},
		{scenario: "connect", figure: "CPU per connect", against: centrifugeName, most: 1, text: "a connect costs less CPU than with centrifuge"},
		{scenario: "echo", figure: "CPU per round trip", against: nodeName, most: 1, text: "a round trip costs less CPU than with Node.js"},
		{scenario: "cost", figure: "CPU per delivery", against: floorName, most: 1.15, text: "a delivery costs at most 1.15 times the bare `write(2)`"},
		{scenario: "ceiling", figure: "deliveries", against: centrifugeName, least: 3, text: "at least 3 times the deliveries of centrifuge before anything is lost"},
		{scenario: "saturation", figure: "deliveries", against: nodeName, least: 10, text: "at least 10 times the deliveries of Node.js"},
		{scenario: "saturation", figure: "lost", text: "nothing lost (%)"},
		{scenario: "latency", figure: "p99", against: centrifugeName, most: 0.5, text: "p99 at most half of centrifuge's"},
		{scenario: "foreign", figure: "CPU per message", most: 3, text: "a message for nobody costs less than 3 us"},
	}
}

// verdict returns whether the figures keep the promise, and the figure.
func (t target) verdict(r *results) string {
	value, ok := r.value(t.scenario, chorusName, t.figure)
	if !ok {
		return "not measured"
	}
	if t.against != "" {
		other, ok := r.value(t.scenario, t.against, t.figure)
		if !ok || other == 0 {
			return "not measured"
		}
		value /= other
	}
	word := "yes"
	if (t.least > 0 && value < t.least) || (t.least == 0 && value > t.most) {
		word = "**no**"
	}
	return fmt.Sprintf("%s (%.2f)", word, value)
}
