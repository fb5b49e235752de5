// Package display draws a phone.View on a screen: rows of characters now, pixels later.
//
// It is pure and imports phone only.
package display
