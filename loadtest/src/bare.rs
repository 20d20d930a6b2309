use plinth_client::identity::dsse::{Envelope, PublicKey, SigningKey, payload_type};

use crate::stopwatch::tick;

/// Batches measured, and operations in each: a tenth of a second or so in all.
const BATCHES: usize = 41;
const OPERATIONS: u32 = 50;

/// Microseconds of CPU that verifying one request strictly and signing one answer take, alone on an idle core: the median of
/// many batches, so that whatever else the machine did does not count. Under load the same work takes longer, because the
/// threads of a core share it; the floor is measured there, by an echo with work, and this stands beside it.
pub(crate) fn verify_and_sign_us(
    request: &Envelope,
    key: &PublicKey,
    answer_payload_bytes: usize,
) -> anyhow::Result<f64> {
    let service = SigningKey::from_seed([7; 32]);
    let answer = vec![0; answer_payload_bytes];
    let mut batches = Vec::with_capacity(BATCHES);
    for _ in 0..BATCHES {
        let begun = tick();
        for _ in 0..OPERATIONS {
            std::hint::black_box(request.verify(request.payload_type(), key)?);
            std::hint::black_box(service.sign(payload_type::AUTHENTICATION_STATEMENT, answer.clone()));
        }
        batches.push(begun.elapsed().as_secs_f64() * 1e6 / f64::from(OPERATIONS));
    }
    batches.sort_by(f64::total_cmp);
    Ok(batches[BATCHES / 2])
}
