//! What a request can ask about, and what it can ask for.

use std::fmt;

use crate::reason::Reason;

/// Something about a person that a request can have compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Factor {
    /// One to ten fingerprints.
    Fingerprint,
    /// The name.
    Name,
    /// The date of birth, or its year.
    DateOfBirth,
    /// The gender.
    Gender,
    /// An age that the person has reached.
    Age,
    /// The phone number.
    Phone,
    /// The e-mail address.
    Email,
    /// The address, in its parts or as one text.
    Address,
    /// A one-time code, delivered or made by the person's own device.
    Otp,
    /// One or two irises.
    Iris,
    /// The face.
    Face,
}

impl Factor {
    /// Every factor.
    pub const ALL: [Self; 11] = [
        Self::Fingerprint,
        Self::Name,
        Self::DateOfBirth,
        Self::Gender,
        Self::Age,
        Self::Phone,
        Self::Email,
        Self::Address,
        Self::Otp,
        Self::Iris,
        Self::Face,
    ];

    /// The bit that stands for the factor in records. Retired bits stay reserved.
    const fn bit(self) -> u16 {
        match self {
            Self::Fingerprint => 1,
            Self::Name => 2,
            Self::DateOfBirth => 4,
            Self::Gender => 8,
            Self::Age => 16,
            Self::Phone => 32,
            Self::Email => 64,
            Self::Address => 128,
            Self::Otp => 256,
            Self::Iris => 512,
            Self::Face => 1024,
        }
    }

    /// The reason with which the factor is refused to a relying party that may not use it.
    #[must_use]
    pub const fn not_entitled(self) -> Reason {
        match self {
            Self::Fingerprint => Reason::NotEntitledFingers,
            Self::Name | Self::DateOfBirth | Self::Gender | Self::Age | Self::Phone | Self::Email => {
                Reason::NotEntitledDemographics
            }
            Self::Address => Reason::NotEntitledAddress,
            Self::Otp => Reason::NotEntitledOtp,
            Self::Iris => Reason::NotEntitledIrises,
            Self::Face => Reason::NotEntitledFace,
        }
    }

    /// True for what is measured on the person's body.
    #[must_use]
    pub const fn is_biometric(self) -> bool {
        matches!(self, Self::Fingerprint | Self::Iris | Self::Face)
    }
}

/// Something that is recorded about a person, and that a relying party can be given with their consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Attribute {
    /// The name.
    Name,
    /// The date of birth.
    DateOfBirth,
    /// The gender.
    Gender,
    /// The phone number.
    Phone,
    /// The e-mail address.
    Email,
    /// The address.
    Address,
}

impl Attribute {
    /// Every attribute.
    pub const ALL: [Self; 6] =
        [Self::Name, Self::DateOfBirth, Self::Gender, Self::Phone, Self::Email, Self::Address];

    /// The bit that stands for the attribute in records. Retired bits stay reserved.
    const fn bit(self) -> u8 {
        match self {
            Self::Name => 1,
            Self::DateOfBirth => 2,
            Self::Gender => 4,
            Self::Phone => 8,
            Self::Email => 16,
            Self::Address => 32,
        }
    }
}

/// Declares a set of the items of an enumeration, kept and stored as one bit an item.
macro_rules! bit_set {
    ($(#[$doc:meta])* $name:ident of $item:ident, $bits:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Default)]
        pub struct $name($bits);

        impl $name {
            /// The set with nothing in it.
            pub const EMPTY: Self = Self(0);

            /// The set with everything in it.
            pub const ALL: Self = {
                let mut all = Self::EMPTY;
                let mut index = 0;
                while index < $item::ALL.len() {
                    all = all.with($item::ALL[index]);
                    index += 1;
                }
                all
            };

            /// This set and one item more.
            #[must_use]
            pub const fn with(self, item: $item) -> Self {
                Self(self.0 | item.bit())
            }

            /// Adds an item.
            pub const fn insert(&mut self, item: $item) {
                *self = self.with(item);
            }

            /// True if the item is in the set.
            #[must_use]
            pub const fn contains(self, item: $item) -> bool {
                self.0 & item.bit() != 0
            }

            /// True if everything in this set is in the other one too.
            #[must_use]
            pub const fn is_subset_of(self, other: Self) -> bool {
                self.0 & !other.0 == 0
            }

            /// True if there is nothing in it.
            #[must_use]
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }

            /// The items, in the order of the enumeration.
            pub fn iter(self) -> impl Iterator<Item = $item> {
                $item::ALL.into_iter().filter(move |item| self.contains(*item))
            }

            /// The stored form: one bit an item.
            pub(crate) const fn bits(self) -> $bits {
                self.0
            }

            /// The set with these bits, or nothing if one of them stands for no item.
            pub(crate) const fn from_bits(bits: $bits) -> Option<Self> {
                if bits & !Self::ALL.0 == 0 { Some(Self(bits)) } else { None }
            }
        }

        impl FromIterator<$item> for $name {
            fn from_iter<I: IntoIterator<Item = $item>>(items: I) -> Self {
                items.into_iter().fold(Self::EMPTY, Self::with)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_set().entries(self.iter()).finish()
            }
        }
    };
}

bit_set! {
    /// A set of factors.
    FactorSet of Factor, u16
}

bit_set! {
    /// A set of attributes.
    AttributeSet of Attribute, u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in() {
        let set: FactorSet = [Factor::Gender, Factor::Face, Factor::Fingerprint].into_iter().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), [Factor::Fingerprint, Factor::Gender, Factor::Face]);
        assert_eq!(FactorSet::ALL.iter().collect::<Vec<_>>(), Factor::ALL);
        assert_eq!(AttributeSet::ALL.iter().collect::<Vec<_>>(), Attribute::ALL);
        assert!(FactorSet::EMPTY.is_empty() && !set.is_empty());
        assert_eq!(format!("{set:?}"), "{Fingerprint, Gender, Face}");
    }

    #[test]
    fn every_item_has_one_bit_of_its_own() {
        for (index, factor) in Factor::ALL.into_iter().enumerate() {
            assert_eq!(FactorSet::EMPTY.with(factor).bits(), 1 << index);
        }
        for (index, attribute) in Attribute::ALL.into_iter().enumerate() {
            assert_eq!(AttributeSet::EMPTY.with(attribute).bits(), 1 << index);
        }
        assert_eq!(FactorSet::from_bits(2047), Some(FactorSet::ALL));
        assert_eq!(FactorSet::from_bits(2048), None);
        assert_eq!(AttributeSet::from_bits(63), Some(AttributeSet::ALL));
        assert_eq!(AttributeSet::from_bits(64), None);
    }

    #[test]
    fn a_subset_has_nothing_that_the_other_lacks() {
        let one = FactorSet::EMPTY.with(Factor::Otp);
        let two = one.with(Factor::Name);
        assert!(one.is_subset_of(two) && one.is_subset_of(one) && FactorSet::EMPTY.is_subset_of(one));
        assert!(!two.is_subset_of(one));
    }

    #[test]
    fn each_factor_is_refused_with_the_reason_of_its_sort() {
        let codes = Factor::ALL.map(|factor| factor.not_entitled().code());
        assert_eq!(codes, [576, 573, 573, 573, 573, 573, 573, 574, 578, 577, 579]);
    }

    #[test]
    fn only_what_is_measured_on_the_body_is_biometric() {
        let biometric = Factor::ALL.into_iter().filter(|factor| factor.is_biometric());
        assert_eq!(biometric.collect::<Vec<_>>(), [Factor::Fingerprint, Factor::Iris, Factor::Face]);
    }
}
