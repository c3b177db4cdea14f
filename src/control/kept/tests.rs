use std::path::Path;

use super::*;
use crate::config::plan::{TpduAnswers, TpduWays, Ways};
use crate::control::reload::publish_first;
use crate::control::testing::{address, bind_but, group, listening, plan};
use crate::ids::{GroupId, LineId};
use crate::shared::response_table::{Claimer, Waiting};
use crate::time::{Instant, Span};

/// Numbers of a chunk, and how many of them a mark is ahead.
const CHUNK: u32 = 256;
const AHEAD: u64 = 32;

fn answering(member: &str) -> Arc<Group> {
    let ways = TpduWays {
        ids: vec![0x60],
        answers: TpduAnswers::Auto,
        digits: false,
        guard: false,
        reserved: Vec::new(),
        routes: Vec::new(),
    };
    group(0, member, Ways::Tpdu(Box::new(ways)), true)
}

/// A plan of one answering group, `host/main`, and these lines.
fn plan_of(lines: &[Line]) -> Plan {
    let mut plan = plan(lines);
    plan.groups = vec![Some(answering("host"))];
    plan
}

fn keeper(folder: &Path) -> Arc<Keeper> {
    Arc::new(Keeper::open(Folder::take(folder).expect("nobody else's")).expect("writable"))
}

/// A switch with that folder, as it is when its shards are about to begin.
fn begin(folder: &Path, plan: Plan) -> (Arc<World>, Arc<Keeper>) {
    let opening = publish_first(Arc::new(plan), &*bind_but(0), "f", Some(keeper(folder))).expect("begins");
    (opening.world, opening.keeper.expect("as given"))
}

fn table(world: &World) -> Arc<ResponseTable> {
    world.current().group(GroupId(0)).expect("there").responses.clone().expect("it answers")
}

fn written(folder: &Path) -> Record {
    Record::read(&std::fs::read_to_string(folder.join("state.toml")).expect("written")).expect("sound")
}

fn mark(folder: &Path) -> u16 {
    written(folder).marks["host/main"]
}

/// Gives out so many numbers, each answered at once.
fn use_up(table: &ResponseTable, hand: &mut Claimer, numbers: u32) {
    let waiting = Waiting { line: LineId(0), address: 1, nii: 3, deadline: Instant(0) + Span::from_secs(60) };
    for _ in 0..numbers {
        let number = table.claim(hand, waiting, Instant(1)).expect("a free number");
        table.release(hand, number, Instant(1)).expect("it waits");
    }
}

fn start_of(table: &ResponseTable) -> u16 {
    table.number_at(table.position())
}

#[test]
fn the_first_mark_is_on_the_disk_before_a_number_is_given_out() {
    let folder = tempfile::tempdir().unwrap();
    let (world, _keeper) = begin(folder.path(), plan_of(&[]));
    let table = table(&world);
    assert_eq!(mark(folder.path()), table.number_at(table.position() + AHEAD));
}

#[test]
fn the_mark_moves_on_when_half_of_what_it_is_ahead_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let (world, keeper) = begin(folder.path(), plan_of(&[]));
    let (table, mut hand) = (table(&world), Claimer::default());
    let (first, published) = (mark(folder.path()), world.current());
    use_up(&table, &mut hand, CHUNK * 15);
    assert!(!keeper.is_due(&published), "half is left");
    use_up(&table, &mut hand, CHUNK * 3);
    assert!(keeper.is_due(&published));
    keeper.write(&published, Ahead::Reserve).expect("a disk");
    assert!(!keeper.is_due(&published));
    assert_ne!(mark(folder.path()), first);
    assert_eq!(mark(folder.path()), table.number_at(table.position() + AHEAD));
}

#[test]
fn a_run_begins_at_the_mark_of_one_that_was_killed() {
    let folder = tempfile::tempdir().unwrap();
    let (world, keeper) = begin(folder.path(), plan_of(&[]));
    use_up(&table(&world), &mut Claimer::default(), 100);
    let mark = mark(folder.path());
    drop((world, keeper));
    let (world, _keeper) = begin(folder.path(), plan_of(&[]));
    assert_eq!(start_of(&table(&world)), mark);
}

#[test]
fn after_an_orderly_stop_no_number_is_skipped_but_the_rest_of_a_chunk() {
    let folder = tempfile::tempdir().unwrap();
    let (world, keeper) = begin(folder.path(), plan_of(&[]));
    let table_before = table(&world);
    use_up(&table_before, &mut Claimer::default(), CHUNK + 1);
    let next = start_of(&table_before);
    keeper.write(&world.current(), Ahead::Nothing).expect("a disk");
    drop((world, keeper));
    let (world, _keeper) = begin(folder.path(), plan_of(&[]));
    assert_eq!(start_of(&table(&world)), next);
}

#[test]
fn a_group_that_is_not_configured_for_a_while_keeps_its_mark() {
    let folder = tempfile::tempdir().unwrap();
    drop(begin(folder.path(), plan_of(&[])));
    let mark = mark(folder.path());
    drop(begin(folder.path(), plan(&[])));
    let (world, _keeper) = begin(folder.path(), plan_of(&[]));
    assert_eq!(start_of(&table(&world)), mark);
}

