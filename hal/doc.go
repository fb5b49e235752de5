// Package hal names the hardware of a desk phone: keys, screen, sound, lamps.
//
// Here live words and interfaces of one to three methods, and their loud nulls (Absent...).
// No code here touches a device: package hal/sim is a handset made of memory and files,
// hal/pi (later) drives a Raspberry Pi. hal imports none of our packages.
package hal
