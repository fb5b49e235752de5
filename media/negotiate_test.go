package media

import (
	"net/netip"
	"testing"
)

func TestOfferAndAnswer(t *testing.T) {
	a := NewNegotiator(Local{Addr: netip.MustParseAddr("10.0.0.1"), Port: 16384, EventPT: 101, SessionID: 7})
	b := NewNegotiator(Local{Addr: netip.MustParseAddr("10.0.0.2"), Port: 16400, EventPT: 97, SessionID: 9, Codecs: []Codec{PCMA, PCMU}})
	answer, sb, err := b.Answer(a.Offer(false))
	if err != nil {
		t.Fatal(err)
	}
	sa, err := a.Accept(answer)
	if err != nil {
		t.Fatal(err)
	}
	if sa.Remote.String() != "10.0.0.2:16400" || sb.Remote.String() != "10.0.0.1:16384" || sa.Codec != PCMA || sb.Codec != PCMA ||
		sa.EventPT != 101 || sb.EventPT != 101 || !sa.Send || !sa.Receive || !sb.Send || !sb.Receive {
		t.Errorf("agreed %+v and %+v", sa, sb)
	}
}
