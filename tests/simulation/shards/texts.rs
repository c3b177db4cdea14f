//! Configurations that several tests use.

/// Terminals behind a NAC, and an issuer that answers.
pub const CARDS: &str = r#"
[switch]
shards = 2
admin = "off"

[[member]]
id = "nac"
profile = "terminal"
allow = ["127.0.0.1"]
header = "tpdu"
line = [ { listen = "127.0.0.1:7001" }, { listen = "127.0.0.1:7002" } ]

[[member]]
id = "issuer"
profile = "institution"
allow = ["127.0.0.1"]
header = "tpdu"
line = [ { listen = "127.0.0.1:7101" }, { listen = "127.0.0.1:7102" } ]

[[route]]
from = ["nac"]
to = ["issuer"]
match = { nii = ["0003"] }
"#;

/// A channel and a merchant whose frames go to each other; the switch is the merchant's client (`MC6-3.3`).
pub const SHOP: &str = r#"
[switch]
shards = 1
admin = "off"

[[member]]
id = "channel"
profile = "channel"
allow = ["127.0.0.1"]
line = [ { listen = "127.0.0.1:7301" } ]

[[member]]
id = "merchant"
profile = "merchant"
line = [ { connect = "127.0.0.1:7401" } ]

[[route]]
from = ["channel"]
to = ["merchant"]
"#;

/// An institution with a line in and a line out (`MP1-4.3.1a`), and its counterpart with duplex lines.
pub const SIMPLEX: &str = r#"
[switch]
shards = 1
admin = "off"

[[member]]
id = "bank"
profile = "institution"
allow = ["127.0.0.1"]
line = [
  { id = "bank-in", listen = "127.0.0.1:7501", flow = "receive" },
  { id = "bank-out", listen = "127.0.0.1:7502", flow = "send" },
]

[[member]]
id = "tv"
profile = "tv"
allow = ["127.0.0.1"]
line = [ { listen = "127.0.0.1:7601" } ]

[[route]]
from = ["bank"]
to = ["tv"]
"#;
