// Package provisioning says where settings come from: profile rules, fetching, and the store that keeps
// them with the last good copy.
//
// It imports config only.
package provisioning
