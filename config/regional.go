package config

import "time"

// Regional is the page of that name: tones, cadences, timers, star codes, time and language.
// Reference H.9, E.4, D.2 and E.5.
type Regional struct {
	DialTone                 string `tag:"Dial_Tone" section:"Call Progress Tones" type:"ToneScript" default:"350@-19,440@-19;10(*/0/1+2)" help:"Tone that invites to dial."`
	OutsideDialTone          string `tag:"Outside_Dial_Tone" type:"ToneScript" default:"420@-16;10(*/0/1)" help:"Dial tone after the digit of an outside line (comma in the dial plan)."`
	PromptTone               string `tag:"Prompt_Tone" type:"ToneScript" default:"520@-19,620@-19;10(*/0/1+2)" help:"Tone that asks for more digits, as for a forwarding number."`
	BusyTone                 string `tag:"Busy_Tone" type:"ToneScript" default:"480@-19,620@-19;10(.5/.5/1+2)" help:"Tone when the called person is busy."`
	ReorderTone              string `tag:"Reorder_Tone" type:"ToneScript" default:"480@-19,620@-19;10(.25/.25/1+2)" help:"Tone when a call failed or a number is not allowed."`
	OffHookWarningTone       string `tag:"Off_Hook_Warning_Tone" type:"ToneScript" default:"480@-10,620@0;10(.125/.125/1+2)" help:"Loud tone when the handset was left off the hook."`
	RingBackTone             string `tag:"Ring_Back_Tone" type:"ToneScript" default:"440@-19,480@-19;*(2/4/1+2)" help:"Tone while the far end rings."`
	CallWaitingTone          string `tag:"Call_Waiting_Tone" type:"ToneScript" default:"440@-10;30(.3/9.7/1)" help:"Beep for a second call during a call."`
	ConfirmTone              string `tag:"Confirm_Tone" type:"ToneScript" default:"600@-16;1(.25/.25/1)" help:"Short tone when a star code was accepted."`
	MWIDialTone              string `tag:"MWI_Dial_Tone" type:"ToneScript" default:"350@-19,440@-19;2(.1/.1/1+2);10(*/0/1+2)" help:"Dial tone while messages wait."`
	CfwdDialTone             string `tag:"Cfwd_Dial_Tone" type:"ToneScript" default:"350@-19,440@-19;2(.2/.2/1+2);10(*/0/1+2)" help:"Dial tone while all calls are forwarded."`
	HoldingTone              string `tag:"Holding_Tone" type:"ToneScript" default:"600@-19;25(.1/.1/1,.1/.1/1,.1/9.5/1)" help:"Tone heard while the far end holds the call."`
	ConferenceTone           string `tag:"Conference_Tone" type:"ToneScript" default:"350@-19;20(.1/.1/1,.1/9.7/1)" help:"Tone to all when a conference begins."`
	SecureCallIndicationTone string `tag:"Secure_Call_Indication_Tone" type:"ToneScript" default:"397@-19,507@-19;15(0/2/0,.2/.1/1,.1/2.1/2)" help:"Tone when a call is encrypted end to end."`
	PageTone                 string `tag:"Page_Tone" type:"ToneScript" default:"600@-16;.3(.05/0.05/1)" help:"Tone before a page is heard."`
	AlertTone                string `tag:"Alert_Tone" type:"ToneScript" default:"600@-19;.2(.05/0.05/1)" help:"Short tone that draws attention to the screen."`
	MuteTone                 string `tag:"Mute_Tone" type:"ToneScript" default:"600@-19;.2(.1/0.1/1)" help:"Tone when the microphone is muted."`
	UnmuteTone               string `tag:"Unmute_Tone" type:"ToneScript" default:"600@-19;.3(.1/0.1/1)" help:"Tone when the microphone is on again."`
	SystemBeep               string `tag:"System_Beep" type:"ToneScript" default:"600@-16;.1(.05/0.05/1)" help:"Beep of the phone itself, as for a wrong key."`
	CallPickupTone           string `tag:"Call_Pickup_Tone" type:"ToneScript" default:"440@-10;30(.3/9.7/1)" help:"Tone when a watched line rings and can be picked up."`
	SIT1Tone                 string `tag:"SIT1_Tone" type:"ToneScript" default:"985@-16,1428@-16,1777@-16;20(.380/0/1,.380/0/2,.380/0/3,0/4/0)" help:"Special information tone for the codes of SIT1 RSC."`
	SIT2Tone                 string `tag:"SIT2_Tone" type:"ToneScript" default:"914@-16,1371@-16,1777@-16;20(.274/0/1,.274/0/2,.380/0/3,0/4/0)" help:"Special information tone for the codes of SIT2 RSC."`
	SIT3Tone                 string `tag:"SIT3_Tone" type:"ToneScript" default:"914@-16,1371@-16,1777@-16;20(.380/0/1,.380/0/2,.380/0/3,0/4/0)" help:"Special information tone for the codes of SIT3 RSC."`
	SIT4Tone                 string `tag:"SIT4_Tone" type:"ToneScript" default:"985@-16,1371@-16,1777@-16;20(.380/0/1,.274/0/2,.380/0/3,0/4/0)" help:"Special information tone for the codes of SIT4 RSC."`

	Cadence1 string `tag:"Cadence_1" section:"Distinctive Ring Patterns" type:"CadScript" default:"60(2/4)" help:"Ring pattern, named by its number in the ring scripts and in Alert-Info."`
	Cadence2 string `tag:"Cadence_2" like:"Cadence_1" default:"60(.3/.2,1/.2,.3/4)"`
	Cadence3 string `tag:"Cadence_3" like:"Cadence_1" default:"60(.8/.4,.8/4)"`
	Cadence4 string `tag:"Cadence_4" like:"Cadence_1" default:"60(.4/.2,.3/.2,.8/4)"`
	Cadence5 string `tag:"Cadence_5" like:"Cadence_1" default:"60(.2/.2,.2/.2,.2/.2,1/4)"`
	Cadence6 string `tag:"Cadence_6" like:"Cadence_1" default:"60(.2/.4,.2/.4,.2/4)"`
	Cadence7 string `tag:"Cadence_7" like:"Cadence_1" default:"60(4.5/4)"`
	Cadence8 string `tag:"Cadence_8" like:"Cadence_1" default:"60(0.25/9.75)"`
	Cadence9 string `tag:"Cadence_9" like:"Cadence_1" default:"60(.4/.2,.4/2)"`

	ReorderDelay         time.Duration `tag:"Reorder_Delay" section:"Control Timer Values (sec)" default:"255" range:"0..255" help:"Wait after the far end hung up before Reorder Tone; 255 returns to idle without a tone."`
	InterdigitLongTimer  time.Duration `tag:"Interdigit_Long_Timer" default:"10" range:"0..64" help:"Wait for the next digit while the number is not complete."`
	InterdigitShortTimer time.Duration `tag:"Interdigit_Short_Timer" default:"3" range:"0..64" help:"Wait for the next digit when the number is complete but could be longer."`

	CallReturnCode                string `tag:"Call_Return_Code" section:"Vertical Service Activation Codes" type:"StarCode" default:"*69" help:"Calls the last caller back."`
	BlindTransferCode             string `tag:"Blind_Transfer_Code" type:"StarCode" default:"*95" help:"Transfers the call to the number dialed after it."`
	CfwdAllActCode                string `tag:"Cfwd_All_Act_Code" type:"StarCode" default:"*72" help:"Forwards all calls to the number dialed after it."`
	CfwdAllDeactCode              string `tag:"Cfwd_All_Deact_Code" type:"StarCode" default:"*73" help:"Stops forwarding all calls."`
	CfwdBusyActCode               string `tag:"Cfwd_Busy_Act_Code" type:"StarCode" default:"*90" help:"Forwards calls while busy to the number dialed after it."`
	CfwdBusyDeactCode             string `tag:"Cfwd_Busy_Deact_Code" type:"StarCode" default:"*91" help:"Stops forwarding calls while busy."`
	CfwdNoAnsActCode              string `tag:"Cfwd_No_Ans_Act_Code" type:"StarCode" default:"*92" help:"Forwards unanswered calls to the number dialed after it."`
	CfwdNoAnsDeactCode            string `tag:"Cfwd_No_Ans_Deact_Code" type:"StarCode" default:"*93" help:"Stops forwarding unanswered calls."`
	CWActCode                     string `tag:"CW_Act_Code" type:"StarCode" default:"*56" help:"Turns call waiting on."`
	CWDeactCode                   string `tag:"CW_Deact_Code" type:"StarCode" default:"*57" help:"Turns call waiting off."`
	CWPerCallActCode              string `tag:"CW_Per_Call_Act_Code" type:"StarCode" default:"*71" help:"Turns call waiting on for the next call."`
	CWPerCallDeactCode            string `tag:"CW_Per_Call_Deact_Code" type:"StarCode" default:"*70" help:"Turns call waiting off for the next call."`
	BlockCIDActCode               string `tag:"Block_CID_Act_Code" type:"StarCode" default:"*61" help:"Withholds our number on all calls."`
	BlockCIDDeactCode             string `tag:"Block_CID_Deact_Code" type:"StarCode" default:"*62" help:"Shows our number on all calls again."`
	BlockCIDPerCallActCode        string `tag:"Block_CID_Per_Call_Act_Code" type:"StarCode" default:"*81" help:"Withholds our number on the next call."`
	BlockCIDPerCallDeactCode      string `tag:"Block_CID_Per_Call_Deact_Code" type:"StarCode" default:"*82" help:"Shows our number on the next call."`
	BlockANCActCode               string `tag:"Block_ANC_Act_Code" type:"StarCode" default:"*77" help:"Refuses callers who withhold their number."`
	BlockANCDeactCode             string `tag:"Block_ANC_Deact_Code" type:"StarCode" default:"*87" help:"Accepts callers who withhold their number again."`
	DNDActCode                    string `tag:"DND_Act_Code" type:"StarCode" default:"*78" help:"Turns do not disturb on."`
	DNDDeactCode                  string `tag:"DND_Deact_Code" type:"StarCode" default:"*79" help:"Turns do not disturb off."`
	SecureAllCallActCode          string `tag:"Secure_All_Call_Act_Code" type:"StarCode" default:"*16" help:"Asks for encryption on all calls."`
	SecureNoCallActCode           string `tag:"Secure_No_Call_Act_Code" type:"StarCode" default:"*17" help:"Asks for encryption on no call."`
	SecureOneCallActCode          string `tag:"Secure_One_Call_Act_Code" type:"StarCode" default:"*18" help:"Asks for encryption on the next call."`
	SecureOneCallDeactCode        string `tag:"Secure_One_Call_Deact_Code" type:"StarCode" default:"*19" help:"Asks for no encryption on the next call."`
	PagingCode                    string `tag:"Paging_Code" type:"StarCode" default:"*96" help:"Pages the extension or group dialed after it."`
	CallParkCode                  string `tag:"Call_Park_Code" type:"StarCode" default:"*68" help:"Parks the call at the number dialed after it."`
	CallUnparkCode                string `tag:"Call_Unpark_Code" type:"StarCode" default:"*88" help:"Takes a parked call back."`
	CallPickupCode                string `tag:"Call_Pickup_Code" type:"StarCode" default:"*97" help:"Picks up a call ringing at the extension dialed after it."`
	GroupCallPickupCode           string `tag:"Group_Call_Pickup_Code" type:"StarCode" default:"*98" help:"Picks up a call ringing in our group."`
	ExecAssistantCallInitiateCode string `tag:"Exec_Assistant_Call_Initiate_Code" type:"StarCode" default:"#64" help:"An assistant calls on behalf of the executive."`
	ExecCallFilterActCode         string `tag:"Exec_Call_Filter_Act_Code" type:"StarCode" default:"#61" help:"Turns the filter of an executive's calls on."`
	ExecCallFilterDeactCode       string `tag:"Exec_Call_Filter_Deact_Code" type:"StarCode" default:"#62" help:"Turns the filter of an executive's calls off."`
	ExecAssistantCallPushCode     string `tag:"Exec_Assistant_Call_Push_Code" type:"StarCode" default:"#63" help:"An assistant hands a call to the executive."`
	ExecCallRetrieveCode          string `tag:"Exec_Call_Retrieve_Code" type:"StarCode" default:"*11" help:"The executive takes a call from the assistant."`
	ExecCallBridgeCode            string `tag:"Exec_Call_Bridge_Code" type:"StarCode" default:"*15" help:"The executive joins a call of the assistant."`
	CallBackActCode               string `tag:"Call_Back_Act_Code" type:"StarCode" default:"*66" help:"Calls a busy number again until it is free."`
	CallBackDeactCode             string `tag:"Call_Back_Deact_Code" type:"StarCode" default:"*86" help:"Stops calling a busy number again."`
	ReferralServicesCodes         string `tag:"Referral_Services_Codes" max:"79" help:"Codes, separated by |, that transfer the call to code and number dialed."`
	FeatureDialServicesCodes      string `tag:"Feature_Dial_Services_Codes" max:"79" help:"Codes, separated by |, after which a number is asked for and both are called together."`

	ServiceAnncBaseNumber     string `tag:"Service_Annc_Base_Number" section:"Vertical Service Announcement Codes" max:"39" help:"Base number of service announcements, kept for compatibility."`
	ServiceAnncExtensionCodes string `tag:"Service_Annc_Extension_Codes" max:"255" help:"Extension codes of service announcements, kept for compatibility."`

	PreferG711uCode string `tag:"Prefer_G711u_Code" section:"Outbound Call Codec Selection Codes" type:"StarCode" default:"*017110" help:"Dialed before a number: prefers this codec for the call."`
	ForceG711uCode  string `tag:"Force_G711u_Code" type:"StarCode" default:"*027110" help:"Dialed before a number: allows only this codec for the call."`
	PreferG711aCode string `tag:"Prefer_G711a_Code" like:"Prefer_G711u_Code" default:"*017111"`
	ForceG711aCode  string `tag:"Force_G711a_Code" like:"Force_G711u_Code" default:"*027111"`
	PreferG722Code  string `tag:"Prefer_G722_Code" like:"Prefer_G711u_Code" default:"*01722"`
	ForceG722Code   string `tag:"Force_G722_Code" like:"Force_G711u_Code" default:"*02722"`
	PreferG7222Code string `tag:"Prefer_G722.2_Code" like:"Prefer_G711u_Code" default:"*01724"`
	ForceG7222Code  string `tag:"Force_G722.2_Code" like:"Force_G711u_Code" default:"*02724"`
	PreferG729aCode string `tag:"Prefer_G729a_Code" like:"Prefer_G711u_Code" default:"*01729"`
	ForceG729aCode  string `tag:"Force_G729a_Code" like:"Force_G711u_Code" default:"*02729"`
	PreferILBCCode  string `tag:"Prefer_iLBC_Code" like:"Prefer_G711u_Code" default:"*01016"`
	ForceILBCCode   string `tag:"Force_iLBC_Code" like:"Force_G711u_Code" default:"*02016"`
	PreferISACCode  string `tag:"Prefer_iSAC_Code" like:"Prefer_G711u_Code" default:"*01026"`
	ForceISACCode   string `tag:"Force_iSAC_Code" like:"Force_G711u_Code" default:"*02026"`
	PreferOPUSCode  string `tag:"Prefer_OPUS_Code" like:"Prefer_G711u_Code" default:"*01056"`
	ForceOPUSCode   string `tag:"Force_OPUS_Code" like:"Force_G711u_Code" default:"*02056"`

	SetLocalDateMmDdYyyy     string `tag:"Set_Local_Date__mm_dd_yyyy_" label:"Set Local Date (mm/dd/yyyy)" section:"Time" type:"Date" help:"Sets the calendar by hand where no time server can be reached."`
	SetLocalTimeHHMm         string `tag:"Set_Local_Time__HH_mm_" label:"Set Local Time (HH/mm)" type:"Clock" help:"Sets the clock by hand where no time server can be reached."`
	TimeZone                 string `tag:"Time_Zone" type:"TimeZone" default:"GMT-08:00" access:"rw" help:"Local time as hours and minutes from Greenwich, without summer time."`
	TimeOffsetHHMm           string `tag:"Time_Offset__HH_mm_" label:"Time Offset (HH/mm)" type:"Offset" default:"00/00" help:"Added to local time, for places between the zones."`
	IgnoreDHCPTimeOffset     bool   `tag:"Ignore_DHCP_Time_Offset" default:"Yes" help:"Uses Time Zone rather than the offset DHCP names (option 2)."`
	DaylightSavingTimeRule   string `tag:"Daylight_Saving_Time_Rule" type:"DSTRule" default:"start=3/-1/7/2;end=10/-1/7/2;save=1" help:"When summer time begins and ends, as month/day/weekday/time, and how much it adds."`
	DaylightSavingTimeEnable bool   `tag:"Daylight_Saving_Time_Enable" default:"Yes" access:"rw" help:"Applies the summer time rule."`

	DictionaryServerScript string `tag:"Dictionary_Server_Script" section:"Language" max:"1024" help:"Where languages for the screen are fetched, as serv=…;d1=name;x1=file;f1=font."`
	LanguageSelection      string `tag:"Language_Selection" default:"English-US" max:"63" access:"rw" help:"Language of the screen, one of the names in Dictionary Server Script."`
	Locale                 string `tag:"Locale" type:"Token" default:"en-US" access:"rw" help:"Language and country, such as de-DE, told to servers."`
}
