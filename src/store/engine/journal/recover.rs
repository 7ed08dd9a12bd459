//! What a journal must hold before any of it is believed, and what is done with what a crash left.
//!
//! # The rules
//!
//! Headers say what a file is; its name doesn't. A segment *follows* the one that its header names, from the commit and
//! CRC on that it names; what its predecessor has behind that commit doesn't count, for what counted of it was copied.
//!
//! **Needed** is the last segment that begins at or before `position` + 1, and all behind it. What lies before that is
//! held elsewhere: it is removed, and but for its header
//! unread.
//!
//! **Durable** is each commit that was acknowledged, and maybe some more. A commit is known to be durable from
//! - the marker (written after each sync), `position` (a checkpoint takes what is synced), and what sled remembers,
//! - the header of a segment: all of its predecessor (synced before), and its copies (synced before it got its name),
//! - any later frame's head of that segment, whether the frame is whole or not.
//!
//! **Torn** may be the last segment only, and only behind the last commit known to be durable: it ends before its first
//! frame that isn't whole, or doesn't follow the one before it. Frames behind that one were never acknowledged, as one
//! is written after what it calls durable was synced.
//!
//! **Damage**, and refused, with nothing touched and nothing replayed:
//! - no segment; segments without a marker; a marker of which no slot holds;
//! - a file with a segment's name (only given once the header is synced) that doesn't begin with a whole header;
//! - two files with one number;
//! - a durable commit that isn't there, by whichever of the above it is known;
//! - a predecessor that isn't there, or hasn't the commit, CRC or epoch that its successor names;
//! - a seal (written once the successor is there) without that successor, or with another last commit or CRC;
//! - a marker that names a segment behind the last one;
//! - a journal of an earlier start than the last one that sled remembers: an old folder, with a marker of its own, that
//!   was put beside a newer `db`;
//! - one whose line at the commit that sled remembers is another one: that of a copy of the store which went its own
//!   way;
//! - `position` + 1 before the first commit that is there.
//!
//! Refused, whatever is accepted: a file of another store or format, and one that can't be read.
//!
//! **Repaired by itself**: segments that aren't ready (`.new`) and those not needed are removed; a needed segment whose
//! successor is there and whose seal isn't, or isn't whole, is sealed where its successor says that it ends; a slot of
//! the marker that doesn't hold is written anew.
//!
//! **A start always begins a new segment**, and never a frame in an old one: a sync of a file that failed in another
//! process doesn't fail again in this one, so nothing that isn't known to be durable stays where it is. The frames
//! behind the last commit known to be durable are copied into the new segment, which gets its name once header and
//! copies are synced, and the names that were found. Before that a crash leaves things as they were; behind that, the
//! old segment's end counts no more. Only then is that end cut off and sealed. Each step may be cut off and done again.
//!
//! **An accepted loss** ends the journal at the first damage: the commits before it are replayed, and the new segment
//! says that it follows there. Segments behind it are set aside (`.lost`), and so is a copy of the one with the damage
//! in it. Numbers of commits known to have been aren't given again.
//!
//! # What can't be seen
//!
//! The marker is synced once a second. After a *power cut*, the last commits that were acknowledged within the second
//! before it, and that no later frame calls durable, are known from their own frames alone: where the power cut comes
//! together with damage to exactly these, they pass for torn. That is what was acknowledged with the last sync before
//! the cut, and, where damage takes the whole end of the file, all since the marker's last sync. After `kill -9`, and
//! after a power cut without damage, nothing that was acknowledged is missing. An old state of *all* files, put back
//! together with the rows that belong to it, is whole.

mod plan;

pub(crate) use self::plan::{Plan, Recovered};

use crate::gather::Gather as _;
use crate::store::engine::journal::disk::{Disk, DiskFile};
use crate::store::engine::journal::error::{Damage, RecoverError};
use crate::store::engine::journal::marker::{self, Found, Mark};
use crate::store::engine::journal::recover::plan::{Link, Segment};
use crate::store::engine::journal::segment::{self, Beginning, ENDING, Header, Identity, NEW_ENDING, Place, Step};
use crate::store::engine::reached::{Held, Reached};
use std::collections::BTreeSet;
use std::io;