#[test]
fn a_table_that_was_made_anew_is_written_whatever_the_old_one_had_reached() {
    let folder = tempfile::tempdir().unwrap();
    let (world, keeper) = begin(folder.path(), plan_of(&[]));
    let other = publish_first(Arc::new(plan_of(&[])), &*bind_but(0), "f", None).expect("begins").world;
    assert!(keeper.is_due(&other.current()));
    assert!(!keeper.is_due(&world.current()));
}

fn disabled(world: &World, name: &str) -> bool {
    let published = world.current();
    let line = published.plan.lines.iter().flatten().find(|line| *line.name == *name).expect("configured");
    published.line(line.id).expect("it has state").status.is_disabled_by_hand()
}

fn disable(world: &World, keeper: &Keeper, name: &str) {
    let published = world.current();
    let line = published.plan.lines.iter().flatten().find(|line| *line.name == *name).expect("configured");
    published.line(line.id).expect("it has state").status.set_disabled_by_hand(true);
    keeper.note_change();
    keeper.write(&published, Ahead::Reserve).expect("a disk");
}

#[test]
fn a_disabled_line_is_known_again_by_its_name_or_else_by_its_address() {
    let folder = tempfile::tempdir().unwrap();
    let (world, keeper) =
        begin(folder.path(), plan_of(&[listening("named", 1), listening("member-2", 2), listening("member-3", 3)]));
    disable(&world, &keeper, "named");
    disable(&world, &keeper, "member-3");
    drop((world, keeper));
    // The named one has moved, and of the others the first is gone: what was member-3 is member-2 now.
    let lines = [listening("named", 9), listening("member-2", 3), listening("member-3", 4)];
    let (world, keeper) = begin(folder.path(), plan_of(&lines));
    assert!(disabled(&world, "named") && disabled(&world, "member-2"));
    assert!(!disabled(&world, "member-3"));
    drop((world, keeper));
    // The operator has given it a name since.
    let (world, _keeper) = begin(folder.path(), plan_of(&[listening("new", 3)]));
    assert!(disabled(&world, "new"));
}

#[test]
fn a_disabled_line_that_is_missing_at_a_start_is_not_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let (world, keeper) = begin(folder.path(), plan_of(&[listening("a", 1)]));
    disable(&world, &keeper, "a");
    drop((world, keeper));
    let (world, keeper) = begin(folder.path(), plan_of(&[]));
    assert_eq!(written(folder.path()).disabled.len(), 1);
    // It comes back by a reload.
    let next = publish_first(Arc::new(plan_of(&[listening("a", 1)])), &*bind_but(0), "f", None).expect("begins").world;
    keeper.settle_lines(&next.current());
    assert!(disabled(&next, "a"));
    keeper.write(&next.current(), Ahead::Reserve).expect("a disk");
    assert_eq!(written(folder.path()).disabled.len(), 1, "once");
    drop((world, keeper));
    drop(begin(folder.path(), plan_of(&[listening("a", 1)])));
}

#[test]
fn a_line_that_a_reload_removes_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let (world, keeper) = begin(folder.path(), plan_of(&[listening("a", 1), listening("b", 2)]));
    disable(&world, &keeper, "a");
    disable(&world, &keeper, "b");
    assert!(forget_removed(&world.current(), &plan_of(&[listening("b", 2)])));
    assert!(!disabled(&world, "a") && disabled(&world, "b"));
    assert!(!forget_removed(&world.current(), &plan_of(&[listening("b", 2)])));
}

#[test]
fn a_disk_that_fails_loses_nothing_and_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let (world, keeper) = begin(folder.path(), plan_of(&[listening("a", 1)]));
    let before = written(folder.path());
    let (new, moved) = (folder.path().join("state.toml.new"), folder.path().join("elsewhere"));
    std::fs::create_dir(&new).unwrap(); // in the way of the next record
    let published = world.current();
    published.line(LineId(0)).expect("there").status.set_disabled_by_hand(true);
    keeper.note_change();
    assert!(keeper.write(&published, Ahead::Reserve).is_err());
    assert_eq!(written(folder.path()), before);
    assert!(keeper.is_due(&published) && keeper.books.lock().failing);
    std::fs::rename(&new, &moved).unwrap();
    keeper.write(&published, Ahead::Reserve).expect("a disk");
    assert!(!keeper.is_due(&published) && !keeper.books.lock().failing);
    assert_eq!(written(folder.path()).disabled[0].address, address(1).to_string());
}

#[test]
fn a_damaged_record_is_put_aside_and_nothing_is_remembered() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("state.toml"), "format = 1\n[marks]\n\"host/main\" = \"1f").unwrap();
    let (_world, _keeper) = begin(folder.path(), plan_of(&[]));
    let kept = std::fs::read_to_string(folder.path().join("state.toml.damaged-1")).expect("kept");
    assert!(kept.ends_with("\"1f"));
    assert_eq!(written(folder.path()).marks.len(), 1);
}
