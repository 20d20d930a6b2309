//! Merkle trees over leaves that are hashes already (RFC 6962, section 2.1; RFC 9162 names them alike). The arithmetic is
//! the `tlog_tiles` crate's, a port of Go's `sumdb/tlog`.

use tlog_tiles::tlog::{
    self, Hash, HashReader, check_record, prove_record, stored_hashes_for_record_hash, tree_hash,
};

/// Hashes of an audit path at most, in a tree of up to 16,384 leaves.
pub const MAX_PATH: usize = 14;

/// Leaves of a tree at most.
pub const MAX_LEAVES: u32 = 1 << MAX_PATH;

/// A tree in memory: its root, and the path from each leaf to it.
#[derive(Clone)]
pub struct Tree {
    size: u64,
    nodes: Nodes,
}

/// Every complete subtree's hash, in the order of `tlog`.
#[derive(Clone, Default)]
struct Nodes(Vec<Hash>);

impl Tree {
    /// The tree over these leaf hashes, in their order.
    #[must_use]
    pub fn of<'a>(leaves: impl IntoIterator<Item = &'a [u8; 32]>) -> Self {
        let mut tree = Self { size: 0, nodes: Nodes::default() };
        for leaf in leaves {
            // A reader that holds every node of the tree so far never fails.
            if let Ok(new) = stored_hashes_for_record_hash(tree.size, Hash(*leaf), &tree.nodes) {
                tree.nodes.0.extend(new);
                tree.size += 1;
            }
        }
        tree
    }

    /// How many leaves there are.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The Merkle tree hash; of no leaves, the hash of nothing.
    #[must_use]
    pub fn root(&self) -> [u8; 32] {
        tree_hash(self.size, &self.nodes).unwrap_or(tlog::EMPTY_HASH).0
    }

    /// The audit path of a leaf, from its neighbour upwards; nothing if there is no such leaf.
    #[must_use]
    pub fn path(&self, index: u64) -> Option<Vec<[u8; 32]>> {
        let path = prove_record(self.size, index, &self.nodes).ok()?;
        Some(path.into_iter().map(|hash| hash.0).collect())
    }
}

impl HashReader for Nodes {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog::Error> {
        let at = |index: &u64| usize::try_from(*index).ok().and_then(|index| self.0.get(index)).copied();
        let missing = || tlog::Error::InvalidInput("no such node".to_owned());
        indexes.iter().map(|index| at(index).ok_or_else(missing)).collect()
    }
}

/// Whether `path` leads from the leaf with this index, of `size` leaves, to this root.
#[must_use]
pub fn is_below(root: &[u8; 32], size: u64, leaf: &[u8; 32], index: u64, path: &[[u8; 32]]) -> bool {
    if size > MAX_LEAVES.into() || path.len() > MAX_PATH || index >= size {
        return false;
    }
    let path = path.iter().map(|hash| Hash(*hash)).collect();
    check_record(&path, size, Hash(*root), index, Hash(*leaf)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sha2::{Digest, Sha256};

    fn leaves(count: u64) -> Vec<[u8; 32]> {
        (0..count).map(|index| Sha256::digest(index.to_be_bytes()).into()).collect()
    }

    /// The definition of RFC 6962, word for word.
    fn by_definition(leaves: &[[u8; 32]]) -> [u8; 32] {
        match leaves {
            [] => Sha256::digest(b"").into(),
            [leaf] => *leaf,
            _ => {
                let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
                let hasher = Sha256::new().chain_update([1]);
                hasher.chain_update(by_definition(left)).chain_update(by_definition(right)).finalize().into()
            }
        }
    }

    #[test]
    fn the_root_is_that_of_the_definition_and_every_path_leads_to_it() {
        for count in (0..70).chain([255, 256, 257]) {
            let leaves = leaves(count);
            let tree = Tree::of(&leaves);
            let root = tree.root();
            assert_eq!(root, by_definition(&leaves), "{count}");
            assert_eq!(tree.size(), count);
            for (index, leaf) in (0..).zip(&leaves) {
                let path = tree.path(index).unwrap();
                assert!(is_below(&root, count, leaf, index, &path), "{index} of {count}");
            }
            assert_eq!(tree.path(count), None);
        }
    }

    proptest! {
        #[test]
        fn no_other_leaf_place_size_path_or_root_is_believed(
            count in 1_u64..300, index in any::<prop::sample::Index>(), flip in any::<prop::sample::Index>(),
            other_index in 0_u64..400, other_size in 0_u64..400, drop in any::<bool>(),
        ) {
            let leaves = leaves(count);
            let tree = Tree::of(&leaves);
            let (root, at) = (tree.root(), index.index(leaves.len()));
            let index = u64::try_from(at).unwrap();
            let path = tree.path(index).unwrap();
            let leaf = leaves[at];

            let bit = flip.index(256);
            let altered = |mut hash: [u8; 32]| { hash[bit / 8] ^= 1 << (bit % 8); hash };
            prop_assert!(!is_below(&altered(root), count, &leaf, index, &path));
            prop_assert!(!is_below(&root, count, &altered(leaf), index, &path));
            if other_index != index {
                prop_assert!(!is_below(&root, count, &leaf, other_index, &path));
            }
            // A tree of another size has another root, and the same path may be as long there: what tells is that the
            // size is signed beside the root. No size may be a panic.
            std::hint::black_box(is_below(&root, other_size, &leaf, index, &path));
            if !path.is_empty() {
                let mut spoilt = path.clone();
                let place = flip.index(path.len());
                spoilt[place] = altered(spoilt[place]);
                prop_assert!(!is_below(&root, count, &leaf, index, &spoilt));
                if drop {
                    spoilt = path.clone();
                    spoilt.remove(place);
                    prop_assert!(!is_below(&root, count, &leaf, index, &spoilt));
                }
            }
            let longer = [path, vec![leaf]].concat();
            prop_assert!(!is_below(&root, count, &leaf, index, &longer));
        }

        #[test]
        fn any_path_is_checked_without_a_panic(
            size: u64, index: u64, path in proptest::collection::vec(any::<[u8; 32]>(), 0..20),
        ) {
            prop_assert!(!is_below(&[0; 32], size, &[1; 32], index, &path));
            prop_assert!(!is_below(&[0; 32], size % 70, &[1; 32], index % 70, &path));
        }
    }
}
