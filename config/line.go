package config

import "time"

// Line is one of the pages Ext 1–8: an account and all that belongs to it. Reference H.1–H.5; the own
// parameters are described in design/redundancy.md section 3.
type Line struct {
	LineEnable bool `tag:"Line_Enable_n_" section:"General" default:"Yes" help:"Puts the line in service; No neither registers it nor lets it call."`

	ShareExt            bool          `tag:"Share_Ext_n_" section:"Share Line Appearance" help:"Other phones have this line too."`
	SharedUserID        string        `tag:"Shared_User_ID_n_" type:"UserID" help:"User ID of the shared line, where it is not the line's own."`
	SubscriptionExpires time.Duration `tag:"Subscription_Expires_n_" default:"3600" range:"10..65535" help:"How long the subscription to a shared line's state lasts."`
	RestrictMWI         bool          `tag:"Restrict_MWI_n_" help:"Lights the message lamp for private lines only."`

	NATMappingEnable   bool   `tag:"NAT_Mapping_Enable_n_" section:"NAT Settings" help:"Uses the outside address (EXT IP or STUN) in SIP and session descriptions."`
	NATKeepAliveEnable bool   `tag:"NAT_Keep_Alive_Enable_n_" help:"Sends packets that keep a NAT's mapping open."`
	NATKeepAliveMsg    string `tag:"NAT_Keep_Alive_Msg_n_" default:"$NOTIFY" max:"127" help:"What those packets hold: $NOTIFY, $REGISTER or any text."`
	NATKeepAliveDest   string `tag:"NAT_Keep_Alive_Dest_n_" default:"$PROXY" type:"Host" help:"Where those packets go: $PROXY or a host."`

	SIPTOSDiffServValue      uint8 `tag:"SIP_TOS_DiffServ_Value_n_" label:"SIP TOS/DiffServ Value" section:"Network Settings" type:"Hex" default:"0x68" help:"IP type of service of SIP packets when Use Config TOS is Yes."`
	RTPTOSDiffServValue      uint8 `tag:"RTP_TOS_DiffServ_Value_n_" label:"RTP TOS/DiffServ Value" type:"Hex" default:"0xb8" help:"IP type of service of voice packets when Use Config TOS is Yes."`
	VideoRTPTOSDiffServValue uint8 `tag:"Video_RTP_TOS_DiffServ_Value_n_" label:"Video RTP TOS/DiffServ Value" type:"Hex" default:"0x80" help:"IP type of service of video packets; this phone sends none."`

	SIPTransport              string        `tag:"SIP_Transport_n_" section:"SIP Settings" default:"UDP" options:"UDP|TCP|TLS|AUTO" help:"Transport to the servers; AUTO lets DNS (NAPTR) choose."`
	SIPPort                   uint16        `tag:"SIP_Port_n_" default:"5060" step:"1" help:"Local UDP port the line listens on and sends from."`
	SIP100RELEnable           bool          `tag:"SIP_100REL_Enable_n_" help:"Confirms provisional responses (PRACK)."`
	PreconditionSupport       string        `tag:"Precondition_Support_n_" default:"Disabled" options:"Disabled|Enabled" help:"Offers preconditions (RFC 3312)."`
	EXTSIPPort                uint16        `tag:"EXT_SIP_Port_n_" default:"0" help:"Outside port that stands for SIP Port; 0 for none."`
	AuthResyncReboot          bool          `tag:"Auth_Resync-Reboot_n_" default:"Yes" help:"Asks a server for credentials before its NOTIFY makes the phone resync, report or restart."`
	SIPProxyRequire           string        `tag:"SIP_Proxy-Require_n_" max:"127" help:"Proxy-Require header of requests; empty leaves it out."`
	SIPRemotePartyID          bool          `tag:"SIP_Remote-Party-ID_n_" default:"Yes" help:"Sends our name and number in Remote-Party-ID and reads the caller's there."`
	ReferorByeDelay           time.Duration `tag:"Referor_Bye_Delay_n_" default:"4" range:"0..65535" help:"Wait before hanging up as the one who transferred."`
	ReferToTargetContact      bool          `tag:"Refer-To_Target_Contact_n_" help:"Names the target's Contact instead of its address in an attended transfer."`
	RefereeByeDelay           time.Duration `tag:"Referee_Bye_Delay_n_" default:"0" range:"0..65535" help:"Wait before hanging up as the one who was transferred."`
	ReferTargetByeDelay       time.Duration `tag:"Refer_Target_Bye_Delay_n_" default:"0" range:"0..65535" help:"Wait before hanging up as the target of a transfer."`
	Sticky183                 bool          `tag:"Sticky_183_n_" help:"Keeps playing the network's own sound when 180 follows a 183."`
	AuthINVITE                bool          `tag:"Auth_INVITE_n_" help:"Asks the server for credentials on incoming calls."`
	NtfyReferOn1xxToInv       bool          `tag:"Ntfy_Refer_On_1xx-To-Inv_n_" default:"Yes" help:"Reports ringing, not only the result, to whoever transferred us."`
	SetG729Annexb             string        `tag:"Set_G729_annexb_n_" default:"yes" options:"none|no|yes|follow silence supp setting" help:"Value of annexb for G.729 in session descriptions."`
	VoiceQualityReportAddress string        `tag:"Voice_Quality_Report_Address_n_" type:"Host" help:"Collector of voice quality reports (RFC 6035); empty sends none."`
	VoiceQualityReportGroup   string        `tag:"Voice_Quality_Report_Group_n_" type:"Group" help:"Group name in voice quality reports; empty takes user and address."`
	VQReportInterval          time.Duration `tag:"VQ_Report_Interval_n_" default:"0" help:"Time between voice quality reports during a call; 0 reports at hold and end only."`
	UserEqualPhone            bool          `tag:"User_Equal_Phone_n_" help:"Adds user=phone to addresses made of a number."`
	CallRecordingProtocol     string        `tag:"Call_Recording_Protocol_n_" default:"SIPREC" options:"SIPREC|SIPINFO" help:"How a server is asked to record a call."`
	PrivacyHeader             string        `tag:"Privacy_Header_n_" default:"Disabled" options:"Disabled|none|header|session|user|id" help:"Value of the Privacy header; Disabled sends none."`
	PEarlyMediaSupport        bool          `tag:"P-Early-Media_Support_n_" help:"Adds P-Early-Media to outgoing calls."`
	MediaSecRequest           bool          `tag:"MediaSec_Request_n_" help:"Asks the server for encrypted voice on its leg (RFC 3329)."`
	MediaSecOverTLSOnly       bool          `tag:"MediaSec_Over_TLS_Only_n_" help:"Asks for that over TLS only."`
	UseLowBandwidthOPUS       bool          `tag:"Use_low-bandwidth_OPUS_n_" help:"Limits Opus to narrow band."`

	BlindAttnXferEnable         bool          `tag:"Blind_Attn-Xfer_Enable_n_" section:"Call Feature Settings" help:"Completes an attended transfer while the target still rings."`
	MessageWaiting              bool          `tag:"Message_Waiting_n_" help:"Lights the message lamp whatever the server says."`
	AuthPage                    bool          `tag:"Auth_Page_n_" help:"Asks for credentials before a page is heard."`
	DefaultRing                 string        `tag:"Default_Ring_n_" default:"1" access:"rw" options:"No Ring|1|2|3|4|5|6|7|8|9|10|11|12" help:"Ring script of the line, by its number on the Phone page."`
	AuthPageRealm               string        `tag:"Auth_Page_Realm_n_" max:"127" help:"Realm named when a page is asked for credentials."`
	AuthPagePassword            Secret        `tag:"Auth_Page_Password_n_" help:"Password a page must prove."`
	ConferenceBridgeURL         string        `tag:"Conference_Bridge_URL_n_" type:"URI" help:"Conference server; empty mixes three-way calls in the phone."`
	ConferenceSingleHardkey     bool          `tag:"Conference_Single_Hardkey_n_" help:"One press of the conference key calls the conference server."`
	MailboxID                   string        `tag:"Mailbox_ID_n_" max:"127" help:"Mailbox whose messages are watched, where it is not the one of User ID."`
	VoiceMailServer             string        `tag:"Voice_Mail_Server_n_" type:"URI" help:"Server or address whose messages are subscribed to; empty takes the proxy where a mailbox is set, else asks nobody."`
	VoiceMailSubscribeInterval  time.Duration `tag:"Voice_Mail_Subscribe_Interval_n_" default:"86400" range:"0..86400" help:"How long the subscription to waiting messages lasts; 0 takes the default."`
	VoiceMailEnable             bool          `tag:"Voice_Mail_Enable_n_" default:"Yes" help:"Subscribes to waiting messages, where a server or a mailbox is set and the line is registered."`
	AutoAnsPageOnActiveCall     bool          `tag:"Auto_Ans_Page_On_Active_Call_n_" default:"Yes" help:"Answers a page during a call; the call is held."`
	FeatureKeySync              bool          `tag:"Feature_Key_Sync_n_" help:"Keeps do not disturb and forwarding in step with the server."`
	CallParkMonitorEnable       bool          `tag:"Call_Park_Monitor_Enable_n_" help:"Shows calls parked against this line."`
	EnableBroadsoftHoteling     bool          `tag:"Enable_Broadsoft_Hoteling_n_" help:"Lets guests sign in at this line."`
	HotelingSubscriptionExpires time.Duration `tag:"Hoteling_Subscription_Expires_n_" default:"3600" range:"10..86400" help:"How long the subscription to guest state lasts."`
	SecureCallOption            string        `tag:"Secure_Call_Option_n_" default:"Optional" options:"Optional|Required|Strict" help:"Encrypted voice: offered and accepted, demanded, or demanded with TLS signalling and refused without."`

	Proxy                           string        `tag:"Proxy_n_" section:"Proxy and Registration" type:"Proxy" help:"Registrar and proxy, and the SIP domain of the line; a name, address or static list."`
	OutboundProxy                   string        `tag:"Outbound_Proxy_n_" type:"Proxy" help:"Where requests go first, if not to Proxy."`
	AlternateProxy                  string        `tag:"Alternate_Proxy_n_" type:"Proxy" help:"Second registrar and proxy for Dual Registration."`
	AlternateOutboundProxy          string        `tag:"Alternate_Outbound_Proxy_n_" type:"Proxy" help:"Where requests to the alternate proxy go first."`
	UseOBProxyInDialog              bool          `tag:"Use_OB_Proxy_In_Dialog_n_" default:"Yes" help:"Sends requests inside a call to the outbound proxy too."`
	Register                        bool          `tag:"Register_n_" default:"Yes" help:"Registers the line and keeps it registered."`
	MakeCallWithoutReg              bool          `tag:"Make_Call_Without_Reg_n_" help:"Allows outgoing calls while the line is not registered."`
	RegisterExpires                 int           `tag:"Register_Expires_n_" default:"3600" range:"0..2147483647" help:"Seconds a registration is asked for; the server may grant less."`
	AnsCallWithoutReg               bool          `tag:"Ans_Call_Without_Reg_n_" help:"Accepts incoming calls while the line is not registered."`
	UseDNSSRV                       bool          `tag:"Use_DNS_SRV_n_" default:"Yes" help:"Finds the servers and their order by DNS SRV; addresses and host:port need none."`
	DNSSRVAutoPrefix                bool          `tag:"DNS_SRV_Auto_Prefix_n_" default:"Yes" help:"Puts _sip._udp. or the like before the name itself; No expects it in Proxy."`
	ProxyFallbackIntvl              time.Duration `tag:"Proxy_Fallback_Intvl_n_" default:"3600" range:"0..65535" help:"Time after a failover before a better server is tried again; 0 stays where it is."`
	ProxyRedundancyMethod           string        `tag:"Proxy_Redundancy_Method_n_" default:"Normal" options:"Normal|Based on SRV Port" help:"Which servers back each other up: all, or those with the first one's port."`
	DualRegistration                bool          `tag:"Dual_Registration_n_" help:"Registers at the proxy and at the alternate proxy at once."`
	AutoRegisterWhenFailover        bool          `tag:"Auto_Register_When_Failover_n_" default:"Yes" help:"Registers at a server before it is used after a failover."`
	TLSNameValidate                 bool          `tag:"TLS_Name_Validate_n_" default:"Yes" help:"Wants a TLS server's certificate to carry the configured name."`
	SurvivabilityProxy              string        `tag:"Survivability_Proxy_n_" type:"Proxy" help:"Last resort when no other server answers; one or more gateways, separated by |."`
	SurvivabilityProxyFallbackIntvl time.Duration `tag:"Survivability_Proxy_Fallback_Intvl_n_" default:"30" range:"0..65535" help:"How often the normal servers are tried while on a survivability proxy."`
	FailoverTimeout                 time.Duration `tag:"Failover_Timeout_n_" default:"1" range:"0..64" decimals:"3" flags:"own" help:"A request without any response for this long is also sent to the next server; 0 waits for Timer B or F."`
	ServerProbeIntvl                time.Duration `tag:"Server_Probe_Intvl_n_" default:"15" range:"0..65535" decimals:"3" flags:"own" help:"How often the server in use is checked while the line is idle; 0 never."`
	FailbackGoodProbes              int           `tag:"Failback_Good_Probes_n_" default:"3" range:"1..100" flags:"own" help:"Answers in a row a returning server must give before the line moves back to it."`
	HotStandbyRegistration          bool          `tag:"Hot_Standby_Registration_n_" flags:"own" help:"Registers at every server of the list, so that a failover needs no registration."`

	DisplayName       string `tag:"Display_Name_n_" section:"Subscriber Information" max:"127" help:"Name shown to those we call."`
	UserID            string `tag:"User_ID_n_" type:"UserID" help:"User part of the line's address, its number as a rule."`
	Password          Secret `tag:"Password_n_" help:"Password of the line's account."`
	AuthID            string `tag:"Auth_ID_n_" max:"127" help:"Name given with the password; empty takes User ID."`
	ReversedAuthRealm string `tag:"Reversed_Auth_Realm_n_" max:"127" help:"Realm named when the phone asks a server for credentials; empty takes the proxy's address."`
	SIPURI            string `tag:"SIP_URI_n_" type:"URI" help:"Address of the line where it is not User ID at Proxy."`

	PreferredCodec         string `tag:"Preferred_Codec_n_" section:"Audio Configuration" default:"G711u" access:"rw" options:"G711u|G711a|G729a|G722|G722.2|iLBC|iSAC|OPUS" help:"Codec offered first."`
	UsePrefCodecOnly       bool   `tag:"Use_Pref_Codec_Only_n_" access:"rw" help:"Offers the preferred codec only; a call without it fails."`
	SecondPreferredCodec   string `tag:"Second_Preferred_Codec_n_" default:"Unspecified" access:"rw" options:"Unspecified|G711u|G711a|G729a|G722|G722.2|iLBC|iSAC|OPUS" help:"Codec offered second."`
	ThirdPreferredCodec    string `tag:"Third_Preferred_Codec_n_" default:"Unspecified" access:"rw" options:"Unspecified|G711u|G711a|G729a|G722|G722.2|iLBC|iSAC|OPUS" help:"Codec offered third."`
	G711uEnable            bool   `tag:"G711u_Enable_n_" default:"Yes" access:"rw" help:"Offers G.711 µ-law; it stays on, every peer has it."`
	G711aEnable            bool   `tag:"G711a_Enable_n_" default:"Yes" access:"rw" help:"Offers G.711 A-law; it stays on, every peer has it."`
	G729aEnable            bool   `tag:"G729a_Enable_n_" default:"Yes" access:"rw" help:"Offers G.729A where the phone has it."`
	G722Enable             bool   `tag:"G722_Enable_n_" default:"Yes" access:"rw" help:"Offers G.722 (wide band) where the phone has it."`
	G7222Enable            bool   `tag:"G722.2_Enable_n_" default:"Yes" access:"rw" help:"Offers AMR-WB where the phone has it."`
	ILBCEnable             bool   `tag:"iLBC_Enable_n_" default:"Yes" access:"rw" help:"Offers iLBC where the phone has it."`
	ISACEnable             bool   `tag:"iSAC_Enable_n_" access:"rw" help:"Offers iSAC where the phone has it."`
	OPUSEnable             bool   `tag:"OPUS_Enable_n_" default:"Yes" access:"rw" help:"Offers Opus where the phone has it."`
	SilenceSuppEnable      bool   `tag:"Silence_Supp_Enable_n_" access:"rw" help:"Sends nothing while nobody speaks."`
	DTMFTxMethod           string `tag:"DTMF_Tx_Method_n_" default:"Auto" access:"rw" options:"InBand|AVT|INFO|Auto|InBand+INFO|AVT+INFO" help:"How digits are sent during a call; Auto takes telephone events where the peer has them."`
	CodecNegotiation       string `tag:"Codec_Negotiation_n_" default:"Default" options:"Default|List All" help:"Answers an offer with one codec, or with all in common."`
	EncryptionMethod       string `tag:"Encryption_Method_n_" default:"AES 128" options:"AES 128|AES 256 GCM" help:"Cipher of encrypted voice offered first; every one known is accepted."`
	NetworkJitterLevel     string `tag:"Network_Jitter_Level_n_" default:"high" options:"low|medium|high|very high|extremely high" help:"Kept for compatibility; the jitter buffer measures the network itself."`
	JitterBufferAdjustment string `tag:"Jitter_Buffer_Adjustment_n_" default:"up and down" options:"up and down|up only|down only|disable|yes|no" help:"Kept for compatibility; the jitter buffer always adapts both ways."`
	SymmetricRTP           bool   `tag:"Symmetric_RTP_n_" default:"Yes" help:"Sends voice to where the peer's voice comes from."`

	DialPlan         string `tag:"Dial_Plan_n_" section:"Dial Plan" type:"DialPlan" default:"(*xx|[3469]11|0|00|[2-9]xxxxxx|1xxx[2-9]xxxxxxS0|xxxxxxxxxxxx.|xx.)" help:"Which numbers can be dialed, when they are complete, and what is sent for them."`
	CallerIDMap      string `tag:"Caller_ID_Map_n_" type:"DialPlan" help:"Rewrites numbers of callers, so that they can be called back."`
	EnableURIDialing bool   `tag:"Enable_URI_Dialing_n_" help:"Lets letters be dialed."`
	EmergencyNumber  string `tag:"Emergency_Number_n_" max:"127" help:"Comma list of numbers that neither hold nor hang up can interrupt."`
}
