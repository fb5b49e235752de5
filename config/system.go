package config

import "time"

// System is the page of that name: the web server, security and the network. Reference H.8.
type System struct {
	RestrictedAccessDomains string        `tag:"Restricted_Access_Domains" section:"System Configuration" max:"512" help:"Comma list of domains; when set, profiles, upgrades, reports and CA files are fetched from these only."`
	EnableWebServer         bool          `tag:"Enable_Web_Server" default:"Yes" access:"rw" help:"Serves the phone's web page and API; No closes the port."`
	EnableProtocol          string        `tag:"Enable_Protocol" default:"Http" options:"Http|Https" help:"Whether the web page is served plain or encrypted."`
	EnableDirectActionUrl   bool          `tag:"Enable_Direct_Action_Url" default:"Yes" help:"Allows the addresses /admin/resync, /admin/reboot and the like."`
	SessionMaxTimeout       time.Duration `tag:"Session_Max_Timeout" default:"3600" help:"Longest a web login lasts before the password is asked again."`
	SessionIdleTimeout      time.Duration `tag:"Session_Idle_Timeout" default:"3600" help:"How long an unused web login lasts."`
	WebServerPort           uint16        `tag:"Web_Server_Port" default:"80" range:"1..65535" access:"rw" help:"TCP port of the web page."`
	EnableWebAdminAccess    bool          `tag:"Enable_Web_Admin_Access" default:"Yes" help:"Allows the administrator's pages; once No, only a factory reset brings them back."`
	AdminPassword           Secret        `tag:"Admin_Password" min:"4" empty:"keep" help:"Password of the login admin; without one the phone makes a random one at its first start."`
	UserPassword            Secret        `tag:"User_Password" min:"4" access:"rw" help:"Password of the login user; empty locks that login."`
	PhoneUIReadonly         bool          `tag:"Phone-UI-readonly" help:"Makes the settings menus on the phone's screen read-only."`
	PhoneUIUserMode         bool          `tag:"Phone-UI-User-Mode" help:"Applies the user's access rights (ua) to the menus on the phone's screen too."`
	UserPasswordPrompt      bool          `tag:"User_Password_Prompt" default:"Yes" help:"Asks for a user password at the first start."`
	BlockNonproxySIP        bool          `tag:"Block_Nonproxy_SIP" default:"Yes" help:"Answers new SIP requests from the line's own servers only; No answers anyone, for laboratories."`
	SurvivabilityTestMode   bool          `tag:"Survivability_Test_Mode" help:"Uses the survivability proxies although the normal servers work, for a test."`

	PoEPowerRequired string `tag:"PoE_Power_Required" section:"Power Settings" default:"Normal" options:"Normal|Maximum" help:"Power class asked of a PoE switch, where the hardware has a say."`

	IPMode string `tag:"IP_Mode" section:"Network Settings" default:"Dual Mode" access:"rw" options:"IPv4 Only|IPv6 Only|Dual Mode" help:"Address families the phone uses."`

	ConnectionType string `tag:"Connection_Type" section:"IPv4 Settings" default:"DHCP" access:"rw" options:"DHCP|Static IP" help:"Where the IPv4 address comes from."`
	StaticIP       string `tag:"Static_IP" type:"IPv4" access:"rw" help:"IPv4 address when Connection Type is Static IP."`
	NetMask        string `tag:"NetMask" type:"IPv4" access:"rw" help:"IPv4 network mask of the static address."`
	Gateway        string `tag:"Gateway" type:"IPv4" access:"rw" help:"IPv4 default router of the static address."`
	PrimaryDNS     string `tag:"Primary_DNS" type:"IP" access:"rw" help:"First DNS server set by hand."`
	SecondaryDNS   string `tag:"Secondary_DNS" type:"IP" access:"rw" help:"Second DNS server set by hand."`

	IPv6ConnectionType string `tag:"IPv6_Connection_Type" section:"IPv6 Settings" default:"DHCP" access:"rw" options:"DHCP|Static IP" help:"Where the IPv6 address comes from."`
	IPv6StaticIP       string `tag:"IPv6_Static_IP" type:"IPv6" access:"rw" help:"IPv6 address when IPv6 Connection Type is Static IP."`
	PrefixLength       int    `tag:"Prefix_Length" default:"1" range:"1..128" access:"rw" help:"Prefix length of the static IPv6 address."`
	IPv6Gateway        string `tag:"IPv6_Gateway" type:"IPv6" access:"rw" help:"IPv6 default router of the static address."`
	IPv6PrimaryDNS     string `tag:"IPv6_Primary_DNS" type:"IPv6" access:"rw" help:"First DNS server reached by IPv6, set by hand."`
	IPv6SecondaryDNS   string `tag:"IPv6_Secondary_DNS" type:"IPv6" access:"rw" help:"Second DNS server reached by IPv6, set by hand."`
	BroadcastEcho      string `tag:"Broadcast_Echo" default:"Disabled" access:"rw" options:"Disabled|Enabled" help:"Answers pings sent to the all-nodes multicast address."`
	AutoConfig         string `tag:"Auto_Config" default:"Enabled" access:"rw" options:"Disabled|Enabled" help:"Takes addresses from router advertisements."`

	Enable8021XAuthentication bool `tag:"Enable_802.1X_Authentication" section:"802.1X Authentication" access:"rw" help:"Authenticates the wired port to the switch (EAP)."`

	HostName                          string        `tag:"Host_Name" section:"Optional Network Configuration" type:"Token" access:"rw" help:"Name the phone gives itself in DHCP."`
	Domain                            string        `tag:"Domain" type:"Host" access:"rw" help:"DNS domain of the phone; appended to names without a dot."`
	DNSServerOrder                    string        `tag:"DNS_Server_Order" default:"Manual,DHCP" access:"rw" options:"Manual|Manual,DHCP|DHCP,Manual" help:"Which DNS servers are asked first: those set by hand or those of DHCP."`
	DNSQueryMode                      string        `tag:"DNS_Query_Mode" default:"Parallel" access:"rw" options:"Parallel|Sequential" help:"Asks all DNS servers together, or one after the other."`
	DNSCachingEnable                  bool          `tag:"DNS_Caching_Enable" default:"Yes" access:"rw" help:"Keeps DNS answers for their time to live, and past it while no server answers."`
	SwitchPortConfig                  string        `tag:"Switch_Port_Config" default:"AUTO" access:"rw" options:"AUTO|10 HALF|10 FULL|100 HALF|100 FULL|1000 FULL" help:"Speed and duplex of the network port."`
	PCPortConfig                      string        `tag:"PC_Port_Config" default:"AUTO" access:"rw" options:"AUTO|10 HALF|10 FULL|100 HALF|100 FULL|1000 FULL" help:"Speed and duplex of the port for a computer, where there is one."`
	PCPORTEnable                      bool          `tag:"PC_PORT_Enable" default:"Yes" access:"rw" help:"Opens the port for a computer, where there is one."`
	EnablePCPortMirror                bool          `tag:"Enable_PC_Port_Mirror" access:"rw" help:"Copies the phone's traffic to the computer's port, for captures."`
	SyslogServer                      string        `tag:"Syslog_Server" type:"Host" help:"Where log lines are sent (UDP, port 514 unless given)."`
	SyslogIdentifier                  string        `tag:"Syslog_Identifier" default:"None" options:"None|$MA|$MAU|$MAC|$SN" help:"What identifies the phone in each log line sent."`
	DebugLevel                        string        `tag:"Debug_Level" default:"NOTICE" options:"EMERGENCY|ALERT|CRITICAL|ERROR|WARNING|NOTICE|INFO|DEBUG" help:"Least important log lines that are still sent."`
	PrimaryNTPServer                  string        `tag:"Primary_NTP_Server" type:"Host" access:"rw" help:"Time server asked first; empty takes the one of DHCP."`
	SecondaryNTPServer                string        `tag:"Secondary_NTP_Server" type:"Host" access:"rw" help:"Time server asked when the first does not answer."`
	EnableSSLv3                       bool          `tag:"Enable_SSLv3" help:"Kept for old profiles; this phone speaks TLS 1.2 or later only."`
	UseConfigTOS                      bool          `tag:"Use_Config_TOS" help:"Marks packets with the TOS values of the Ext pages instead of the built-in ones."`
	ProxyMode                         string        `tag:"Proxy_Mode" section:"HTTP Proxy Settings" default:"Off" access:"rw" options:"Auto|Manual|Off" help:"Whether provisioning goes through an HTTP proxy, and where that is named."`
	PACURL                            string        `tag:"PAC_URL" type:"URL" access:"rw" help:"Proxy auto-configuration file for Proxy Mode Auto."`
	UseAutoDiscoveryWPAD              bool          `tag:"Use_Auto_Discovery__WPAD_" label:"Use Auto Discovery (WPAD)" default:"Yes" access:"rw" help:"Looks for the auto-configuration file by WPAD."`
	ProxyHost                         string        `tag:"Proxy_Host" type:"Host" access:"rw" help:"HTTP proxy for Proxy Mode Manual."`
	ProxyPort                         uint16        `tag:"Proxy_Port" default:"3128" access:"rw" help:"Port of the HTTP proxy."`
	ProxyServerRequiresAuthentication bool          `tag:"Proxy_Server_Requires_Authentication" access:"rw" help:"Gives the HTTP proxy a name and password."`
	ProxyUsername                     string        `tag:"Proxy_Username" max:"127" access:"rw" help:"Name given to the HTTP proxy."`
	ProxyPassword                     Secret        `tag:"Proxy_Password" access:"rw" help:"Password given to the HTTP proxy."`
	EnableVLAN                        bool          `tag:"Enable_VLAN" section:"VLAN Settings" access:"rw" help:"Tags the phone's packets with VLAN ID (802.1Q)."`
	VLANID                            int           `tag:"VLAN_ID" default:"1" range:"0..4095" access:"rw" help:"Voice VLAN when Enable VLAN is Yes."`
	PCPortVLANID                      int           `tag:"PC_Port_VLAN_ID" default:"1" range:"0..4095" access:"rw" help:"VLAN of the computer's port, where there is one."`
	EnableCDP                         bool          `tag:"Enable_CDP" default:"Yes" access:"rw" help:"Learns the voice VLAN by CDP."`
	EnableLLDPMED                     bool          `tag:"Enable_LLDP-MED" default:"Yes" access:"rw" help:"Learns the voice VLAN and power by LLDP-MED."`
	NetworkStartupDelay               time.Duration `tag:"Network_Startup_Delay" default:"3" range:"1..300" access:"rw" help:"Wait for the switch before the first LLDP frame."`
	DHCPVLANOption                    string        `tag:"DHCP_VLAN_Option" type:"Optional" range:"128..149,151..158,161..254" help:"DHCP option that names the voice VLAN, 132 as a rule; empty uses none."`
	AssetID                           string        `tag:"Asset_ID" section:"Inventory Settings" max:"127" help:"Inventory number reported by LLDP-MED."`
	Firewall                          string        `tag:"Firewall" section:"Security Settings" default:"Enabled" options:"Enabled|Disabled" help:"Drops packets to ports the phone has not opened."`
	FirewallConfig                    string        `tag:"Firewall_Config" max:"255" help:"Exceptions, such as NO_ICMP_PING, TCP:8080 or UDP:5000:5010, separated by commas."`
	FIPSMODE                          bool          `tag:"FIPS_MODE" help:"Limits encryption to the algorithms FIPS 140 approves."`
	TLSCipherList                     string        `tag:"TLS_Cipher_List" max:"512" help:"Ciphers of outgoing TLS connections in OpenSSL's notation; empty takes the safe defaults."`
	TLSClientMinVersion               string        `tag:"TLS_Client_Min_Version" default:"TLS 1.2" options:"TLS 1.0|TLS 1.1|TLS 1.2|TLS 1.3" help:"Oldest TLS version accepted from servers; below 1.2 is treated as 1.2."`
	TLSServerMinVersion               string        `tag:"TLS_Server_Min_Version" default:"TLS 1.2" options:"TLS 1.0|TLS 1.1|TLS 1.2|TLS 1.3" help:"Oldest TLS version accepted from web clients; below 1.2 is treated as 1.2."`
}
