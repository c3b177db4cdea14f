//! The standards' line types: what one word on a member stands for.

use super::plan::{Flow, Profile};
use crate::frame::{Framing, Prefix};

impl Profile {
    pub const ALL: [Self; 5] = [Self::Terminal, Self::Channel, Self::Merchant, Self::Institution, Self::Tv];

    /// The word in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Terminal => "terminal",
            Self::Channel => "channel",
            Self::Merchant => "merchant",
            Self::Institution => "institution",
            Self::Tv => "tv",
        }
    }

    /// `MC6-5.2` (two bytes for terminals, four digits for the others), `MP1-4.5.4`, `TV4`.
    pub const fn framing(self) -> Framing {
        match self {
            Self::Terminal => Framing { prefix: Prefix::Bin2, max: 2048 },
            Self::Channel | Self::Merchant => Framing { prefix: Prefix::Ascii4, max: 9999 },
            Self::Institution | Self::Tv => Framing { prefix: Prefix::Ascii4, max: 2044 },
        }
    }

    /// Whether we send probes on a line of this flow. A line that only receives never carries one.
    pub const fn probes(self, flow: Flow) -> bool {
        !matches!(self, Self::Terminal) && flow.sends()
    }

    /// Whether something must arrive within `silent_after`. On a line that only sends nothing ever
    /// does; a dead duplex peer of an institution shows by probes that its TCP never acknowledges.
    pub const fn expects(self, flow: Flow) -> bool {
        match self {
            Self::Institution => matches!(flow, Flow::Receive),
            _ => flow.receives(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn institutions_watch_each_direction_by_itself() {
        let institution = Profile::Institution;
        assert!(institution.probes(Flow::Send) && institution.probes(Flow::Duplex));
        assert!(!institution.probes(Flow::Receive));
        assert!(institution.expects(Flow::Receive));
        assert!(!institution.expects(Flow::Duplex) && !institution.expects(Flow::Send));
    }

    #[test]
    fn terminals_are_never_probed() {
        for flow in [Flow::Duplex, Flow::Receive, Flow::Send] {
            assert!(!Profile::Terminal.probes(flow));
        }
        assert!(Profile::Terminal.expects(Flow::Duplex));
    }

    #[test]
    fn no_profile_allows_more_than_its_prefix_can_say() {
        for profile in Profile::ALL {
            let framing = profile.framing();
            assert!(usize::from(framing.max) <= framing.prefix.limit());
        }
    }
}
