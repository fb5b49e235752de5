package config

import "time"

// Phone is the page of that name: line keys, services, rings, directories, soft keys and menus.
// Reference H.10 and D.4.
type Phone struct {
	StationName        string `tag:"Station_Name" section:"General" max:"127" help:"Name in the first row of the screen."`
	StationDisplayName string `tag:"Station_Display_Name" max:"127" help:"Name in the first row of the screen instead of Station Name."`
	VoiceMailNumber    string `tag:"Voice_Mail_Number" type:"Phone" help:"What the messages key dials."`

	LineKey [LineKeys]LineKey `section:"Line Key n"`

	LineIDMapping          string `tag:"Line_ID_Mapping" section:"Miscellaneous Line Key Settings" default:"Horizontal First" options:"Horizontal First|Vertical First" help:"How calls of one line spread over the line keys."`
	SCABargeInEnable       bool   `tag:"SCA_Barge-In-Enable" help:"Lets this phone join calls of a shared line."`
	SCAStickyAutoLineSeize bool   `tag:"SCA_Sticky_Auto_Line_Seize" help:"Does not seize a ringing shared line when the handset is lifted for another call."`
	CallAppearancesPerLine int    `tag:"Call_Appearances_Per_Line" default:"2" range:"1..10" help:"How many calls one line can have at once."`

	ConferenceServ         bool `tag:"Conference_Serv" section:"Supplementary Services" default:"Yes" help:"Allows three-way conferences."`
	AttnTransferServ       bool `tag:"Attn_Transfer_Serv" default:"Yes" help:"Allows attended transfers."`
	BlindTransferServ      bool `tag:"Blind_Transfer_Serv" default:"Yes" help:"Allows blind transfers."`
	DNDServ                bool `tag:"DND_Serv" default:"Yes" help:"Allows do not disturb."`
	BlockANCServ           bool `tag:"Block_ANC_Serv" default:"Yes" help:"Allows refusing callers who withhold their number."`
	BlockCIDServ           bool `tag:"Block_CID_Serv" default:"Yes" help:"Allows withholding our number."`
	SecureCallServ         bool `tag:"Secure_Call_Serv" default:"Yes" help:"Offers and accepts encrypted voice where a line has it as an option."`
	CfwdAllServ            bool `tag:"Cfwd_All_Serv" default:"Yes" help:"Allows forwarding all calls."`
	CfwdBusyServ           bool `tag:"Cfwd_Busy_Serv" default:"Yes" help:"Allows forwarding calls while busy."`
	CfwdNoAnsServ          bool `tag:"Cfwd_No_Ans_Serv" default:"Yes" help:"Allows forwarding unanswered calls."`
	PagingServ             bool `tag:"Paging_Serv" default:"Yes" help:"Allows paging other phones."`
	CallParkServ           bool `tag:"Call_Park_Serv" default:"Yes" help:"Allows parking calls."`
	CallPickUpServ         bool `tag:"Call_Pick_Up_Serv" default:"Yes" help:"Allows picking up calls of others."`
	GroupCallPickUpServ    bool `tag:"Group_Call_Pick_Up_Serv" default:"Yes" help:"Allows picking up calls of the group."`
	ACDLoginServ           bool `tag:"ACD_Login_Serv" help:"Allows agents of a call centre to sign in."`
	ServiceAnncServ        bool `tag:"Service_Annc_Serv" help:"Allows service announcements."`
	CallRecordingServ      bool `tag:"Call_Recording_Serv" help:"Allows recording calls at the server."`
	ReversePhoneLookupServ bool `tag:"Reverse_Phone_Lookup_Serv" default:"Yes" help:"Looks up names for numbers in the directories."`

	Ring1              string        `tag:"Ring1" section:"Ringtone" type:"RingScript" default:"n=Ring 1;w=1;c=1" access:"rw" help:"Ring script: name, waveform (1–4 or a file), cadence, break and total time."`
	Ring2              string        `tag:"Ring2" like:"Ring1" default:"n=Ring 2;w=1;c=2"`
	Ring3              string        `tag:"Ring3" like:"Ring1" default:"n=Ring 3;w=1;c=3"`
	Ring4              string        `tag:"Ring4" like:"Ring1" default:"n=Ring 4;w=1;c=4"`
	Ring5              string        `tag:"Ring5" like:"Ring1" default:"n=Ring 5;w=1;c=5"`
	Ring6              string        `tag:"Ring6" like:"Ring1" default:"n=Ring 6;w=1;c=6"`
	Ring7              string        `tag:"Ring7" like:"Ring1" default:"n=Ring 7;w=1;c=7"`
	Ring8              string        `tag:"Ring8" like:"Ring1" default:"n=Ring 8;w=1;c=8"`
	Ring9              string        `tag:"Ring9" like:"Ring1" default:"n=Ring 9;w=1;c=9"`
	Ring10             string        `tag:"Ring10" like:"Ring1" default:"n=Ring 10;w=2;c=1"`
	Ring11             string        `tag:"Ring11" like:"Ring1" default:"n=Ring 11;w=2;c=2"`
	Ring12             string        `tag:"Ring12" like:"Ring1" default:"n=Ring 12;w=2;c=3"`
	SilentRingDuration time.Duration `tag:"Silent_Ring_Duration" default:"60" range:"0..3600" help:"How long a call that rings silently waits before it counts as unanswered (480)."`

	XMLDirectoryServiceName   string `tag:"XML_Directory_Service_Name" section:"XML Service" max:"127" help:"Name of the XML directory on the screen."`
	XMLDirectoryServiceURL    string `tag:"XML_Directory_Service_URL" type:"URL" help:"Address of the XML directory, with macros."`
	XMLApplicationServiceName string `tag:"XML_Application_Service_Name" max:"127" help:"Name of the XML application on the screen."`
	XMLApplicationServiceURL  string `tag:"XML_Application_Service_URL" type:"URL" help:"Address of the XML application, with macros."`
	XMLUserName               string `tag:"XML_User_Name" max:"127" help:"Name given to XML services."`
	XMLPassword               Secret `tag:"XML_Password" help:"Password given to XML services."`
	CISCOXMLEXEEnable         bool   `tag:"CISCO_XML_EXE_Enable" help:"Lets servers run commands on the phone by XML."`
	CISCOXMLEXEAuthMode       string `tag:"CISCO_XML_EXE_Auth_Mode" default:"Local Credential" options:"Trusted|Local Credential|Remote Credential" help:"How such a server is authenticated."`

	Group1PagingScript  string `tag:"Group_1_Paging_Script" section:"Multiple Paging Group Parameters" max:"255" help:"Multicast paging group, as pggrp=address:port;name=…;num=…;listen=yes;pri=1;codec=g711a."`
	Group2PagingScript  string `tag:"Group_2_Paging_Script" like:"Group_1_Paging_Script"`
	Group3PagingScript  string `tag:"Group_3_Paging_Script" like:"Group_1_Paging_Script"`
	Group4PagingScript  string `tag:"Group_4_Paging_Script" like:"Group_1_Paging_Script"`
	Group5PagingScript  string `tag:"Group_5_Paging_Script" like:"Group_1_Paging_Script"`
	Group6PagingScript  string `tag:"Group_6_Paging_Script" like:"Group_1_Paging_Script"`
	Group7PagingScript  string `tag:"Group_7_Paging_Script" like:"Group_1_Paging_Script"`
	Group8PagingScript  string `tag:"Group_8_Paging_Script" like:"Group_1_Paging_Script"`
	Group9PagingScript  string `tag:"Group_9_Paging_Script" like:"Group_1_Paging_Script"`
	Group10PagingScript string `tag:"Group_10_Paging_Script" like:"Group_1_Paging_Script"`
	GroupPagingScript   string `tag:"Group_Paging_Script" like:"Group_1_Paging_Script" help:"Paging groups in the notation of older profiles, all in one text."`

	LDAPDirEnable      bool   `tag:"LDAP_Dir_Enable" section:"LDAP" help:"Searches an LDAP directory."`
	LDAPServer         string `tag:"LDAP_Server" type:"URL" help:"LDAP server as host, host:port or URL."`
	LDAPSearchBase     string `tag:"LDAP_Search_Base" help:"Where in the LDAP tree the search begins."`
	LDAPUsername       string `tag:"LDAP_Username" help:"Name given to the LDAP server; empty searches anonymously."`
	LDAPPassword       Secret `tag:"LDAP_Password" help:"Password given to the LDAP server."`
	LDAPAuthMethod     string `tag:"LDAP_Auth_Method" default:"None" options:"None|Simple|DIGEST-MD5" help:"How the phone authenticates to the LDAP server."`
	LDAPDisplayAttrs   string `tag:"LDAP_Display_Attrs" max:"1024" help:"Attributes shown, as a=name,n=label,t=type;…."`
	LDAPNumberMapping  string `tag:"LDAP_Number_Mapping" help:"Dial plan that rewrites numbers found in the directory."`
	LDAPStartTLSEnable bool   `tag:"LDAP_StartTLS_Enable" help:"Encrypts the connection to the LDAP server by StartTLS."`

	ProgrammableSoftkeyEnable bool   `tag:"Programmable_Softkey_Enable" section:"Programmable Softkeys" default:"Yes" help:"Uses the soft key lists below; No uses the built-in ones."`
	IdleKeyList               string `tag:"Idle_Key_List" default:"redial|1;recents|2;cfwd|3;dnd|4;dir|5;settings|6;" max:"255" help:"Soft keys while the phone is idle, as keyword|position;…."`
	MissedCallKeyList         string `tag:"Missed_Call_Key_List" default:"lcr|1;miss|4;" max:"255" help:"Soft keys after a missed call, as keyword|position;…."`
	OffHookKeyList            string `tag:"Off_Hook_Key_List" default:"redial|1;dir|2;cfwd|3;dnd|4;" max:"255" help:"Soft keys while dial tone is heard, as keyword|position;…."`
	DialingInputKeyList       string `tag:"Dialing_Input_Key_List" default:"option|1;call|2;delchar|3;cancel|4;" max:"255" help:"Soft keys while a number is entered, as keyword|position;…."`
	ProgressingKeyList        string `tag:"Progressing_Key_List" default:"endcall|2;" max:"255" help:"Soft keys while the far end is being called, as keyword|position;…."`
	ConnectedKeyList          string `tag:"Connected_Key_List" default:"hold|1;endcall|2;conf|3;xfer|4;bxfer|5;" max:"255" help:"Soft keys during a call, as keyword|position;…."`
	StartXferKeyList          string `tag:"Start-Xfer_Key_List" default:"hold|1;endcall|2;xfer|3;dnd;" max:"255" help:"Soft keys before a transfer is completed, as keyword|position;…."`
	StartConfKeyList          string `tag:"Start-Conf_Key_List" default:"hold|1;endcall|2;conf|3;dnd;" max:"255" help:"Soft keys before a conference is completed, as keyword|position;…."`
	ConferencingKeyList       string `tag:"Conferencing_Key_List" default:"hold|1;endcall|2;join|3;" max:"255" help:"Soft keys during a conference, as keyword|position;…."`
	ReleasingKeyList          string `tag:"Releasing_Key_List" default:"endcall|2;" max:"255" help:"Soft keys after the far end hung up, as keyword|position;…."`
	HoldKeyList               string `tag:"Hold_Key_List" default:"resume|1;endcall|2;newcall|3;" max:"255" help:"Soft keys while a call is held, as keyword|position;…."`
	RingingKeyList            string `tag:"Ringing_Key_List" default:"answer|1;ignore|2;ignoresilent|3;" max:"255" help:"Soft keys while the phone rings, as keyword|position;…."`
	SharedActiveKeyList       string `tag:"Shared_Active_Key_List" default:"newcall|1;barge|2;cfwd|3;dnd|4;" max:"255" help:"Soft keys while a shared line is used elsewhere, as keyword|position;…."`
	SharedHeldKeyList         string `tag:"Shared_Held_Key_List" default:"resume|1;barge|2;cfwd|3;dnd|4;" max:"255" help:"Soft keys while a shared line is held elsewhere, as keyword|position;…."`
	ExecAssistantKeyList      string `tag:"Exec_Assistant_Key_List" max:"255" help:"Soft keys of an executive or assistant, as keyword|position;…."`
	PSK1                      string `tag:"PSK_1" max:"255" help:"Programmable soft key, as fnc=sd;ext=number;nme=label or another function."`
	PSK2                      string `tag:"PSK_2" like:"PSK_1"`
	PSK3                      string `tag:"PSK_3" like:"PSK_1"`
	PSK4                      string `tag:"PSK_4" like:"PSK_1"`
	PSK5                      string `tag:"PSK_5" like:"PSK_1"`
	PSK6                      string `tag:"PSK_6" like:"PSK_1"`
	PSK7                      string `tag:"PSK_7" like:"PSK_1"`
	PSK8                      string `tag:"PSK_8" like:"PSK_1"`
	PSK9                      string `tag:"PSK_9" like:"PSK_1"`
	PSK10                     string `tag:"PSK_10" like:"PSK_1"`
	PSK11                     string `tag:"PSK_11" like:"PSK_1"`
	PSK12                     string `tag:"PSK_12" like:"PSK_1"`
	PSK13                     string `tag:"PSK_13" like:"PSK_1"`
	PSK14                     string `tag:"PSK_14" like:"PSK_1"`
	PSK15                     string `tag:"PSK_15" like:"PSK_1"`
	PSK16                     string `tag:"PSK_16" like:"PSK_1"`

	Accessability        bool `tag:"Accessability" section:"Menu Visibility" default:"Yes" help:"Shows the menu for accessibility on the screen."`
	SpeedDials           bool `tag:"Speed_Dials" default:"Yes" help:"Shows the menu for speed dials on the screen."`
	ExecutiveAssistant   bool `tag:"Executive_Assistant" default:"Yes" help:"Shows the menu for executive and assistant on the screen."`
	UserPreferences      bool `tag:"User_Preferences" default:"Yes" help:"Shows the menu for user preferences on the screen."`
	Bluetooth            bool `tag:"Bluetooth" default:"Yes" help:"Shows the menu for Bluetooth on the screen."`
	NetworkConfiguration bool `tag:"Network_Configuration" default:"Yes" help:"Shows the menu for network configuration on the screen."`
	DeviceAdministration bool `tag:"Device_Administration" default:"Yes" help:"Shows the menu for device administration on the screen."`
	Status               bool `tag:"Status" default:"Yes" help:"Shows the menu for status on the screen."`
	ReportProblemMenu    bool `tag:"Report_Problem_Menu" default:"Yes" help:"Shows the menu for problem reports on the screen."`

	RequireAuthenticationForLCDMenuAccess string `tag:"Require_Authentication_for_LCD_Menu_Access" section:"LCD Authentication" default:"Default" options:"Default|Customized|No" help:"Asks for the password before menus that change the phone; Customized takes the two switches below."`
	FactoryResetMenu                      bool   `tag:"Factory_Reset_Menu" default:"Yes" help:"Asks for the password before a factory reset, when Customized."`
	ProfileRuleMenu                       bool   `tag:"Profile_Rule_Menu" default:"Yes" help:"Asks for the password before the profile rule, when Customized."`
	HandsetLEDAlert                       string `tag:"Handset_LED_Alert" section:"Handsfree" default:"Voicemail" options:"Voicemail|Voicemail,Missed Call" help:"What makes the lamp in the handset light up."`
}

// LineKey is what one of the line keys does.
type LineKey struct {
	Extension           string `tag:"Extension_n_" default:"1" step:"1" options:"1|2|3|4|5|6|7|8|Disabled" help:"Line of this key; Disabled frees the key for Extended Function."`
	ShortName           string `tag:"Short_Name_n_" default:"$USER" max:"63" help:"Label of this key; $USER is the line's User ID."`
	ShareCallAppearance string `tag:"Share_Call_Appearance_n_" default:"private" options:"private|shared" help:"Whether the key shows calls of a shared line."`
	ExtendedFunction    string `tag:"Extended_Function_n_" max:"255" help:"What a free key does, as fnc=blf+sd+cp;sub=200@$PROXY;nme=Bob."`
}
