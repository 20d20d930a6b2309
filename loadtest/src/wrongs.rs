use std::sync::atomic::{AtomicU8, Ordering};

use crate::question::Kind;

/// Wrong questions in a row about one person. The service makes a relying party wait after five, and what waits measures
/// nothing; questions sent side by side may change places, so there is some room.
const IN_A_ROW: u8 = 2;

/// Questions with a stranger's finger about one person, in all. The service accepts no fingers at all after twenty failed
/// attempts, and some of the person's own fail as well.
const FINGERS_IN_ALL: u8 = 10;

/// How often people were asked about with what is not theirs, so that the questions of a load do not lock whom they are
/// about.
pub(crate) struct Wrongs {
    claims: Vec<Row>,
    fingers: Vec<Row>,
}

#[derive(Default)]
struct Row {
    in_a_row: AtomicU8,
    in_all: AtomicU8,
}

impl Wrongs {
    /// Of so many people who are asked about by what they say, and so many by their fingers.
    pub(crate) fn new(claims: usize, fingers: usize) -> Self {
        let rows = |count| (0..count).map(|_| Row::default()).collect();
        Self { claims: rows(claims), fingers: rows(fingers) }
    }

    /// Takes in the next question about a person, who is to be asked about wrongly or not, and says whether they may be.
    pub(crate) fn deal(&self, kind: Kind, place: usize, wrong: bool) -> bool {
        let (rows, most) = match kind {
            Kind::Demographic => (&self.claims, None),
            Kind::OneFinger => (&self.fingers, Some(FINGERS_IN_ALL)),
        };
        let Some(row) = rows.get(place) else { return false };
        // Two threads that ask about one person at once may both count: the room above the limits is for that.
        let in_a_row = row.in_a_row.load(Ordering::Relaxed);
        let in_all = row.in_all.load(Ordering::Relaxed);
        let spent = most.is_some_and(|most| in_all >= most);
        if !wrong || in_a_row >= IN_A_ROW || spent {
            row.in_a_row.store(0, Ordering::Relaxed);
            return false;
        }
        row.in_a_row.store(in_a_row + 1, Ordering::Relaxed);
        row.in_all.store(in_all.saturating_add(1), Ordering::Relaxed);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_asked_about_wrongly_more_than_twice_in_a_row_or_with_too_many_strange_fingers() {
        let wrongs = Wrongs::new(1, 1);
        let dealt: Vec<bool> = (0..6).map(|_| wrongs.deal(Kind::Demographic, 0, true)).collect();
        assert_eq!(dealt, [true, true, false, true, true, false]);
        assert!(!wrongs.deal(Kind::Demographic, 0, false));
        let fingers = (0..100).filter(|_| wrongs.deal(Kind::OneFinger, 0, true)).count();
        assert_eq!(fingers, usize::from(FINGERS_IN_ALL));
    }
}
