//! The codecs of finger minutiae records against golden bytes, and against everything that devices and attackers get
//! wrong.

#![allow(clippy::unwrap_used, reason = "a test may stop where it fails")]

mod ansi2004;
mod ansi2009;
mod formats;
mod iso2005;
mod iso2011;

use plinth_biometrics::record::{
    FingerPosition, FingerRecord, FingerView, Minutia, MinutiaKind, RecordError, RecordFormat,
};

/// A golden record of which some bytes were changed.
fn with(golden: &[u8], changes: &[(usize, u8)]) -> Result<FingerRecord, RecordError> {
    let mut bytes = golden.to_vec();
    for &(at, byte) in changes {
        bytes[at] = byte;
    }
    FingerRecord::decode(&bytes)
}

/// Bytes to change, and the error that comes of it.
type Defect<'a> = (&'a [(usize, u8)], RecordError);

/// Checks one defect after the other.
fn every_defect_is_named(golden: &[u8], defects: &[Defect<'_>]) {
    for (changes, error) in defects {
        assert_eq!(with(golden, changes).err(), Some(*error), "{changes:?}");
    }
}

/// Cuts a record at every length, with its length as declared and, if `mend` can, with the length mended.
fn every_truncation_is_refused(golden: &[u8], mend: impl Fn(&mut [u8])) {
    for length in 0..golden.len() {
        let mut bytes = golden[..length].to_vec();
        assert!(FingerRecord::decode(&bytes).is_err(), "{length}");
        if length >= 14 {
            mend(&mut bytes);
            let refused = FingerRecord::decode(&bytes).unwrap_err();
            assert!(
                matches!(refused, RecordError::Truncated { .. } | RecordError::ExtendedData { .. }),
                "{length}: {refused}"
            );
        }
    }
}

fn minutia(x: u16, y: u16, angle: u8, kind: MinutiaKind, quality: u8) -> Minutia {
    Minutia { x, y, angle, kind, quality }
}

/// A record that says little: one minutia in each view.
fn small(positions: &[FingerPosition]) -> FingerRecord {
    let view = |&position: &FingerPosition| FingerView {
        position,
        view: 0,
        impression: 0,
        quality: 0,
        minutiae: vec![minutia(1, 2, 3, MinutiaKind::Ending, 0)],
    };
    FingerRecord {
        width: 300,
        height: 400,
        x_resolution: 197,
        y_resolution: 197,
        views: positions.iter().map(view).collect(),
    }
}

fn format_of(bytes: &[u8]) -> Result<RecordFormat, RecordError> {
    FingerRecord::decode_with_format(bytes).map(|(format, _)| format)
}