/// Makes sure that a new journal takes nothing's place but a new one's whose making was cut off.
pub(crate) fn clear(disk: &dyn Disk, identity: Identity, position: u64) -> Result<(), RecoverError> {
    let first = segment::name(1);
    for name in disk.list().map_err(RecoverError::io("listed", "folder"))? {
        if name == marker::NAME {
            match marker::read(disk).map_err(RecoverError::io("read", &name))? {
                Found::Mark(mark, _) if mark.store != identity.store => {
                    return Err(RecoverError::AnotherStore { name });
                }
                Found::Mark(Mark { segment: 0 | 1, commit, .. }, _) if commit <= position => {}
                Found::Mark(..) | Found::Damaged | Found::Nothing => return Err(RecoverError::NotEmpty { name }),
            }
        }
        if name.ends_with(ENDING) {
            let file = disk.open(&name).map_err(RecoverError::io("opened", &name))?;
            let Beginning::Header(header) = segment::read_header(&*file).map_err(RecoverError::io("read", &name))?
            else {
                return Err(RecoverError::NotEmpty { name });
            };
            segment::refuse_others(&name, &header, identity)?;
            let length = file.len().map_err(RecoverError::io("read", &name))?;
            if name != first || length != segment::HEADER_BYTES as u64 {
                return Err(RecoverError::NotEmpty { name });
            }
        }
    }
    Ok(())
}

/// Reads what is there and decides, by the rules above; nothing is touched.
pub(crate) fn survey(
    disk: &dyn Disk,
    identity: Identity,
    held: Held,
    accept_data_loss: bool,
) -> Result<Plan, RecoverError> {
    let mut plan = Plan::of_a_new_one(held.position);
    let mut surveyor = Surveyor { accept_data_loss, lost: None };
    let names = disk.list().map_err(RecoverError::io("listed", "folder"))?;
    plan.stale.extend(names.iter().filter(|name| name.ends_with(NEW_ENDING)).cloned());
    // Names count where another file could take one.
    plan.number = names.iter().filter_map(|name| name.split_once('.')?.0.parse().ok()).max().unwrap_or(0);
    let segments = surveyor.read_headers(disk, &names, identity, &mut plan)?;
    let mark = surveyor.read_marker(disk, identity, !segments.is_empty(), &mut plan)?;
    let segments = surveyor.sort(segments, &mut plan)?;
    surveyor.link(segments, held, mark, &mut plan)?;
    if surveyor.lost.is_none() && plan.epoch < held.reached.epoch {
        surveyor.meet(plan.older(held.reached))?;
    }
    if surveyor.lost.is_some() {
        plan.next = plan.next.max(held.reached.commit + 1);
    }
    // The numbers of starts go on, whatever was lost.
    plan.epoch = plan.epoch.max(held.reached.epoch);
    plan.lost = surveyor.lost;
    Ok(plan)
}

struct Surveyor {
    accept_data_loss: bool,
    lost: Option<Damage>,
}

impl Surveyor {
    /// Refuses, unless a loss is accepted.
    fn meet(&mut self, damage: Damage) -> Result<(), RecoverError> {
        if !self.accept_data_loss {
            return Err(RecoverError::Damage(damage));
        }
        self.lost.get_or_insert(damage);
        Ok(())
    }

    fn read_headers(
        &mut self,
        disk: &dyn Disk,
        names: &[String],
        identity: Identity,
        plan: &mut Plan,
    ) -> Result<Vec<Segment>, RecoverError> {
        let mut segments = Vec::new();
        for name in names.iter().filter(|name| name.ends_with(ENDING)) {
            let file = disk.open(name).map_err(RecoverError::io("opened", name))?;
            match segment::read_header(&*file).map_err(RecoverError::io("read", name))? {
                Beginning::Header(header) => {
                    segment::refuse_others(name, &header, identity)?;
                    plan.number = plan.number.max(header.number);
                    plan.epoch = plan.epoch.max(header.epoch);
                    segments.push(Segment { name: name.clone(), file, header });
                }
                Beginning::Version(found) => {
                    return Err(RecoverError::Format { name: name.clone(), found: found.into() });
                }
                Beginning::Nothing => {
                    self.meet(Damage::Header { name: name.clone() })?;
                    plan.aside.push(name.clone());
                }
            }
        }
        Ok(segments)
    }

    /// What the marker says, if it says anything.
    fn read_marker(
        &mut self,
        disk: &dyn Disk,
        identity: Identity,
        segments: bool,
        plan: &mut Plan,
    ) -> Result<Mark, RecoverError> {
        match marker::read(disk).map_err(RecoverError::io("read", marker::NAME))? {
            Found::Mark(mark, _) if mark.store != identity.store => {
                return Err(RecoverError::AnotherStore { name: marker::NAME.to_owned() });
            }
            Found::Mark(mark, slot) => {
                plan.marker_slot = Some(slot);
                plan.number = plan.number.max(mark.segment);
                return Ok(mark);
            }
            Found::Damaged => self.meet(Damage::MarkerDamaged)?,
            Found::Nothing if segments => self.meet(Damage::MarkerGone)?,
            Found::Nothing => {}
        }
        Ok(Mark { store: identity.store, commit: 0, segment: 0 })
    }

