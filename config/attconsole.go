package config

import "time"

// AttConsole is the page of that name: watched lines and key expansion units. Reference H.10.
type AttConsole struct {
	SubscribeExpires       time.Duration `tag:"Subscribe_Expires" section:"General" default:"1800" range:"0..86400" help:"How long the subscription to a watched line lasts."`
	SubscribeRetryInterval time.Duration `tag:"Subscribe_Retry_Interval" default:"30" range:"0..65535" help:"Wait before subscribing to a watched line again after a failure."`
	NumberOfUnits          int           `tag:"Number_of_Units" default:"0" range:"0..3" help:"How many key expansion units are connected."`
	SubscribeDelay         time.Duration `tag:"Subscribe_Delay" default:"1" range:"0..65535" help:"Wait between the subscriptions to two watched lines."`
	ServerType             string        `tag:"Server_Type" default:"Broadsoft" options:"Broadsoft|SPA9000|Asterisk|RFC3265_4235|Sylantro" help:"Kind of server whose lines are watched."`
	BLFListURI             string        `tag:"BLF_List_URI" type:"URI" help:"Address of a list of lines to watch with one subscription."`
	BLFList                string        `tag:"BLF_List" default:"Show" options:"Show|Hide" help:"Gives free line keys to the lines of that list."`
	BLFListFeatureOptions  string        `tag:"BLF_List_Feature_Options" default:"blf+sd+cp" options:"blf+sd+cp|prk" help:"What those keys do."`
	BXferToStarcodeEnable  bool          `tag:"BXfer_To_Starcode_Enable" help:"Transfers by star code when a watched line's key is pressed during a call."`
	BXferOnSpeedDialEnable bool          `tag:"BXfer_On_Speed_Dial_Enable" default:"Yes" help:"Transfers the call when a speed dial key is pressed during it."`
	BLFLabelDisplayMode    string        `tag:"BLF_Label_Display_Mode" default:"Both" options:"Both|Name|Ext" help:"What the label of a watched line shows."`

	Unit [Units]Unit `section:"Unit n"`
}

// Unit is one key expansion unit.
type Unit struct {
	Key [UnitKeys]UnitKey
}

// UnitKey is what one key of an expansion unit does.
type UnitKey struct {
	Key       string `tag:"Unit_n_Key_m_" max:"255" help:"What this key does, as fnc=blf+sd;sub=200@$PROXY;nme=Bob."`
	ShortName string `tag:"Unit_n_Short_Name_m_" max:"63" help:"Label of this key."`
	Extension string `tag:"Unit_n_Extension_m_" max:"39" help:"Number or line of this key."`
}
