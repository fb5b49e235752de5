package display

import (
	"fmt"
	"strings"

	"dialtone/keypad"
	"dialtone/phone"
)

// A scene is a moment of the phone's life.
type scene struct {
	name string
	view phone.View
}

func line(n int, name string, s phone.LineState) phone.LineView {
	return phone.LineView{Number: n, Name: name, User: fmt.Sprintf("100%d", n), State: s, CanCall: s == phone.LineRegistered}
}

func scenes() []scene {
	number := func(n int, name string) phone.LineConfig {
		return phone.LineConfig{Number: n, Name: name, User: fmt.Sprintf("100%d", n), Enabled: true}
	}
	one := dress{lines: []phone.LineConfig{number(1, "1001")}}
	two := dress{lines: []phone.LineConfig{number(1, "1001"), number(2, "Bäckerei Müller")}}
	shop := dress{lines: []phone.LineConfig{number(1, "1001"), number(2, "Workshop")}}
	single := dress{lines: one.lines, single: true}
	direct := dress{lines: []phone.LineConfig{number(1, "Workshop")}}
	direct.lines[0].MakeCallWithoutReg = true
	short := dress{lines: []phone.LineConfig{number(1, "1001")}}
	short.lines[0].Plan, _ = keypad.ParsePlan("(1xxx)")
	var eight dress
	for n := range 8 {
		name := map[int]string{3: "Warehouse", 7: "Gate"}[n+1]
		eight.lines = append(eight.lines, number(n+1, name))
	}

	const (
		ann      = "in 2 1 1002 Ann Smith; lift; "
		held     = "in 6 1 1003 Jürgen Müller; lift; wait 128s; in 2 1 1002 Ann Smith; press soft1; held 6; " // Jürgen on hold, Ann in front
		heldBoth = "in 6 1 1003 Jürgen Müller; lift; in 4 1 004930123456; press soft1; held 6; press soft2; held 4; "
	)
	var many strings.Builder
	for n := range 40 {
		many.WriteString(fmt.Sprintf("wait %dm; ", 7*(2*(39-n)+1)) + strings.Repeat(fmt.Sprintf("missed 004930%06d; ", (39-n)*4711), 1+(39-n)%3))
	}
	return []scene{
		{"idle, registered", play(one, "")},
		{"idle, nothing dialed yet", play(dress{lines: one.lines, fresh: true}, "")},
		{"idle, registering", play(one, "line 1 registering")},
		{"idle, not registered", play(one, "line 1 unregistered")},
		{"idle, needs no registration", play(direct, "line 1 unregistered")},
		{"idle, registration failed", play(one, "line 1 failed 401; wait 6s")},
		{"idle, do not disturb", play(one, "press soft3")},
		{"idle, by a backup server", play(one, "line 1 backup")},
		{"idle, two lines", play(two, "line 2 registering")},
		{"idle, two lines, one by a backup server", play(shop, "line 2 backup")},
		{"idle, two lines, one failed", play(shop, "line 2 failed 403; wait 6s")},
		{"idle, two lines, both failed", play(shop, "line 1 failed 401; line 2 failed 403; wait 6s")},
		{"idle, eight lines", play(eight, "")},
		{"idle, eight lines, some down", play(eight, "line 3 failed 408; line 7 unregistered; wait 6s")},
		{"idle, no line", play(dress{}, "")},
		{"no network", play(one, "network down")},
		{"a missed call", play(one, "missed 1002 Ann Smith")},
		{"missed calls, two lines", play(two, "line 2 registering; "+strings.Repeat("missed sip:bob@example.test; ", 12))},
		{"a notice", play(one, "line 1 failed 403")},
		{"a notice, two seconds later", play(one, "line 1 failed 403; wait 2s")},
		{"a number typed on-hook", play(one, "keys 0301234")},
		{"a number typed on-hook beside a call on hold", play(one, ann+"press hold; held 2; replace; keys 0301234")},
		{"volume", play(one, "press voldown voldown voldown")},
		{"dial tone", play(one, "lift")},
		{"dialing hands-free", play(two, "press line2; keys 004930")},
		{"dialing a long number", play(one, "press headset; keys 00493012345678901234567890")},
		{"calling", play(one, "lift; keys 1002#")},
		{"calling an address", play(one, "lift; dial sip:reception@example.test")},
		{"ringing", play(one, "lift; keys 1002#; ringing")},
		{"incoming", play(one, "in 2 1 1002 Ann Smith")},
		{"incoming on the second line", play(two, "line 2 registering; in 2 2 1002 Ann Smith")},
		{"incoming without a name, silenced", play(one, "in 2 1 1002; press soft3")},
		{"incoming from nobody", play(one, "in 2 1 -")},
		{"in a call", play(one, ann+"wait 72s")},
		{"in a long call, hands-free", play(one, "in 2 1 1002 Ann Smith; press talk; wait 3h5s")},
		{"in a call, muted", play(one, ann+"press mute")},
		{"in a call, digits sent", play(one, ann+"keys 12#")},
		{"in a call, somebody else called", play(single, ann+"missed 1003; wait 12s")},
		{"in a call, secure", play(one, ann+"secured 2; wait 72s")},
		{"in a call, secure and muted", play(one, ann+"secured 2; press mute; wait 72s")},
		{"on hold, secure", play(one, ann+"secured 2; press hold; held 2")},
		{"putting on hold", play(one, ann+"press hold")},
		{"on hold", play(one, ann+"press hold; held 2")},
		{"on hold, the handset put back", play(one, ann+"press hold; held 2; replace")},
		{"taking back", play(one, ann+"press hold; held 2; press hold")},
		{"held by the other side", play(one, ann+"they-hold 2")},
		{"both on hold", play(one, ann+"they-hold 2; press hold; held 2")},
		{"hold refused", play(one, ann+"press hold; refused 2")},
		{"hold refused, two seconds later", play(one, ann+"press hold; refused 2; wait 2s")},
		{"held by the other side, muted", play(one, ann+"they-hold 2; press mute; wait 72s")},
		{"held by the other side, muted, for long", play(one, ann+"they-hold 2; press mute; wait 72m")},
		{"volume in a call", play(one, ann+"press volup volup volup volup")},
		{"busy", play(one, "lift; keys 1002#; failed 486")},
		{"no reply, second page", play(one, "lift; keys 1002#; silent; wait 2s")},
		{"busy, a call on hold", play(one, "in 6 1 1003 Jürgen Müller; lift; press soft2; held 6; keys 1002#; failed 486")},
		{"not in the plan, a call waiting", play(short, "lift; in 2 1 1004 Bob; keys 9")},
		{"not in the plan, a call waiting, two seconds later", play(short, "lift; in 2 1 1004 Bob; keys 9; wait 2s")},
		{"not reachable, calls on hold", play(one, heldBoth+"keys 1002#; unreachable")},
		{"not in the plan, calls on hold, one waiting", play(short, heldBoth+"in 8 1 1004 Bob; keys 9")},
		{"not registered", play(one, "line 1 unregistered; lift")},
		{"a German name", play(one, "in 2 1 1002 Jürgen Größer-Öztürk")},
		{"a Russian name", play(one, "in 2 1 1002 Щукин Юрий")},
		{"a Chinese name", play(one, "in 2 1 1002 王小明")},
		{"a name of tricks", play(one, "in 2 1 1002 A\x00\x1b[2J \u202eevil\\~ \U0001f600!")},
		{"dialing in the middle of a call", play(one, ann+"press soft2; held 2; keys 1003")},
		{"dialing a long number in the middle of a call", play(one, ann+"press soft2; held 2; keys 0301234567890123")},
		{"call waiting", play(one, ann+"wait 72s; in 6 1 1003 Jürgen Müller")},
		{"call waiting, silenced", play(one, ann+"wait 72s; in 6 1 1003 Jürgen Müller; press soft3")},
		{"two calls", play(one, held+"wait 72s")},
		{"three calls, muted, hands-free", play(one, "in 6 1 1003 Jürgen Müller; press talk; in 4 1 004930123456; press soft1; held 6; in 2 1 1002 Ann Smith; press soft1; held 4; press mute; wait 72s")},
		{"two calls, another waiting", play(one, held+"wait 72s; in 8 1 1000 Reception")},
		{"two calls, the other looked at", play(one, held+"wait 72s; press down")},
		{"missed calls, looked through", play(one, "missed sip:reception@example.test; wait 23h; missed 1002 Ann Smith; wait 175m; "+
			"missed 004930123456; missed 004930123456; missed 004930123456; wait 300s; missed 1003 Jürgen Müller; press down down")},
		{"a long list", play(one, many.String()+"press down"+strings.Repeat(" down", 19))},
		{"received calls, looked through", play(one, "in 6 1 1003 Jürgen Müller; lift; replace; wait 3h; in 2 1 1002 Ann Smith; lift; replace; press down right")},
		{"placed calls, looked through", play(one, "wait 3h; dial 1002; press end; dial 1002; press end; wait 5m; dial 004930123456; press end; press down left")},
		{"an empty list", play(one, "press down")},
		{"a very long name", play(one, "in 2 1 sip:maximilian.alexander.hohenstein@example.test Maximilian Alexander Freiherr von und zu Hohenstein; lift; wait 83m")},
	}
}