    /// The segments by their numbers, each once, without those that an accepted loss has left behind.
    fn sort(&mut self, mut segments: Vec<Segment>, plan: &mut Plan) -> Result<Vec<Segment>, RecoverError> {
        segments.sort_by_key(|segment| (segment.header.number, u64::MAX - segment.header.epoch));
        let left_behind = |number: u64| segments.iter().any(|segment| segment.header.left_behind(number));
        let left_behind: BTreeSet<u64> =
            segments.iter().map(|segment| segment.header.number).filter(|number| left_behind(*number)).gather();
        let mut sorted: Vec<Segment> = Vec::new();
        for segment in segments {
            let number = segment.header.number;
            if left_behind.contains(&number) {
                plan.aside.push(segment.name);
            } else if sorted.last().is_some_and(|before| before.header.number == number) {
                self.meet(Damage::Twice { name: segment.name.clone(), number })?;
                plan.aside.push(segment.name);
            } else {
                sorted.push(segment);
            }
        }
        Ok(sorted)
    }

    /// Follows the segments from the first that is needed to the end.
    fn link(&mut self, segments: Vec<Segment>, held: Held, mark: Mark, plan: &mut Plan) -> Result<(), RecoverError> {
        let (mut last_number, position) = (0, held.position);
        let mut segments = segments.into_iter();
        let known = held.reached.commit.max(mark.commit);
        let all = segments.as_slice();
        let usable = match all.iter().rposition(|segment| segment.header.predecessor_last <= position) {
            Some(needed) if is_of_another_line(&all[needed..], held)? => {
                Err(Damage::Apart { commit: held.reached.commit })
            }
            Some(needed) => Ok(needed),
            None => Err(match all.first() {
                None => Damage::JournalGone,
                Some(first) => Damage::TooOld { oldest: first.header.predecessor_last + 1, position },
            }),
        };
        let needed = match usable {
            Ok(needed) => needed,
            Err(damage) => {
                self.meet(damage)?;
                return Rest { known, segments: segments.collect() }.set_aside(plan);
            }
        };
        plan.stale.extend(segments.by_ref().take(needed).map(|segment| segment.name));
        let mut current = segments.next();
        while let Some(segment) = current.take() {
            last_number = segment.header.number;
            match segments.as_slice().first() {
                None => self.end(segment, u64::MAX, held.reached, mark.commit, plan)?,
                Some(next) => match ends_at(&segment, next)? {
                    Ok((end, sealed)) => {
                        plan.links.push(Link { segment, end, sealed });
                        current = segments.next();
                    }
                    Err(damage) => {
                        let follows = next.header.predecessor == segment.header.number;
                        let until = if follows { next.header.predecessor_last } else { u64::MAX };
                        self.meet(damage)?;
                        self.end(segment, until, Reached::default(), 0, plan)?;
                        plan.keep_copy = true;
                    }
                },
            }
        }
        if mark.segment > last_number {
            self.meet(Damage::Missing { number: mark.segment, named_by: marker::NAME.to_owned() })?;
        }
        Rest { known, segments: segments.collect() }.set_aside(plan)
    }

    /// Finds the end of the last segment, whose commits up to `reached` and `acknowledged` must be there.
    fn end(
        &mut self,
        segment: Segment,
        until: u64,
        reached: Reached,
        acknowledged: u64,
        plan: &mut Plan,
    ) -> Result<(), RecoverError> {
        let read = |error| RecoverError::io("read", &segment.name)(error);
        let (header, file) = (segment.header, &*segment.file);
        let (place, stop) = walk(file, &header, header.place(), until).map_err(read)?;
        let behind = segment::behind(file, header.salt, place.at).map_err(read)?;
        let claimed = header.durable.max(behind.durable);
        let length = file.len().map_err(read)?;
        let mut sealed = false;
        if let Some(Step::Seal(seal)) = stop {
            sealed = seal.ends(&place);
            self.meet(Damage::Missing { number: seal.successor, named_by: segment.name.clone() })?;
        } else if claimed > place.last {
            let (name, commit) = (segment.name.clone(), place.last + 1);
            self.meet(Damage::Frame { name, at: place.at, commit })?;
        } else if acknowledged > place.last {
            self.meet(Damage::MarkerAhead { found: place.last, acknowledged })?;
        } else if reached.commit > place.last {
            plan.last = place;
            self.meet(plan.older(reached))?;
        }
        plan.torn_bytes = if sealed { 0 } else { length - place.at };
        plan.keep_copy = self.lost.is_some();
        plan.next = plan.next.max(place.last + 1);
        if self.lost.is_some() {
            plan.next = plan.next.max(claimed.max(behind.commit) + 1);
        }
        // What an accepted loss has left is durable as far as it is known to be, like everything else.
        let durable = claimed.max(reached.commit).max(acknowledged).max(header.next - 1).min(place.last);
        let (end, _) = walk(file, &header, header.place(), durable).map_err(read)?;
        plan.last = place;
        plan.links.push(Link { segment, end, sealed });
        Ok(())
    }
}

