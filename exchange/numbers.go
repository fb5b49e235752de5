package exchange

// Extensions lists the numbers that answer, for people.
func Extensions() []Choice {
	return []Choice{
		{"600", "Echo", "returns what you say"},
		{"601", "Melody", "plays a melody"},
		{"602", "No answer", "rings for ever"},
		{"603", "Busy", "is busy"},
		{"604", "Declines", "does not want to talk"},
		{"605", "Slow answer", "answers after five seconds"},
		{"606", "Call back", "plays something, hangs up and calls you back"},
	}
}
