//! Whether the switch lives, and whether it can carry what the routes promise.

use crate::config::plan::{Plan, Ways};
use crate::ids::GroupId;
use crate::metrics::snapshot::ShardFacts;
use crate::time::Span;

/// An idle shard wakes once a second by itself, so one that has not turned for this long is stuck.
pub const TURN_WITHIN: Span = Span::from_secs(3);

/// The shards that do not turn, in words; empty if all do.
pub fn stuck(shards: &[ShardFacts]) -> Vec<String> {
    let ails = |(number, shard): (usize, &ShardFacts)| match shard.last_turn_ago {
        None => Some(format!("shard {number} has not turned yet")),
        Some(ago) if ago > TURN_WITHIN => Some(format!("shard {number} has not turned for {:.1} s", ago.as_secs_f64())),
        Some(_) => None,
    };
    shards.iter().enumerate().filter_map(ails).collect()
}

/// The routes none of whose destinations is live, in words; empty if all can carry.
pub fn not_ready(plan: &Plan, live: impl Fn(GroupId) -> bool) -> Vec<String> {
    let mut routes = Vec::new();
    for group in plan.groups.iter().flatten() {
        match &group.ways {
            // Of the two sides of a pair, the one that a route leads to must be there.
            Ways::Pair { to } if plan.group(*to).is_some_and(|to| to.answers) => routes.push((group, vec![*to])),
            Ways::Tpdu(ways) => routes.extend(ways.routes.iter().map(|route| (group, route.to.clone()))),
            Ways::Iso8583(ways) if !ways.to.is_empty() => routes.push((group, ways.to.clone())),
            Ways::Pair { .. } | Ways::Nowhere | Ways::Station(_) | Ways::Iso8583(_) => {}
        }
    }
    let dead = routes.into_iter().filter(|(_, to)| !to.iter().any(|id| live(*id)));
    dead.map(|(from, to)| {
        let names: Vec<_> = to.iter().map(|id| name(plan, *id)).collect();
        format!("{}/{}: nobody is live of {}", from.member_name, from.name, names.join(", "))
    })
    .collect()
}

fn name(plan: &Plan, id: GroupId) -> String {
    plan.group(id)
        .map_or_else(|| "a group that is gone".to_owned(), |group| format!("{}/{}", group.member_name, group.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::plan::{TpduAnswers, TpduRoute, TpduWays};
    use crate::control::testing::{group, plan};

    #[test]
    fn a_shard_that_sleeps_too_long_is_named() {
        let turned = |ago| ShardFacts { last_turn_ago: ago, ..ShardFacts::default() };
        let shards = [turned(Some(TURN_WITHIN)), turned(Some(Span::from_millis(4_200))), turned(None)];
        assert_eq!(stuck(&shards), ["shard 1 has not turned for 4.2 s", "shard 2 has not turned yet"]);
        assert!(stuck(&shards[..1]).is_empty());
    }

    fn routed() -> Plan {
        let route =
            |nii: &[u16], to: &[u32]| TpduRoute { nii: nii.to_vec(), to: to.iter().map(|id| GroupId(*id)).collect() };
        let ways = TpduWays {
            ids: vec![0x60],
            answers: TpduAnswers::Auto,
            digits: false,
            guard: false,
            reserved: vec![3],
            routes: vec![route(&[3], &[1, 2]), route(&[], &[2])],
        };
        let mut plan = plan(&[]);
        plan.groups.clear();
        for (id, member, ways, answers) in [
            (0, "nac", Ways::Tpdu(Box::new(ways)), false),
            (1, "issuer", Ways::Nowhere, true),
            (2, "bureau", Ways::Nowhere, true),
            (3, "shop", Ways::Pair { to: GroupId(4) }, false),
            (4, "bank", Ways::Pair { to: GroupId(3) }, true),
        ] {
            plan.groups.push(Some(group(id, member, ways, answers)));
        }
        plan
    }

    #[test]
    fn a_route_is_ready_while_one_of_its_destinations_is_live() {
        let plan = routed();
        assert!(not_ready(&plan, |id| [2, 4].contains(&id.0)).is_empty(), "requesters need not be there");
        assert_eq!(not_ready(&plan, |id| [1, 4].contains(&id.0)), ["nac/main: nobody is live of bureau/main"]);
        assert_eq!(
            not_ready(&plan, |_| false),
            [
                "nac/main: nobody is live of issuer/main, bureau/main",
                "nac/main: nobody is live of bureau/main",
                "shop/main: nobody is live of bank/main",
            ]
        );
    }
}