/// What lies behind a damage that was accepted.
struct Rest {
    /// The last commit that is known to have been.
    known: u64,
    segments: Vec<Segment>,
}

impl Rest {
    fn set_aside(self, plan: &mut Plan) -> Result<(), RecoverError> {
        plan.next = plan.next.max(self.known + 1);
        for Segment { name, file, header } in self.segments {
            let behind = segment::behind(&*file, header.salt, 0).map_err(RecoverError::io("read", &name))?;
            plan.next = plan.next.max(header.next).max(behind.commit.max(behind.durable) + 1);
            plan.aside.push(name);
        }
        Ok(())
    }
}

/// Whether the segments, the first that is needed and all behind it, had another line at the commit that is known.
fn is_of_another_line(needed: &[Segment], held: Held) -> Result<bool, RecoverError> {
    let known = held.reached;
    let Some(Segment { name, file, header }) =
        needed.iter().rfind(|segment| segment.header.predecessor_last <= known.commit)
    else {
        return Ok(false);
    };
    // A loss was accepted, and cut off before that was noted.
    if known.line == 0 || held.is_unrepaired && known.epoch < header.loss_epoch {
        return Ok(false);
    }
    let walked = walk(&**file, header, header.place(), known.commit);
    let (place, _) = walked.map_err(RecoverError::io("read", name))?;
    // Where it doesn't go so far, that is the damage. A commit among those that were lost isn't this one's.
    Ok(place.last >= known.commit && place.line != known.line)
}

/// Goes on from a place, up to a commit at most; what stopped it before that.
fn walk(file: &dyn DiskFile, header: &Header, mut place: Place, until: u64) -> io::Result<(Place, Option<Step>)> {
    let mut body = Vec::new();
    while place.last < until {
        match segment::step(file, header, &mut place, &mut body)? {
            Step::Frame(_) => {}
            stop @ (Step::Seal(_) | Step::Nothing) => return Ok((place, Some(stop))),
        }
    }
    Ok((place, None))
}

/// Where a segment ends by its successor, and whether it is sealed there; or what is wrong with it.
fn ends_at(segment: &Segment, next: &Segment) -> Result<Result<(Place, bool), Damage>, RecoverError> {
    let read = |error| RecoverError::io("read", &segment.name)(error);
    let disagrees = |with| Ok(Err(Damage::Disagrees { name: segment.name.clone(), with }));
    let (file, header, next_header) = (&*segment.file, &segment.header, &next.header);
    if next_header.predecessor != header.number {
        return Ok(Err(Damage::Missing { number: next_header.predecessor, named_by: next.name.clone() }));
    }
    let until = next_header.predecessor_last;
    let (end, stop) = walk(file, header, header.place(), until).map_err(read)?;
    match stop {
        Some(Step::Nothing) => {
            let (name, commit) = (segment.name.clone(), end.last + 1);
            return Ok(Err(Damage::Frame { name, at: end.at, commit }));
        }
        Some(Step::Seal(_)) => return disagrees("its seal together with its successor"),
        Some(Step::Frame(_)) | None => {}
    }
    if !header.is_followed_by(next_header, &end) {
        return disagrees("the header of its successor");
    }
    let Step::Seal(seal) = segment::step(file, header, &mut end.clone(), &mut Vec::new()).map_err(read)? else {
        return Ok(Ok((end, false)));
    };
    if !seal.ends(&end) || !seal.precedes(next_header) {
        return disagrees("its seal");
    }
    let sealed = file.len().map_err(read)? == end.at + segment::SEAL_BYTES as u64;
    Ok(Ok((end, sealed)))
}
