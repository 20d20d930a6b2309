//! Which cells of a cylinder each table samples.

use std::sync::LazyLock;

use crate::cylinder::{CELLS, Cylinder, PLANES, SIDE};

/// Tables that any person uses at most.
pub(super) const TABLES: usize = 128;
/// Cells that each table samples (h).
pub(super) const BITS: usize = 18;

const LABEL: &str = "plinth finger index cells v2";

/// Cylinders that are sampled together.
pub(super) const AT_ONCE: usize = u64::BITS as usize;

/// Some cylinders by their cells: which of them have a cell set, a bit each. Few cells are set, so that a table is sampled
/// faster by going through those than by asking every cylinder for every cell.
pub(super) struct Transposed([[u64; CELLS]; PLANES]);

impl Transposed {
    /// Of at most [`AT_ONCE`] cylinders; any more are left out.
    pub(super) fn of(cylinders: &[Cylinder]) -> Self {
        let mut set = [[0; CELLS]; PLANES];
        for (number, cylinder) in cylinders.iter().enumerate().take(AT_ONCE) {
            for (set, plane) in set.iter_mut().zip(cylinder.planes) {
                let mut left = plane;
                while left != 0 {
                    set[left.trailing_zeros() as usize] |= 1 << number;
                    left &= left - 1;
                }
            }
        }
        Self(set)
    }

    /// The sampled cells of each cylinder, bits in the order of the table's samples.
    pub(super) fn sampled(&self, sample: &Sample) -> [u32; AT_ONCE] {
        let mut bits = [0; AT_ONCE];
        for (cell, bit) in sample.iter().zip((0..BITS).rev()) {
            let mut left = self.0[cell.plane][cell.index];
            while left != 0 {
                bits[left.trailing_zeros() as usize] |= 1 << bit;
                left &= left - 1;
            }
        }
        bits
    }
}

/// The cells of one table.
pub(super) type Sample = [Cell; BITS];

/// A cell of a cylinder.
#[derive(Clone, Copy, Default)]
pub(super) struct Cell {
    plane: usize,
    index: usize,
    column: usize,
    row: usize,
}

impl Cell {
    /// Whether two cells are so close that one minutia tends to set both. Planes go around: they are directions.
    fn is_near(self, other: Self) -> bool {
        let turn = self.plane.abs_diff(other.plane);
        let steps =
            [self.column.abs_diff(other.column), self.row.abs_diff(other.row), turn.min(PLANES - turn)];
        steps.iter().all(|step| *step <= 1) && steps.iter().sum::<usize>() <= 2
    }
}

/// The cells of every table: shuffled by the output of BLAKE3 over the table's number, and taken as they come, but for
/// those near one already taken. A minutia sets several cells around it; were they sampled together, many set bits
/// would tell of few minutiae, and strangers would share them.
pub(super) static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(|| {
    let cells = cells();
    (0..TABLES).map(|table| draw(&cells, table as u64)).collect()
});

fn cells() -> Vec<Cell> {
    // Twice the distance from the axis, in cells: within the radius is within `SIDE`.
    let twice = |at: usize| (2 * at + 1).abs_diff(SIDE);
    let inside = |at: &usize| twice(at % SIDE).pow(2) + twice(at / SIDE).pow(2) <= SIDE * SIDE;
    let places: Vec<usize> = (0..SIDE * SIDE).filter(inside).take(CELLS).collect();
    let plane = |plane| {
        let cell =
            move |(index, at): (usize, &usize)| Cell { plane, index, column: at % SIDE, row: at / SIDE };
        places.iter().enumerate().map(cell)
    };
    (0..PLANES).flat_map(plane).collect()
}

fn draw(cells: &[Cell], table: u64) -> Sample {
    let mut stream = blake3::Hasher::new_derive_key(LABEL).update(&table.to_le_bytes()).finalize_xof();
    let mut sample = [Cell::default(); BITS];
    loop {
        let (mut left, mut taken) = (cells.to_vec(), 0);
        while taken < BITS && !left.is_empty() {
            let mut word = [0; 8];
            stream.fill(&mut word);
            // The bias of a 64-bit remainder below 312 is of no account.
            let pick = usize::try_from(u64::from_le_bytes(word) % left.len() as u64).unwrap_or(0);
            let cell = left[pick];
            sample[taken] = cell;
            taken += 1;
            left.retain(|other| !other.is_near(cell));
        }
        // Once in a while the cells that are left run out; then the draw goes on from the start.
        if taken == BITS {
            return sample;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_has_the_cells_of_a_cylinder() {
        assert_eq!(cells().len(), CELLS * PLANES);
        assert!(cells().iter().all(|cell| cell.index < CELLS && cell.plane < PLANES));
    }

    #[test]
    fn no_table_samples_neighbouring_cells() {
        for sample in SAMPLES.iter() {
            for (index, cell) in sample.iter().enumerate() {
                assert!(sample[..index].iter().all(|other| !other.is_near(*cell)));
            }
        }
    }

    #[test]
    fn cylinders_sampled_together_give_what_each_gives_alone() {
        let record =
            crate::synthetic::SyntheticPerson::new(9, 9).capture(crate::FingerPosition::LeftThumb, 0);
        let finger = crate::FingerFeatures::extract(&record, 0, crate::FingerPosition::LeftThumb).unwrap();
        let together = Transposed::of(&finger.cylinders);
        for sample in SAMPLES.iter() {
            for (cylinder, bits) in finger.cylinders.iter().zip(together.sampled(sample)) {
                let bit = |at: &Cell| u32::from(cylinder.planes[at.plane] >> at.index & 1 == 1);
                assert_eq!(bits, sample.iter().fold(0, |bits, at| bits << 1 | bit(at)));
            }
        }
    }

    #[test]
    fn the_tables_are_the_same_everywhere() {
        let mut hasher = blake3::Hasher::new();
        for cell in SAMPLES.iter().flatten() {
            hasher.update(&[u8::try_from(cell.plane).unwrap(), u8::try_from(cell.index).unwrap()]);
        }
        assert_eq!(&hasher.finalize().to_hex()[..16], "cc4cc8fa2bdf74ca");
    }
}
