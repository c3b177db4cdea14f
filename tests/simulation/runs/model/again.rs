//! Answers that a broken connection had been given: which must go again, and which may.

use super::super::message::Id;
use super::{Begun, Model};
use crate::fake::Id as Socket;

impl Model {
    /// Whether the peer may not have all of it, as far as the switch could know. What was acknowledged is looked at
    /// every now and then: the look before the last was before the end of a connection that ends now.
    pub(super) fn may_be_missing(&self, begun: &Begun) -> bool {
        let wire = &self.wires[&begun.wire];
        let resends = self.casts.iter().any(|(_, cast)| cast.members[wire.key.0].resends);
        begun.end.is_none_or(|end| resends && end > wire.acknowledged[1])
    }

    /// The descriptor is closed, and the peer's TCP has acknowledged so many bytes. What is beyond goes out again,
    /// unless the kernel goes on with it (after a FIN of ours), or there is a reason.
    pub(super) fn must_go_again(&mut self, socket: Socket, acknowledged: u64) {
        let wire = self.wires.get_mut(&socket).expect("the caller looked");
        let (answers, key) = (std::mem::take(&mut wire.answers), wire.key);
        let (finished, up_at) = (wire.finished, wire.up_at.unwrap_or(0));
        if finished || !self.casts_since(up_at).all(|cast| cast.members[key.0].resends) {
            return;
        }
        let queue = self.cast().settings.answer_queue;
        for (id, end) in answers {
            let message = self.messages.get_mut(&id).expect("it was given");
            // It may have gone already: its last attempt is another then.
            let here = message.begun.last().is_some_and(|begun| begun.wire == socket);
            if end <= acknowledged || !message.done || !here {
                continue;
            }
            message.done = false;
            let excuse = if self.stopping {
                Some("the process stops")
            } else if self.health.tight_at.is_some() {
                Some("memory was short, and it may not have been kept")
            } else if self.health.members[key.0].answer_bytes >= queue / 2 {
                Some("its requester takes no answers")
            } else {
                None
            };
            let message = self.messages.get_mut(&id).expect("it was given");
            message.excused = message.excused.or(excuse);
            message.missing_since = Some(self.kernel.now().0);
            self.waits_again(id);
        }
    }

    /// One answer a request: where two came in at the same time on two shards, which of them is the first is theirs to
    /// say, and the one that is sent on has said it.
    pub(super) fn excuse_other_answers(&mut self, request: Id, sent_on: Id) {
        for id in self.messages[&request].answers.clone() {
            let answer = self.messages.get_mut(&id).expect("it was sent");
            if id != sent_on && answer.whole_at.is_some() {
                answer.excuse("another answer was sent on");
            }
        }
    }

    pub(super) fn waits_again(&mut self, id: Id) {
        let message = &self.messages[&id];
        let (bytes, to) = (message.whole.len() as u64, message.to.first().copied());
        self.waiting.insert(id);
        if let Some(to) = to {
            self.health.members[to].answer_bytes += bytes;
        }
    }
}
