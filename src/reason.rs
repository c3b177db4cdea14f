//! Why something was refused, dropped or closed. Every reason is an enum value with the name under
//! which it is counted (INTERFACE: "Every frame received has exactly one fate").

macro_rules! reasons {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident => $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// Every value, in the order of its discriminant.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];
            pub const COUNT: usize = Self::ALL.len();

            /// The label value in metrics, events and the admin API.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            pub const fn index(self) -> usize {
                self as usize
            }
        }
    };
}

reasons! {
    /// Why a whole frame went nowhere (`frames_dropped_total{reason}`).
    Drop {
        NoRoute => "no_route",
        NoLine => "no_line",
        PendingFull => "pending_full",
        LineFull => "line_full",
        /// A request still queued when its deadline passed.
        Expired => "expired",
        /// An answer after its request's deadline.
        Late => "late",
        /// An answer for which nobody waits.
        Unmatched => "unmatched",
        /// An answer to another request than the one that its number stands for (`guard = true`).
        Guard => "guard",
        /// The line broke before the frame's last byte was given to the kernel, and no sibling took it.
        LineLost => "line_lost",
        HoldExpired => "hold_expired",
        /// The requester's group was removed by a reload.
        RequesterGone => "requester_gone",
        RequesterStalled => "requester_stalled",
        /// Larger than the receiving side's `max`.
        TooLarge => "too_large",
        BadHeader => "bad_header",
        ForeignSource => "foreign_source",
        /// An ISO 8583 message without any of its key fields, or with one that cannot be come to.
        KeyMissing => "key_missing",
        /// A request with the key of one that another requester waits for.
        KeyInUse => "key_in_use",
        /// A request that came before and still waits (`repeat = "drop"`).
        Repeat => "repeat",
        Draining => "draining",
        Memory => "memory",
    }
}

reasons! {
    /// Why a station got its frame back as a rejected message (`rejects_made_total{reason}`), and
    /// the key of `station_rejects` that has the code for it.
    Rejected {
        /// Nobody has the destination station.
        Unknown => "unknown",
        /// The destination station has no line up.
        Dead => "dead",
        /// The header's first byte is not 46.
        HeaderLength => "header_length",
        /// `station_strict`: the version is neither 1 nor 2.
        Version => "version",
        /// `station_strict`: the header's total length is not that of the frame.
        TotalLength => "total_length",
    }
}

reasons! {
    /// Why an answer that a broken line had taken, and its peer's TCP had not acknowledged, did not
    /// go out again (`answers_resend_failed_total{reason}`).
    ResendFailed {
        /// Its request's deadline had passed.
        Late => "late",
        /// No line of the group came up within `hold_answer`.
        HoldExpired => "hold_expired",
        /// The requester's group was removed by a reload.
        RequesterGone => "requester_gone",
        /// The line that should have carried it broke as well, and it was not whole any more.
        LineLost => "line_lost",
        /// Memory had run short: it was not kept, or there was none to queue it again.
        Memory => "memory",
    }
}

reasons! {
    /// Why bytes never became a frame (`frames_malformed_total{reason}`); the connection is closed.
    Malformed {
        LengthDigits => "length_digits",
        LengthLimit => "length_limit",
        Partial => "partial",
        WrongDirection => "wrong_direction",
    }
}

reasons! {
    /// Why a connection was reset before a byte of it was read (`connections_refused_total{reason}`).
    Refusal {
        NotAllowed => "not_allowed",
        Occupied => "occupied",
        Limit => "limit",
        Disabled => "disabled",
        Stopping => "stopping",
    }
}

reasons! {
    /// Why an established connection ended (`connections_closed_total{reason}`), or an attempt to
    /// connect failed (`line_state_changes_total{cause}`, `last_error`).
    Closed {
        /// The peer sent FIN.
        Peer => "peer_closed",
        /// The peer, or something between, sent RST.
        Reset => "reset",
        /// Nothing received for `silent_after` (`MC6-5.4.1`).
        Silent => "silent",
        /// The peer's TCP took nothing for `unread_within`.
        Stalled => "stalled",
        /// A frame begun and not completed for `partial_within`.
        Partial => "partial",
        LengthDigits => "length_digits",
        LengthLimit => "length_limit",
        WrongDirection => "wrong_direction",
        /// An allowed newcomer took its place (`second = "replace"`, or the old one had ended).
        Replaced => "replaced",
        /// Drained by the operator, a reload or a stop.
        Drained => "drained",
        /// `drain_within` passed first.
        DrainTimeout => "drain_timeout",
        /// Another line of its group broke (`on_line_loss = "reset_group"`).
        GroupReset => "group_reset",
        /// The network gave up (ETIMEDOUT, EHOSTUNREACH on an established connection).
        Network => "network",
        /// `MC6-5.1`: no answer to the connect request within `connect_within`.
        ConnectTimeout => "connect_timeout",
        /// `MC6-5.1`: the connect request was refused by a reset.
        ConnectRefused => "connect_refused",
        /// `MC6-5.1`: host or network unreachable, or prohibited on the way.
        ConnectUnreachable => "connect_unreachable",
        /// The connect failed in this host: no free port, no such local address.
        ConnectLocal => "connect_local",
    }
}

impl From<Drop> for ResendFailed {
    /// What ends an answer for good ends one that is sent again.
    fn from(reason: Drop) -> Self {
        match reason {
            Drop::Late | Drop::Expired => Self::Late,
            Drop::HoldExpired => Self::HoldExpired,
            Drop::RequesterGone | Drop::NoRoute => Self::RequesterGone,
            Drop::Memory => Self::Memory,
            _ => Self::LineLost,
        }
    }
}

impl Closed {
    /// Whether the line was lost: it was up, and nobody on our side meant it to end.
    pub const fn is_loss(self) -> bool {
        match self {
            Self::Peer
            | Self::Reset
            | Self::Silent
            | Self::Stalled
            | Self::Partial
            | Self::LengthDigits
            | Self::LengthLimit
            | Self::WrongDirection
            | Self::Replaced
            | Self::Network => true,
            Self::Drained
            | Self::DrainTimeout
            | Self::GroupReset
            | Self::ConnectTimeout
            | Self::ConnectRefused
            | Self::ConnectUnreachable
            | Self::ConnectLocal => false,
        }
    }
}
