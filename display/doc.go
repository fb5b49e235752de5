// Package display draws a phone.View on a screen: in rows of characters (Text), or in pixels (Pixels, and
// a Painter for whoever draws many pictures). Glass is a character LCD as it looks.
//
// It is pure and imports phone only.
package display
