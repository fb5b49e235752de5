package media

import (
	"slices"
	"strconv"
)

// How offer and answer come to keys: RFC 4568 section 7.1. Encryption that is merely wanted is offered as lines
// of keys on RTP/AVP, which a far end without it passes over; RTP/SAVP demands it.

// secured is how our stream is protected, as agreed last.
type secured struct {
	proto  string // "": there is none
	tag    string // of the line agreed on
	crypto Crypto
}

// Renew lets the next Offer be like a first one, with new keys: the far end asked for an offer, and it may have
// changed to somebody who counts packets from the beginning.
func (n *Negotiator) Renew() { n.anew = true }

// Refused withdraws a first offer that was not taken, and says whether another one is worth a try, once and where
// encryption is an option: who refused RTP/AVP may demand RTP/SAVP, who refused that has no encryption.
func (n *Negotiator) Refused() bool {
	n.Withdraw()
	if n.local.Secure != SecureOptional || n.refused || n.agreed {
		return false
	}
	n.refused = true
	n.clear, n.local.SAVP = n.local.SAVP, true
	return true
}

// offerCrypto is the protocol of our next offer and its lines of keys. A session that has keys keeps them, one in
// clear stays so: what is changed by a hold is the hold.
func (n *Negotiator) offerCrypto() (proto string, lines []cryptoLine) {
	anew := n.anew || n.secured.proto == ""
	n.anew = false
	inUse := n.secured.crypto
	switch {
	case n.local.Secure == SecureNever, n.local.Secure == SecureOptional && n.clear:
		return protoRTP, nil
	case !anew && inUse.Suite != "":
		spec, _ := inUse.Suite.spec()
		return n.secured.proto, []cryptoLine{{n.secured.tag, spec, inUse.Send}}
	case !anew && n.local.Secure == SecureOptional:
		return protoRTP, nil
	}
	for _, suite := range n.local.Suites {
		if spec, ok := suite.spec(); ok {
			lines = append(lines, cryptoLine{strconv.Itoa(len(lines) + 1), spec, newKey(n.local.Keys, spec)})
		}
	}
	if n.local.Secure == SecureRequired || n.local.SAVP {
		return protoSRTP, lines
	}
	return protoRTP, lines
}

// chosen is the line of an offered stream we would take: the first we can use, for the order is the far end's
// preference (RFC 4568 section 7.1.2). nil: voice in clear.
func (n *Negotiator) chosen(remote *streamDescription) (*cryptoLine, error) {
	switch remote.proto {
	case protoRTP:
		switch {
		case n.local.Secure != SecureNever && len(remote.crypto) > 0:
			return &remote.crypto[0], nil
		case n.local.Secure == SecureRequired:
			return nil, notAcceptable("line %d: voice in clear, and encryption is required", remote.line)
		}
		return nil, nil
	case protoSRTP:
		switch {
		case n.local.Secure == SecureNever:
			return nil, notAcceptable("line %d: encrypted voice, and none is wanted", remote.line)
		case len(remote.crypto) > 0:
			return &remote.crypto[0], nil
		case remote.cryptoWhy != "":
			return nil, notAcceptable("no key can be used: %s", remote.cryptoWhy)
		}
		return nil, notAcceptable("line %d: encrypted voice without a key", remote.line)
	}
	return nil, notAcceptable("audio by %s, only %s and %s are spoken here", remote.proto, protoRTP, protoSRTP)
}

// answerCrypto is how a stream that was offered will be protected. We keep our key as long as the far end keeps
// its own; when that changes, so does ours, and both count packets from the beginning.
func (n *Negotiator) answerCrypto(remote *streamDescription) (secured, error) {
	theirs, err := n.chosen(remote)
	if err != nil || theirs == nil {
		return secured{proto: remote.proto}, err
	}
	ours := n.secured.crypto.Send
	if n.secured.crypto.Suite != theirs.spec.suite || !n.secured.crypto.Receive.equal(theirs.key) {
		ours = newKey(n.local.Keys, theirs.spec)
	}
	return secured{remote.proto, theirs.tag, Crypto{theirs.spec.suite, ours, theirs.key}}, nil
}

// acceptCrypto is how the stream we offered will be protected, by its answer. Some answer RTP/AVP with RTP/SAVP
// or the other way round; a key says what is meant.
func (n *Negotiator) acceptCrypto(remote *streamDescription) (secured, error) {
	if remote.proto != protoRTP && remote.proto != protoSRTP || remote.proto == protoSRTP && len(n.offered.crypto) == 0 {
		return secured{}, notAcceptable("%s was offered, %s answered", n.offered.proto, remote.proto)
	}
	for _, theirs := range remote.crypto {
		i := slices.IndexFunc(n.offered.crypto, func(ours cryptoLine) bool {
			return ours.tag == theirs.tag && ours.spec.suite == theirs.spec.suite
		})
		if i >= 0 {
			return secured{n.offered.proto, theirs.tag, Crypto{theirs.spec.suite, n.offered.crypto[i].key, theirs.key}}, nil
		}
	}
	switch {
	case len(n.offered.crypto) == 0: // and a key nobody asked for means nothing
	case len(remote.crypto) > 0:
		return secured{}, notAcceptable("line %d: the answer's key is for none that was offered", remote.line)
	case remote.cryptoWhy != "":
		return secured{}, notAcceptable("the answer's key cannot be used: %s", remote.cryptoWhy)
	case n.offered.proto == protoSRTP || remote.proto == protoSRTP:
		return secured{}, notAcceptable("line %d: encryption was asked for, and the answer has no key", remote.line)
	}
	return secured{proto: protoRTP}, nil
}

// line is our a=crypto: line in an answer; none where voice is in clear.
func (s secured) line() []cryptoLine {
	spec, ok := s.crypto.Suite.spec()
	if !ok {
		return nil
	}
	return []cryptoLine{{s.tag, spec, s.crypto.Send}}
}
