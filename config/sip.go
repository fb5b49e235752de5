package config

import "time"

// SIP is the page of that name: the protocol's behaviour for all lines. Reference H.6 and A.9.
type SIP struct {
	MaxForward                 int    `tag:"Max_Forward" section:"SIP Parameters" default:"70" range:"1..255" help:"Max-Forwards of the requests the phone sends."`
	MaxRedirection             int    `tag:"Max_Redirection" default:"5" range:"0..255" help:"How many redirections (3xx) of one request are followed."`
	MaxAuth                    int    `tag:"Max_Auth" default:"2" range:"0..255" help:"How many times one request is repeated with credentials."`
	SIPUserAgentName           string `tag:"SIP_User_Agent_Name" default:"$VERSION" help:"User-Agent header; $VERSION is the product and version, $A–$D are GPP_A–GPP_D, empty leaves it out."`
	SIPServerName              string `tag:"SIP_Server_Name" default:"$VERSION" help:"Server header of responses; empty leaves it out."`
	SIPRegUserAgentName        string `tag:"SIP_Reg_User_Agent_Name" help:"User-Agent header of REGISTER; empty takes SIP User Agent Name."`
	SIPAcceptLanguage          string `tag:"SIP_Accept_Language" max:"127" help:"Accept-Language header; empty leaves it out."`
	DTMFRelayMIMEType          string `tag:"DTMF_Relay_MIME_Type" type:"MIME" default:"application/dtmf-relay" help:"Content type of digits sent in SIP INFO."`
	HookFlashMIMEType          string `tag:"Hook_Flash_MIME_Type" type:"MIME" default:"application/hook-flash" help:"Content type of a hook flash sent in SIP INFO."`
	RemoveLastReg              bool   `tag:"Remove_Last_Reg" help:"Removes the old registration before a different one is made."`
	UseCompactHeader           bool   `tag:"Use_Compact_Header" help:"Sends the one-letter names of headers, for smaller packets."`
	EscapeDisplayName          bool   `tag:"Escape_Display_Name" help:"Always puts display names in quotation marks; otherwise only where they need them."`
	TalkPackage                bool   `tag:"Talk_Package" help:"Lets a server answer or resume a call by NOTIFY with Event: talk."`
	HoldPackage                bool   `tag:"Hold_Package" help:"Lets a server hold a call by NOTIFY with Event: hold."`
	ConferencePackage          bool   `tag:"Conference_Package" help:"Lets a server start a conference by NOTIFY with Event: conference."`
	RFC2543CallHold            bool   `tag:"RFC_2543_Call_Hold" default:"Yes" help:"Also writes the address 0.0.0.0 when a call is held, for old peers."`
	RandomREGCIDOnReboot       bool   `tag:"Random_REG_CID_on_Reboot" help:"Registers with a new Call-ID after a software restart."`
	SIPTCPPortMin              uint16 `tag:"SIP_TCP_Port_Min" default:"5060" help:"First local port of SIP connections over TCP and TLS."`
	SIPTCPPortMax              uint16 `tag:"SIP_TCP_Port_Max" default:"5080" help:"Last local port of SIP connections over TCP and TLS."`
	CallerIDHeader             string `tag:"Caller_ID_Header" default:"PAID-RPID-FROM" options:"PAID-RPID-FROM|PAID-FROM|RPID-PAID-FROM|RPID-FROM|FROM" help:"Headers the caller's name and number are taken from, in this order."`
	HoldTargetBeforeRefer      bool   `tag:"Hold_Target_Before_Refer" help:"Holds the second call before an attended transfer is sent."`
	DialogSDPEnable            bool   `tag:"Dialog_SDP_Enable" help:"Puts the session description into dialog state documents."`
	KeepRefereeWhenReferFailed bool   `tag:"Keep_Referee_When_Refer_Failed" help:"Takes the call back when a transfer fails."`
	DisplayDiversionInfo       bool   `tag:"Display_Diversion_Info" help:"Shows who forwarded a call, from its Diversion header."`
	DisplayAnonymousFromHeader bool   `tag:"Display_Anonymous_From_Header" help:"Shows the From header of callers who withhold their number."`
	SipAcceptEncoding          string `tag:"Sip_Accept_Encoding" default:"none" options:"none|gzip" help:"Whether compressed message bodies are accepted."`
	SIPIPPreference            string `tag:"SIP_IP_Preference" default:"IPv4" options:"IPv4|IPv6" help:"Address family tried first among servers of one priority."`
	DisableLocalNameToHeader   bool   `tag:"Disable_Local_Name_To_Header" help:"Leaves the name from the phone book out of the To header."`
	AuthSupportRFC8760         bool   `tag:"Auth_Support_RFC8760" help:"Kept for compatibility; SHA-256 digests are always used where a server offers them."`
	ShareLineEventPackageType  string `tag:"Share_Line_Event_Package_Type" default:"Call-Info" options:"Call-Info|Dialog" help:"Event package by which shared lines are watched."`

	T1                      time.Duration `tag:"SIP_T1" section:"SIP Timer Values (sec)" default:"0.5" range:"0..64" decimals:"3" help:"Round-trip estimate: the first retransmission comes after this time."`
	T2                      time.Duration `tag:"SIP_T2" default:"4" range:"0..64" decimals:"3" help:"Longest time between two retransmissions of a request other than INVITE."`
	T4                      time.Duration `tag:"SIP_T4" default:"5" range:"0..64" decimals:"3" help:"Longest a message stays in the network."`
	TimerB                  time.Duration `tag:"SIP_Timer_B" default:"16" range:"0..64" decimals:"3" help:"How long an INVITE waits for any response."`
	TimerF                  time.Duration `tag:"SIP_Timer_F" default:"16" range:"0..64" decimals:"3" help:"How long another request waits for its final response."`
	TimerH                  time.Duration `tag:"SIP_Timer_H" default:"16" range:"0..64" decimals:"3" help:"How long a final response to INVITE waits for its ACK."`
	TimerD                  time.Duration `tag:"SIP_Timer_D" default:"16" range:"0..64" decimals:"3" help:"How long a refused INVITE still acknowledges repeated responses."`
	TimerJ                  time.Duration `tag:"SIP_Timer_J" default:"16" range:"0..64" decimals:"3" help:"How long an answered request still repeats its response."`
	INVITEExpires           time.Duration `tag:"INVITE_Expires" default:"240" range:"0..2000000" help:"Expires header of INVITE: how long the far end may ring; 0 leaves it out."`
	ReINVITEExpires         time.Duration `tag:"ReINVITE_Expires" default:"30" range:"0..2000000" help:"Expires header of an INVITE inside a call; 0 leaves it out."`
	RegMinExpires           time.Duration `tag:"Reg_Min_Expires" default:"1" help:"Shortest registration accepted from a server; a shorter one counts as this."`
	RegMaxExpires           time.Duration `tag:"Reg_Max_Expires" default:"7200" help:"Longest registration accepted from a server; a longer one counts as this."`
	RegRetryIntvl           time.Duration `tag:"Reg_Retry_Intvl" default:"30" range:"1..2147483647" help:"Wait before registering again after a timeout or a code of Retry Reg RSC."`
	RegRetryLongIntvl       time.Duration `tag:"Reg_Retry_Long_Intvl" default:"1200" help:"Wait before registering again after any other refusal; 0 stops trying."`
	RegRetryRandomDelay     time.Duration `tag:"Reg_Retry_Random_Delay" default:"0" help:"Up to this much is added at random to Reg Retry Intvl."`
	RegRetryLongRandomDelay time.Duration `tag:"Reg_Retry_Long_Random_Delay" default:"0" help:"Up to this much is added at random to Reg Retry Long Intvl."`
	RegRetryIntvlCap        time.Duration `tag:"Reg_Retry_Intvl_Cap" default:"0" help:"Reg Retry Intvl doubles with each failure up to this; 0 keeps it constant."`
	SubMinExpires           time.Duration `tag:"Sub_Min_Expires" default:"10" help:"Shortest subscription accepted from a server."`
	SubMaxExpires           time.Duration `tag:"Sub_Max_Expires" default:"7200" help:"Longest subscription accepted from a server."`
	SubRetryIntvl           time.Duration `tag:"Sub_Retry_Intvl" default:"10" help:"Wait before subscribing again after a failure."`

	SIT1RSC      string `tag:"SIT1_RSC" section:"Response Status Code Handling" type:"RscTmplt" help:"Codes of a failed call that play SIT1 Tone instead of busy or reorder."`
	SIT2RSC      string `tag:"SIT2_RSC" type:"RscTmplt" help:"Codes of a failed call that play SIT2 Tone instead of busy or reorder."`
	SIT3RSC      string `tag:"SIT3_RSC" type:"RscTmplt" help:"Codes of a failed call that play SIT3 Tone instead of busy or reorder."`
	SIT4RSC      string `tag:"SIT4_RSC" type:"RscTmplt" help:"Codes of a failed call that play SIT4 Tone instead of busy or reorder."`
	TryBackupRSC string `tag:"Try_Backup_RSC" type:"RscTmplt" default:"503" help:"Codes that send a request to the next server; empty fails over on silence and transport errors only."`
	RetryRegRSC  string `tag:"Retry_Reg_RSC" type:"RscTmplt" help:"Codes after which registering is tried again soon (Reg Retry Intvl)."`

	RTPPortMin          uint16        `tag:"RTP_Port_Min" section:"RTP Parameters" default:"16384" range:"2048..49151" help:"First UDP port for voice; voice takes even ports, its control the next odd one."`
	RTPPortMax          uint16        `tag:"RTP_Port_Max" default:"16482" range:"2048..49151" help:"Last UDP port for voice; fewer than 16 ports make the phone use 16382–32766."`
	RTPPacketSize       time.Duration `tag:"RTP_Packet_Size" default:"0.02" range:"0.01..0.13" decimals:"2" help:"How much voice one packet carries."`
	MaxRTPICMPErr       int           `tag:"Max_RTP_ICMP_Err" default:"0" range:"0..65535" help:"So many ICMP errors in a row for voice packets end the call; 0 ignores them."`
	RTCPTxInterval      time.Duration `tag:"RTCP_Tx_Interval" default:"5" range:"0..255" help:"Time between voice quality reports (RTCP); 0 sends none."`
	SDPIPPreference     string        `tag:"SDP_IP_Preference" default:"IPv4" options:"IPv4|IPv6" help:"Address family offered first for voice."`
	CallStatistics      bool          `tag:"Call_Statistics" help:"Adds voice statistics to the messages that end or hold a call."`
	RTPBeforeACK        bool          `tag:"RTP_Before_ACK" help:"Starts to send voice when a call is answered, before the caller's ACK."`
	SSRCResetOnREINVITE bool          `tag:"SSRC_Reset_on_RE-INVITE" help:"Starts a new voice source with each change of a call."`

	AVTDynamicPayload      uint8         `tag:"AVT_Dynamic_Payload" section:"SDP Payload Types" default:"101" range:"96..127" help:"Payload type of telephone events (digits) at 8 kHz in our offers."`
	AVT16kHzDynamicPayload uint8         `tag:"AVT_16kHz_Dynamic_Payload" default:"107" range:"96..127" help:"Payload type of telephone events at 16 kHz in our offers."`
	AVT48kHzDynamicPayload uint8         `tag:"AVT_48kHz_Dynamic_Payload" default:"108" range:"96..127" help:"Payload type of telephone events at 48 kHz in our offers."`
	INFOREQDynamicPayload  string        `tag:"INFOREQ_Dynamic_Payload" type:"Optional" range:"96..127" help:"Kept for compatibility; no call uses it."`
	G7222DynamicPayload    uint8         `tag:"G722.2_Dynamic_Payload" default:"96" range:"96..127" help:"Payload type of AMR-WB, bandwidth-efficient, in our offers."`
	G7222OADynamicPayload  uint8         `tag:"G722.2_OA_Dynamic_Payload" default:"103" range:"96..127" help:"Payload type of AMR-WB, octet-aligned, in our offers."`
	ILBCDynamicPayload     uint8         `tag:"iLBC_Dynamic_Payload" default:"97" range:"96..127" help:"Payload type of iLBC with 20-ms frames in our offers."`
	ILBC30msDynamicPayload uint8         `tag:"iLBC_30ms_Dynamic_Payload" default:"105" range:"96..127" help:"Payload type of iLBC with 30-ms frames in our offers."`
	ISACDynamicPayload     uint8         `tag:"iSAC_Dynamic_Payload" default:"98" range:"96..127" help:"Payload type of iSAC in our offers."`
	OPUSDynamicPayload     uint8         `tag:"OPUS_Dynamic_Payload" default:"99" range:"96..127" help:"Payload type of Opus in our offers."`
	H264BP0DynamicPayload  uint8         `tag:"H264_BP0_Dynamic_Payload" default:"110" range:"96..127" help:"Payload type of H.264 baseline, packetization mode 0, in our offers."`
	H264BP1DynamicPayload  uint8         `tag:"H264_BP1_Dynamic_Payload" default:"111" range:"96..127" help:"Payload type of H.264 baseline, packetization mode 1, in our offers."`
	H264HPDynamicPayload   uint8         `tag:"H264_HP_Dynamic_Payload" default:"112" range:"96..127" help:"Payload type of H.264 high profile in our offers."`
	G711uCodecName         string        `tag:"G711u_Codec_Name" type:"Token" default:"PCMU" help:"Name of G.711 µ-law in session descriptions."`
	G711aCodecName         string        `tag:"G711a_Codec_Name" type:"Token" default:"PCMA" help:"Name of G.711 A-law in session descriptions."`
	G729aCodecName         string        `tag:"G729a_Codec_Name" type:"Token" default:"G729a" help:"Name of G.729A in session descriptions."`
	G729bCodecName         string        `tag:"G729b_Codec_Name" type:"Token" default:"G729ab" help:"Name of G.729AB in session descriptions."`
	G722CodecName          string        `tag:"G722_Codec_Name" type:"Token" default:"G722" help:"Name of G.722 in session descriptions."`
	G7222CodecName         string        `tag:"G722.2_Codec_Name" type:"Token" default:"AMR-WB" help:"Name of AMR-WB in session descriptions; case matters to peers."`
	ILBCCodecName          string        `tag:"iLBC_Codec_Name" type:"Token" default:"iLBC" help:"Name of iLBC in session descriptions; case matters to peers."`
	ISACCodecName          string        `tag:"iSAC_Codec_Name" type:"Token" default:"iSAC" help:"Name of iSAC in session descriptions; case matters to peers."`
	OPUSCodecName          string        `tag:"OPUS_Codec_Name" type:"Token" default:"OPUS" help:"Name of Opus in session descriptions; case matters to peers."`
	AVTCodecName           string        `tag:"AVT_Codec_Name" type:"Token" default:"telephone-event" help:"Name of telephone events in session descriptions."`
	HandleVIAReceived      bool          `tag:"Handle_VIA_received" section:"NAT Support Parameters" help:"Learns the phone's outside address from the received parameter of responses."`
	HandleVIARport         bool          `tag:"Handle_VIA_rport" help:"Learns the phone's outside port from the rport parameter of responses."`
	InsertVIAReceived      bool          `tag:"Insert_VIA_received" help:"Adds received to the Via of a response when the request came from another address."`
	InsertVIARport         bool          `tag:"Insert_VIA_rport" help:"Adds rport to the Via of a response even if it was not asked for."`
	SubstituteVIAAddr      bool          `tag:"Substitute_VIA_Addr" help:"Puts the outside address into Via."`
	SendRespToSrcPort      bool          `tag:"Send_Resp_To_Src_Port" help:"Sends responses to the port the request came from."`
	STUNEnable             bool          `tag:"STUN_Enable" help:"Asks STUN Server for the phone's outside address."`
	STUNTestEnable         bool          `tag:"STUN_Test_Enable" help:"Finds out the kind of NAT at start and logs it."`
	STUNServer             string        `tag:"STUN_Server" type:"Host" help:"STUN server, port 3478 unless given."`
	EXTIP                  string        `tag:"EXT_IP" type:"IP" help:"The phone's outside address where it is known and fixed; empty or 0.0.0.0 for none."`
	EXTRTPPortMin          uint16        `tag:"EXT_RTP_Port_Min" default:"0" help:"Outside port that stands for RTP Port Min; 0 for the same."`
	NATKeepAliveIntvl      time.Duration `tag:"NAT_Keep_Alive_Intvl" default:"15" range:"0..65535" help:"Time between packets that keep a NAT's mapping open."`
	RedirectKeepAlive      bool          `tag:"Redirect_Keep_Alive" help:"Sends keep-alive packets to the server a redirection named."`
}
