package config

import "time"

// Provisioning is the page of that name: where settings, firmware and certificates come from and where
// reports go. Reference H.7 and B.5.
type Provisioning struct {
	ProvisionEnable           bool          `tag:"Provision_Enable" section:"Configuration Profile" default:"Yes" help:"Master switch of all profile fetching, also by web command."`
	ResyncOnReset             bool          `tag:"Resync_On_Reset" default:"Yes" help:"Fetches the profile after a restart, except one caused by settings or an upgrade."`
	ResyncRandomDelay         int           `tag:"Resync_Random_Delay" default:"2" range:"0..65535" help:"Random wait after a restart before the first fetch, in units of 20 s."`
	ResyncAtHHmm              string        `tag:"Resync_At__HHmm_" label:"Resync At (HHmm)" type:"HHmm" help:"Daily time of a fetch; when set, Resync Periodic does not count."`
	ResyncAtRandomDelay       time.Duration `tag:"Resync_At_Random_Delay" default:"600" range:"0..65535" help:"Spreads the daily fetch of many phones over this time."`
	ResyncPeriodic            string        `tag:"Resync_Periodic" type:"Intervals" default:"3600" help:"Seconds between fetches: n, n+random, or a list whose last entry repeats; 0 or empty is off."`
	ResyncErrorRetryDelay     string        `tag:"Resync_Error_Retry_Delay" type:"Intervals" default:"60,120,240,480,960,1920,3840,7680,15360,30720,61440,86400" help:"Seconds before a failed fetch is tried again, as a list whose last entry repeats; 0 never."`
	ForcedResyncDelay         time.Duration `tag:"Forced_Resync_Delay" default:"14400" range:"0..65535" help:"Longest a fetch waits for all lines to be idle."`
	ResyncFromSIP             bool          `tag:"Resync_From_SIP" default:"Yes" help:"Lets a server ask for a fetch by SIP NOTIFY."`
	ResyncAfterUpgradeAttempt bool          `tag:"Resync_After_Upgrade_Attempt" default:"Yes" help:"Fetches the profile after any attempt to upgrade the firmware."`
	ResyncTrigger1            string        `tag:"Resync_Trigger_1" max:"255" help:"Condition that must hold for a fetch at start or in time, such as $PRVTMR gt 3600; empty always holds."`
	ResyncTrigger2            string        `tag:"Resync_Trigger_2" max:"255" help:"Second condition; a fetch needs one of the two."`
	UserConfigurableResync    bool          `tag:"User_Configurable_Resync" default:"Yes" help:"Shows Profile Rule in the menus of the phone's screen."`
	ResyncFailsOnFNF          bool          `tag:"Resync_Fails_On_FNF" default:"Yes" help:"Counts a profile that is not there as a failure; No counts it as a success."`
	ProfileAuthenticationType string        `tag:"Profile_Authentication_Type" default:"Basic Http Authentication" options:"Disabled|Basic Http Authentication|XSI Authentication" help:"Whether the phone's screen asks for a profile account, and of what kind."`
	ProfileRule               string        `tag:"Profile_Rule" type:"Rule" default:"/$PSN.xml" help:"Where the profile is fetched from: a URL with macros, options and conditions."`
	ProfileRuleB              string        `tag:"Profile_Rule_B" type:"Rule" help:"Second profile, applied after Profile Rule."`
	ProfileRuleC              string        `tag:"Profile_Rule_C" type:"Rule" help:"Third profile, applied after Profile Rule B."`
	ProfileRuleD              string        `tag:"Profile_Rule_D" type:"Rule" help:"Fourth profile, applied after Profile Rule C."`
	DHCPOptionToUse           string        `tag:"DHCP_Option_To_Use" type:"Numbers" range:"1..254" default:"66,160,159,150,60,43,125" help:"DHCP options searched for a profile server, in this order."`
	DHCPv6OptionToUse         string        `tag:"DHCPv6_Option_To_Use" type:"Numbers" range:"1..65535" default:"17,160,159" help:"DHCPv6 options searched for a profile server, in this order."`
	LogRequestMsg             string        `tag:"Log_Request_Msg" default:"$PN $MAC -- Requesting resync $SCHEME://$SERVIP:$PORT$PATH" help:"Log line when a fetch begins; empty logs none."`
	LogSuccessMsg             string        `tag:"Log_Success_Msg" default:"$PN $MAC -- Successful resync $SCHEME://$SERVIP:$PORT$PATH" help:"Log line when a profile was applied; empty logs none."`
	LogFailureMsg             string        `tag:"Log_Failure_Msg" default:"$PN $MAC -- Resync failed: $ERR" help:"Log line when a fetch failed; empty logs none."`
	IKMHTTPEncryptContent     Secret        `tag:"IKM_HTTP_Encrypt_Content" flags:"hidden" help:"Key material for profiles encrypted by RFC 8188; set by profile only and never shown."`
	DeviceConfigVersion       string        `tag:"Device_Config_Version" max:"64" help:"The provisioner's own version of the settings, shown with the product information."`

	ReportRule               string        `tag:"Report_Rule" section:"Upload Configuration Options" type:"Rule" help:"Where the phone sends its settings or status: one or two URLs with options, separated by a blank."`
	HTTPReportMethod         string        `tag:"HTTP_Report_Method" default:"POST" options:"POST|PUT" help:"HTTP method of reports."`
	ReportToServer           string        `tag:"Report_To_Server" default:"On Request" options:"On Request|On Local Change|Periodically|Never Report" help:"When reports are sent."`
	PeriodicUploadToServer   time.Duration `tag:"Periodic_Upload_To_Server" default:"3600" range:"600..259200" help:"Time between reports when they are sent periodically."`
	UploadDelayOnLocalChange time.Duration `tag:"Upload_Delay_On_Local_Change" default:"60" range:"10..900" help:"Wait after a local change, so that several make one report."`

	UpgradeEnable                bool   `tag:"Upgrade_Enable" section:"Firmware Upgrade" default:"Yes" help:"Allows firmware upgrades."`
	UpgradeErrorRetryDelay       string `tag:"Upgrade_Error_Retry_Delay" type:"Intervals" default:"3600" help:"Seconds before a failed upgrade is tried again, as a list whose last entry repeats."`
	UpgradeRule                  string `tag:"Upgrade_Rule" type:"Rule" help:"Where firmware is fetched from: a URL with macros and conditions; empty never upgrades."`
	LogUpgradeRequestMsg         string `tag:"Log_Upgrade_Request_Msg" default:"$PN $MAC -- Requesting upgrade $SCHEME://$SERVIP:$PORT$PATH" help:"Log line when an upgrade begins; empty logs none."`
	LogUpgradeSuccessMsg         string `tag:"Log_Upgrade_Success_Msg" default:"$PN $MAC -- Successful upgrade $SCHEME://$SERVIP:$PORT$PATH -- $ERR" help:"Log line when an upgrade is done; empty logs none."`
	LogUpgradeFailureMsg         string `tag:"Log_Upgrade_Failure_Msg" default:"$PN $MAC -- Upgrade failed: $ERR" help:"Log line when an upgrade failed; empty logs none."`
	PeerFirmwareSharing          bool   `tag:"Peer_Firmware_Sharing" default:"Yes" help:"Shares firmware images among phones of one network, where that is possible."`
	PeerFirmwareSharingLogServer string `tag:"Peer_Firmware_Sharing_Log_Server" type:"Host" help:"Where log lines of firmware sharing are sent (UDP)."`
	TransAuthRule                string `tag:"Trans_Auth_Rule" type:"Rule" help:"Kept for compatibility; this phone does not change its kind of firmware."`
	TransAuthType                string `tag:"Trans_Auth_Type" default:"Classic" options:"Classic|None" help:"Kept for compatibility; this phone does not change its kind of firmware."`

	CustomCARule string `tag:"Custom_CA_Rule" section:"CA Settings" type:"Rule" help:"URL of certificates the phone trusts besides the public ones."`

	HTTPUserAgentName string `tag:"HTTP_User_Agent_Name" section:"HTTP Settings" default:"$VERSION ($MA)" help:"User-Agent header of the phone's HTTP requests."`

	PRTUploadRule      string `tag:"PRT_Upload_Rule" section:"Problem Report Tool" type:"Rule" help:"URL problem reports are sent to; empty keeps them on the phone."`
	PRTUploadMethod    string `tag:"PRT_Upload_Method" default:"POST" options:"POST|PUT" help:"HTTP method of problem reports."`
	PRTMaxTimer        string `tag:"PRT_Max_Timer" type:"Optional" range:"15..1440" help:"Minutes between problem reports made without asking; empty makes none."`
	PRTName            string `tag:"PRT_Name" max:"127" help:"File name of problem reports, with macros such as $MA; empty takes one with the date."`
	PRTHTTPHeader      string `tag:"PRT_HTTP_Header" type:"Token" help:"Name of one HTTP header added to problem reports."`
	PRTHTTPHeaderValue string `tag:"PRT_HTTP_Header_Value" help:"Value of that HTTP header."`
	PRTUploadAtCrash   bool   `tag:"PRT_Upload_at_Crash" help:"Sends a problem report after the phone restarted by itself."`

	MICCertRefreshEnable bool   `tag:"MIC_Cert_Refresh_Enable" section:"MIC Cert Settings" help:"Kept for compatibility; this phone has no factory certificate to renew."`
	MICCertRefreshRule   string `tag:"MIC_Cert_Refresh_Rule" type:"Rule" default:"http://sudirenewal.cisco.com/" help:"Kept for compatibility; never fetched."`

	GPPA  string `tag:"GPP_A" section:"General Purpose Parameters" max:"1024" help:"Free text for macros in rules and names; profiles may test and use it."`
	GPPB  string `tag:"GPP_B" like:"GPP_A"`
	GPPC  string `tag:"GPP_C" like:"GPP_A"`
	GPPD  string `tag:"GPP_D" like:"GPP_A"`
	GPPE  string `tag:"GPP_E" like:"GPP_A"`
	GPPF  string `tag:"GPP_F" like:"GPP_A"`
	GPPG  string `tag:"GPP_G" like:"GPP_A"`
	GPPH  string `tag:"GPP_H" like:"GPP_A"`
	GPPI  string `tag:"GPP_I" like:"GPP_A"`
	GPPJ  string `tag:"GPP_J" like:"GPP_A"`
	GPPK  string `tag:"GPP_K" like:"GPP_A"`
	GPPL  string `tag:"GPP_L" like:"GPP_A"`
	GPPM  string `tag:"GPP_M" like:"GPP_A"`
	GPPN  string `tag:"GPP_N" like:"GPP_A"`
	GPPO  string `tag:"GPP_O" like:"GPP_A"`
	GPPP  string `tag:"GPP_P" like:"GPP_A"`
	GPPSA Secret `tag:"GPP_SA" max:"255" help:"Secret for the options --key, --uid and --pwd of rules."`
	GPPSB Secret `tag:"GPP_SB" like:"GPP_SA"`
	GPPSC Secret `tag:"GPP_SC" like:"GPP_SA"`
	GPPSD Secret `tag:"GPP_SD" like:"GPP_SA"`
}
