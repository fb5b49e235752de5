package config

import "time"

// User is the page of that name: what the person at the phone chooses. Reference H.10.
type User struct {
	HoldReminderTimer time.Duration `tag:"Hold_Reminder_Timer" section:"Hold Reminder" default:"0" range:"0..65535" access:"rw" help:"Rings again after a call was on hold for this long; 0 never."`
	HoldReminderRing  string        `tag:"Hold_Reminder_Ring" default:"2" options:"No Ring|1|2|3|4|5|6|7|8|9|10|11|12" access:"rw" help:"Ring script of that reminder."`

	CfwdSetting    bool          `tag:"Cfwd_Setting" section:"Call Forward" default:"Yes" access:"rw" help:"Lets this phone forward calls."`
	CfwdAll        bool          `tag:"Cfwd_All" access:"rw" help:"Forwards all calls."`
	CfwdBusy       bool          `tag:"Cfwd_Busy" access:"rw" help:"Forwards calls while busy."`
	CfwdNoAnswer   bool          `tag:"Cfwd_No_Answer" access:"rw" help:"Forwards unanswered calls."`
	CfwdAllDest    string        `tag:"Cfwd_All_Dest" type:"URI" access:"rw" help:"Where all calls are forwarded to."`
	CfwdBusyDest   string        `tag:"Cfwd_Busy_Dest" type:"URI" access:"rw" help:"Where calls while busy are forwarded to."`
	CfwdNoAnsDest  string        `tag:"Cfwd_No_Ans_Dest" type:"URI" access:"rw" help:"Where unanswered calls are forwarded to."`
	CfwdNoAnsDelay time.Duration `tag:"Cfwd_No_Ans_Delay" default:"20" range:"0..255" access:"rw" help:"How long a call rings before it counts as unanswered."`

	SpeedDial2Name   string `tag:"Speed_Dial_2_Name" section:"Speed Dial" max:"63" access:"rw" empty:"user" help:"Label of this speed dial."`
	SpeedDial2Number string `tag:"Speed_Dial_2_Number" max:"127" access:"rw" empty:"user" help:"What is dialed for this digit: a number, then digits with , for a pause and X for a wait."`
	SpeedDial3Name   string `tag:"Speed_Dial_3_Name" like:"Speed_Dial_2_Name"`
	SpeedDial3Number string `tag:"Speed_Dial_3_Number" like:"Speed_Dial_2_Number"`
	SpeedDial4Name   string `tag:"Speed_Dial_4_Name" like:"Speed_Dial_2_Name"`
	SpeedDial4Number string `tag:"Speed_Dial_4_Number" like:"Speed_Dial_2_Number"`
	SpeedDial5Name   string `tag:"Speed_Dial_5_Name" like:"Speed_Dial_2_Name"`
	SpeedDial5Number string `tag:"Speed_Dial_5_Number" like:"Speed_Dial_2_Number"`
	SpeedDial6Name   string `tag:"Speed_Dial_6_Name" like:"Speed_Dial_2_Name"`
	SpeedDial6Number string `tag:"Speed_Dial_6_Number" like:"Speed_Dial_2_Number"`
	SpeedDial7Name   string `tag:"Speed_Dial_7_Name" like:"Speed_Dial_2_Name"`
	SpeedDial7Number string `tag:"Speed_Dial_7_Number" like:"Speed_Dial_2_Number"`
	SpeedDial8Name   string `tag:"Speed_Dial_8_Name" like:"Speed_Dial_2_Name"`
	SpeedDial8Number string `tag:"Speed_Dial_8_Number" like:"Speed_Dial_2_Number"`
	SpeedDial9Name   string `tag:"Speed_Dial_9_Name" like:"Speed_Dial_2_Name"`
	SpeedDial9Number string `tag:"Speed_Dial_9_Number" like:"Speed_Dial_2_Number"`

	CWSetting             bool   `tag:"CW_Setting" section:"Supplementary Services" default:"Yes" access:"rw" help:"Signals a second call during a call."`
	BlockCIDSetting       bool   `tag:"Block_CID_Setting" access:"rw" help:"Withholds our number on all calls."`
	BlockANCSetting       bool   `tag:"Block_ANC_Setting" access:"rw" help:"Refuses callers who withhold their number."`
	DNDSetting            bool   `tag:"DND_Setting" access:"rw" help:"Refuses all calls: do not disturb."`
	SecureCallSetting     bool   `tag:"Secure_Call_Setting" access:"rw" help:"Asks for encrypted voice first where it is an option; a far end that has none is called again without."`
	AutoAnswerPage        bool   `tag:"Auto_Answer_Page" default:"Yes" access:"rw" help:"Answers calls that ask for it (intercom) by the speaker."`
	DialAssistance        bool   `tag:"Dial_Assistance" default:"Yes" access:"rw" help:"Suggests numbers while one is entered."`
	PreferredAudioDevice  string `tag:"Preferred_Audio_Device" default:"None" options:"None|Speaker|Headset" access:"rw" help:"What a call uses when the handset rests."`
	TimeFormat            string `tag:"Time_Format" default:"12hr" options:"12hr|24hr" access:"rw" help:"How the screen shows the time."`
	DateFormat            string `tag:"Date_Format" default:"month/day" options:"month/day|day/month" access:"rw" help:"How the screen shows the date."`
	ForwardSoftkey        string `tag:"Forward_Softkey" default:"All Cfwds" options:"All Cfwds|Only the Cfwd All" help:"What the forward soft key offers."`
	LogMissedCallsForEXT1 bool   `tag:"Log_Missed_Calls_for_EXT_1" default:"Yes" access:"rw" help:"Keeps missed calls of this line in the call history."`
	LogMissedCallsForEXT2 bool   `tag:"Log_Missed_Calls_for_EXT_2" like:"Log_Missed_Calls_for_EXT_1"`
	LogMissedCallsForEXT3 bool   `tag:"Log_Missed_Calls_for_EXT_3" like:"Log_Missed_Calls_for_EXT_1"`
	LogMissedCallsForEXT4 bool   `tag:"Log_Missed_Calls_for_EXT_4" like:"Log_Missed_Calls_for_EXT_1"`
	LogMissedCallsForEXT5 bool   `tag:"Log_Missed_Calls_for_EXT_5" like:"Log_Missed_Calls_for_EXT_1"`
	LogMissedCallsForEXT6 bool   `tag:"Log_Missed_Calls_for_EXT_6" like:"Log_Missed_Calls_for_EXT_1"`
	LogMissedCallsForEXT7 bool   `tag:"Log_Missed_Calls_for_EXT_7" like:"Log_Missed_Calls_for_EXT_1"`
	LogMissedCallsForEXT8 bool   `tag:"Log_Missed_Calls_for_EXT_8" like:"Log_Missed_Calls_for_EXT_1"`

	RingerVolume    int `tag:"Ringer_Volume" section:"Audio Volume" default:"8" range:"0..15" access:"rw" help:"Volume of the ringer at the start."`
	SpeakerVolume   int `tag:"Speaker_Volume" default:"11" range:"0..15" access:"rw" help:"Volume of the loudspeaker at the start."`
	HandsetVolume   int `tag:"Handset_Volume" default:"9" range:"0..15" access:"rw" help:"Volume of the handset at the start."`
	HeadsetVolume   int `tag:"Headset_Volume" default:"9" range:"0..15" access:"rw" help:"Volume of the headset at the start."`
	BluetoothVolume int `tag:"Bluetooth_Volume" default:"9" range:"0..15" access:"rw" help:"Volume of a Bluetooth headset at the start."`

	ScreenSaverEnable  bool          `tag:"Screen_Saver_Enable" section:"Screen" access:"rw" help:"Replaces the idle screen after a while."`
	ScreenSaverType    string        `tag:"Screen_Saver_Type" default:"Clock" options:"Clock|Download Picture|Logo" access:"rw" help:"What the screen saver shows."`
	ScreenSaverWait    time.Duration `tag:"Screen_Saver_Wait" default:"300" range:"30..65000" access:"rw" help:"How long the phone is idle before the screen saver."`
	BackLightTimer     string        `tag:"Back_Light_Timer" default:"5m" options:"1m|5m|30m|Always On" access:"rw" help:"How long the backlight stays on."`
	DisplayBrightness  int           `tag:"Display_Brightness" default:"15" range:"4..15" access:"rw" help:"Brightness of the screen."`
	BootDisplay        string        `tag:"Boot_Display" default:"Default" options:"Default|Download Picture|Logo|Text" access:"rw" help:"What the screen shows while the phone starts."`
	PhoneBackground    string        `tag:"Phone_Background" default:"Default" options:"Default|Download Picture|Logo" access:"rw" help:"Picture behind the idle screen."`
	PictureDownloadURL string        `tag:"Picture_Download_URL" type:"URL" access:"rw" help:"Where a picture for the screen is fetched."`
	LogoURL            string        `tag:"Logo_URL" type:"URL" access:"rw" help:"Where a logo for the screen is fetched."`
}
