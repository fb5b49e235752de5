// Package sim is a handset made of memory and WAV files: keys pressed by call, a screen of text,
// a microphone that loops a file and an earpiece that writes one.
//
// Its faults (bounce, a failing screen) are plain fields. It imports hal only.
package sim
