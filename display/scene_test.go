package display

import (
	"fmt"
	"time"

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

// backup is a line that works by another server than the preferred one.
func backup(l phone.LineView) phone.LineView {
	l.Backup = true
	return l
}

func scenes() []scene {
	one := []phone.LineView{line(1, "1001", phone.LineRegistered)}
	two := []phone.LineView{line(1, "1001", phone.LineRegistered), line(2, "Bäckerei Müller", phone.LineRegistering)}
	failed := line(1, "1001", phone.LineFailed)
	failed.Cause = phone.ReasonForLine(401)
	dnd := line(1, "1001", phone.LineRegistered)
	dnd.DND = true
	refused := line(2, "Workshop", phone.LineFailed)
	refused.Cause = phone.ReasonForLine(403)
	direct := line(1, "Workshop", phone.LineUnregistered)
	direct.CanCall = true
	var eight []phone.LineView
	for n := range 8 {
		eight = append(eight, line(n+1, "", phone.LineRegistered))
	}
	someDown := append([]phone.LineView(nil), eight...)
	someDown[2] = line(3, "Warehouse", phone.LineFailed)
	someDown[6] = line(7, "Gate", phone.LineUnregistered)

	base := phone.View{Showing: phone.ShowIdle, Network: true, Lines: one, Line: 1, CanCall: true, Volume: 6}
	with := func(change func(v *phone.View)) phone.View {
		v := base
		change(&v)
		return v
	}
	idle := func(lines ...phone.LineView) phone.View { return with(func(v *phone.View) { v.Lines = lines }) }
	call := func(s phone.Showing, change func(v *phone.View)) phone.View {
		return with(func(v *phone.View) {
			v.Showing, v.Path, v.Peer, v.Name = s, phone.PathHandset, "1002", "Ann Smith"
			if change != nil {
				change(v)
			}
		})
	}
	held := phone.CallView{ID: 7, Line: 1, Peer: "1003", Name: "Jürgen Müller", State: phone.StateHeld, Duration: 200 * time.Second}
	front := phone.CallView{ID: 8, Line: 1, Peer: "1002", Name: "Ann Smith", State: phone.StateConnected, Duration: 72 * time.Second, Front: true}
	list := func(title string, at int, entries ...phone.ListEntry) phone.View {
		return with(func(v *phone.View) {
			v.Showing, v.List = phone.ShowList, phone.ListView{Title: title, Entries: entries, Selected: at}
		})
	}
	var many []phone.ListEntry
	for n := range 40 {
		many = append(many, phone.ListEntry{Peer: fmt.Sprintf("004930%06d", n*4711), Line: 1, Count: 1 + n%3, Ago: time.Duration(n*n) * 7 * time.Minute})
	}
	return labelled([]scene{
		{"idle, registered", base},
		{"idle, registering", idle(line(1, "1001", phone.LineRegistering))},
		{"idle, not registered", idle(line(1, "1001", phone.LineUnregistered))},
		{"idle, needs no registration", idle(direct)},
		{"idle, registration failed", idle(failed)},
		{"idle, do not disturb", idle(dnd)},
		{"idle, by a backup server", idle(backup(line(1, "1001", phone.LineRegistered)))},
		{"idle, two lines", idle(two...)},
		{"idle, two lines, one by a backup server", idle(line(1, "1001", phone.LineRegistered), backup(line(2, "Workshop", phone.LineRegistered)))},
		{"idle, two lines, one failed", idle(line(1, "1001", phone.LineRegistered), refused)},
		{"idle, two lines, both failed", idle(failed, refused)},
		{"idle, eight lines", idle(eight...)},
		{"idle, eight lines, some down", idle(someDown...)},
		{"idle, no line", idle()},
		{"no network", with(func(v *phone.View) { v.Network = false })},
		{"a missed call", with(func(v *phone.View) { v.Missed, v.MissedPeer = 1, "Ann Smith" })},
		{"missed calls, two lines", with(func(v *phone.View) { v.Missed, v.MissedPeer, v.Lines = 12, "sip:bob@example.test", two })},
		{"a notice", with(func(v *phone.View) { v.Notice = phone.ReasonForLine(403) })},
		{"a notice, two seconds later", with(func(v *phone.View) { v.Notice, v.Page = phone.ReasonForLine(403), 1 })},
		{"a number typed on-hook", with(func(v *phone.View) { v.Digits = "0301234" })},
		{"volume", with(func(v *phone.View) { v.VolumeShown, v.Volume = true, 3 })},
		{"dial tone", with(func(v *phone.View) { v.Showing, v.Path = phone.ShowDialing, phone.PathHandset })},
		{"dialing hands-free", with(func(v *phone.View) {
			v.Showing, v.Path, v.Digits, v.Line, v.Lines = phone.ShowDialing, phone.PathSpeaker, "004930", 2, two
		})},
		{"dialing a long number", with(func(v *phone.View) {
			v.Showing, v.Path, v.Digits = phone.ShowDialing, phone.PathHeadset, "00493012345678901234567890"
		})},
		{"calling", call(phone.ShowCalling, func(v *phone.View) { v.Name = "" })},
		{"calling an address", call(phone.ShowCalling, func(v *phone.View) { v.Name, v.Peer = "", "sip:reception@example.test" })},
		{"ringing", call(phone.ShowRinging, nil)},
		{"incoming", call(phone.ShowIncoming, func(v *phone.View) { v.Path, v.Ring = phone.PathNone, true })},
		{"incoming on the second line", call(phone.ShowIncoming, func(v *phone.View) { v.Path, v.Ring, v.Line, v.Lines = phone.PathNone, true, 2, two })},
		{"incoming without a name, silenced", call(phone.ShowIncoming, func(v *phone.View) { v.Path, v.Name = phone.PathNone, "" })},
		{"incoming from nobody", call(phone.ShowIncoming, func(v *phone.View) { v.Path, v.Name, v.Peer, v.Ring = phone.PathNone, "", "", true })},
		{"in a call", call(phone.ShowTalking, func(v *phone.View) { v.Duration = 72 * time.Second })},
		{"in a long call, hands-free", call(phone.ShowTalking, func(v *phone.View) { v.Duration, v.Path = 3*time.Hour+5*time.Second, phone.PathSpeaker })},
		{"in a call, muted", call(phone.ShowTalking, func(v *phone.View) { v.Muted = true })},
		{"in a call, digits sent", call(phone.ShowTalking, func(v *phone.View) { v.Sent = "12#" })},
		{"in a call, somebody else called", call(phone.ShowTalking, func(v *phone.View) { v.Missed, v.MissedPeer = 1, "1003" })},
		{"putting on hold", call(phone.ShowTalking, func(v *phone.View) { v.Pending = true })},
		{"on hold", call(phone.ShowTalking, func(v *phone.View) { v.Held = true })},
		{"taking back", call(phone.ShowTalking, func(v *phone.View) { v.Held, v.Pending = true, true })},
		{"held by the other side", call(phone.ShowTalking, func(v *phone.View) { v.RemoteHeld = true })},
		{"both on hold", call(phone.ShowTalking, func(v *phone.View) { v.Held, v.RemoteHeld = true, true })},
		{"hold refused", call(phone.ShowTalking, func(v *phone.View) { v.Notice = phone.HoldRefused })},
		{"hold refused, two seconds later", call(phone.ShowTalking, func(v *phone.View) { v.Notice, v.Page = phone.HoldRefused, 1 })},
		{"held by the other side, muted", call(phone.ShowTalking, func(v *phone.View) {
			v.RemoteHeld, v.Muted, v.Duration = true, true, 72*time.Second
		})},
		{"held by the other side, muted, for long", call(phone.ShowTalking, func(v *phone.View) {
			v.RemoteHeld, v.Muted, v.Duration = true, true, 72*time.Minute
		})},
		{"volume in a call", call(phone.ShowTalking, func(v *phone.View) { v.VolumeShown, v.Volume = true, 10 })},
		{"busy", call(phone.ShowFailed, func(v *phone.View) { v.Why = phone.ReasonFor(486) })},
		{"no reply, second page", call(phone.ShowFailed, func(v *phone.View) { v.Why, v.Page = phone.NoReply, 1 })},
		{"busy, a call on hold", call(phone.ShowFailed, func(v *phone.View) {
			v.Why, v.Calls = phone.ReasonFor(486), []phone.CallView{held}
		})},
		{"busy, a call waiting", call(phone.ShowFailed, func(v *phone.View) {
			v.Why, v.Waiting, v.Caller = phone.ReasonFor(486), true, "Bob"
		})},
		{"busy, a call waiting, two seconds later", call(phone.ShowFailed, func(v *phone.View) {
			v.Why, v.Waiting, v.Caller, v.Page = phone.ReasonFor(486), true, "Bob", 1
		})},
		{"not reachable, calls on hold, one waiting", call(phone.ShowFailed, func(v *phone.View) {
			v.Why, v.Waiting, v.Caller = phone.Unreachable, true, "Bob"
			v.Calls = []phone.CallView{held, {ID: 3, Line: 1, Peer: "004930123456", State: phone.StateHeld}}
		})},
		{"not registered", with(func(v *phone.View) {
			v.Showing, v.Path, v.Why = phone.ShowFailed, phone.PathHandset, phone.NotRegistered
		})},
		{"a German name", call(phone.ShowIncoming, func(v *phone.View) { v.Name, v.Ring = "Jürgen Größer-Öztürk", true })},
		{"a Russian name", call(phone.ShowIncoming, func(v *phone.View) { v.Name, v.Ring = "Щукин Юрий", true })},
		{"a Chinese name", call(phone.ShowIncoming, func(v *phone.View) { v.Name, v.Ring = "王小明", true })},
		{"a name of tricks", call(phone.ShowIncoming, func(v *phone.View) { v.Name, v.Ring = "A\x00\x1b[2J\n\u202eevil\\~ \U0001f600!", true })},
		{"dialing in the middle of a call", with(func(v *phone.View) {
			v.Showing, v.Path, v.Digits = phone.ShowDialing, phone.PathHandset, "1003"
			v.Calls = []phone.CallView{{ID: 1, Line: 1, Peer: "1002", Name: "Ann Smith", State: phone.StateHeld}}
		})},
		{"dialing a long number in the middle of a call", with(func(v *phone.View) {
			v.Showing, v.Path, v.Digits = phone.ShowDialing, phone.PathHandset, "0301234567890123"
			v.Calls = []phone.CallView{{ID: 1, Line: 1, Peer: "1002", Name: "Ann Smith", State: phone.StateHeld}}
		})},
		{"call waiting", call(phone.ShowTalking, func(v *phone.View) {
			v.Duration, v.Waiting, v.Caller = 72*time.Second, true, "Jürgen Müller"
			v.Calls = []phone.CallView{front, {ID: 2, Line: 1, Peer: "1003", Name: "Jürgen Müller", State: phone.StateIncoming}}
		})},
		{"two calls", call(phone.ShowTalking, func(v *phone.View) { v.Duration, v.Calls = 72*time.Second, []phone.CallView{held, front} })},
		{"three calls, muted, hands-free", call(phone.ShowTalking, func(v *phone.View) {
			v.Duration, v.Path, v.Muted = 72*time.Second, phone.PathSpeaker, true
			v.Calls = []phone.CallView{held, {ID: 3, Line: 1, Peer: "004930123456", State: phone.StateHeld}, front}
		})},
		{"two calls, another waiting", call(phone.ShowTalking, func(v *phone.View) {
			v.Duration, v.Waiting, v.Caller = 72*time.Second, true, "Reception"
			v.Calls = []phone.CallView{held, front, {ID: 2, Line: 1, Peer: "1000", Name: "Reception", State: phone.StateIncoming}}
		})},
		{"missed calls, looked through", list("Missed calls", 1,
			phone.ListEntry{Peer: "1003", Name: "Jürgen Müller", Line: 1, Count: 1, Ago: 30 * time.Second},
			phone.ListEntry{Peer: "004930123456", Line: 1, Count: 3, Ago: 5 * time.Minute},
			phone.ListEntry{Peer: "1002", Name: "Ann Smith", Line: 1, Count: 1, Ago: 3 * time.Hour},
			phone.ListEntry{Peer: "sip:reception@example.test", Line: 1, Count: 1, Ago: 26 * time.Hour})},
		{"a long list", list("Missed calls", 19, many...)},
		{"an empty list", list("Missed calls", 0)},
		{"a very long name", call(phone.ShowTalking, func(v *phone.View) {
			v.Name, v.Peer, v.Duration = "Maximilian Alexander Freiherr von und zu Hohenstein", "sip:maximilian.alexander.hohenstein@example.test", 83*time.Minute
		})},
	})
}

// labelled gives each scene the labels of soft keys a phone would have then.
func labelled(all []scene) []scene {
	for i := range all {
		v := &all[i].view
		switch v.Showing {
		case phone.ShowDialing:
			v.Soft = [4]string{"Call", "Delete", "", "Cancel"}
		case phone.ShowCalling, phone.ShowRinging:
			v.Soft = [4]string{"", "", "", "End call"}
		case phone.ShowIncoming:
			v.Soft = [4]string{"Answer", "Reject", "Silence", ""}
		case phone.ShowTalking:
			v.Soft = [4]string{"Hold", "Transfer", "Conf", "End call"}
			if len(v.Calls) > 1 {
				v.Soft[2] = "Swap"
			}
			if v.Held {
				v.Soft[0] = "Resume"
			}
		case phone.ShowFailed:
			v.Soft = [4]string{"Redial", "", "", "Close"}
		case phone.ShowList:
			v.Soft = [4]string{"Call", "Delete", "Clear", "Back"}
		default:
			v.Soft = [4]string{"Redial", "Missed", "DND", "Menu"}
		}
	}
	return all
}
