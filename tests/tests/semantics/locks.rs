//! Locks: what a person has locked nobody can use, until the person unlocks it by something else.

use plinth_identity::authentication::{ResidentAction, Verdict};
use plinth_identity::identity_record::Locks;
use plinth_identity::reason::Reason;
use plinth_identity::statement::ResidentOutcome;

use crate::orders::{lock_fingers, lock_number, order, order_by_code};
use crate::town::{
    NAME, Town, YES, by_code, by_fingers, by_name, hand, no, open_policy, reason, unknown_number,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_number_is_331_while_its_virtual_number_works_and_its_holder_can_unlock_it() {
    let mut town = Town::new().await;
    let resident = town.enrol(1).await;
    let office = town.office().await;
    let bank = town.bank().await;
    let alias = town.alias(&office, resident).await;
    assert_eq!(town.told(&bank, by_name(resident.number, NAME)).await, YES);

    let locks = town.set_locks(&office, resident, lock_number(true)).await;
    assert_eq!(locks, Locks { number: true, ..Locks::default() });
    let locked = town.told(&bank, by_name(resident.number, NAME)).await;
    assert_eq!(locked, no(Reason::NumberLocked));
    assert_eq!(locked.1.unwrap().code(), 331);
    assert_eq!(town.told(&bank, by_name(alias, NAME)).await, YES);
    let code = town.code(&bank, alias, 1).await;
    assert_eq!(town.told(&bank, by_code(resident.number, code)).await, locked);
    let code = town.code(&bank, alias, 1).await;
    assert_eq!(town.told(&bank, by_code(alias, code)).await, YES);

    town.world.restart().await;
    let (bank, office) = (town.party_again("bank").await, town.party_again("office").await);
    assert_eq!(town.told(&bank, by_name(resident.number, NAME)).await, no(Reason::NumberLocked));
    assert_eq!(town.told(&bank, by_name(alias, NAME)).await, YES);
    assert_eq!(town.set_locks(&office, resident, lock_number(false)).await, Locks::default());
    assert_eq!(town.told(&bank, by_name(resident.number, NAME)).await, YES);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn locked_fingers_are_330_everywhere_and_the_other_factors_go_on() {
    let mut town = Town::new().await;
    let resident = town.enrol(1).await;
    let office = town.office().await;
    let bank = town.bank().await;
    let alias = town.alias(&office, resident).await;
    let locks = town.set_locks(&office, resident, lock_fingers(true)).await;
    assert_eq!(locks, Locks { fingers: true, ..Locks::default() });
    let locked = no(Reason::BiometricsLocked);
    assert_eq!(locked.1.unwrap().code(), 330);
    assert_eq!(town.told(&bank, by_fingers(resident.number, hand(1))).await, locked);
    assert_eq!(town.told(&bank, by_fingers(alias, hand(1))).await, locked, "by the virtual number too");
    assert_eq!(town.told(&bank, by_name(resident.number, NAME)).await, YES);
    let code = town.code(&bank, resident.number, 1).await;
    assert_eq!(town.told(&bank, by_code(resident.number, code.clone())).await, YES);
    let code = town.code(&bank, resident.number, 1).await;
    let mut both = by_code(resident.number, code);
    both.fingers = hand(1);
    assert_eq!(town.told(&bank, both).await, locked, "a code beside them does not unlock them");
    town.world.restart().await;
    let bank = town.party_again("bank").await;
    assert_eq!(town.told(&bank, by_fingers(resident.number, hand(1))).await, locked);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fingers_are_unlocked_by_a_code_and_not_by_fingers() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let office = town.office().await;
    let bank = town.bank().await;
    town.set_locks(&office, resident, lock_fingers(true)).await;
    let refused = town.send_order(&office, order(resident, lock_fingers(false))).await.unwrap_err();
    assert_eq!(reason(&refused).code(), 1018);
    assert_eq!(town.told(&bank, by_fingers(resident.number, hand(1))).await, no(Reason::BiometricsLocked));

    let code = town.code(&office, resident.number, 1).await;
    let mut both = order_by_code(resident, code, lock_fingers(false));
    both.fingers = hand(1);
    let statement = town.send_order(&office, both).await.unwrap();
    assert_eq!(
        (statement.verdict, statement.reason),
        no(Reason::BiometricsLocked),
        "what is locked is no evidence"
    );

    let code = town.code(&office, resident.number, 1).await;
    let draft = order_by_code(resident, code, lock_fingers(false));
    let statement = town.send_order(&office, draft).await.unwrap();
    assert_eq!(statement.outcome, Some(ResidentOutcome::Locks(Locks::default())));
    assert_eq!(town.told(&bank, by_fingers(resident.number, hand(1))).await, YES);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_lock_is_set_alone_and_what_is_not_named_stays() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let office = town.office().await;
    let lock = |number, fingers, irises, face| ResidentAction::SetLocks { number, fingers, irises, face };
    let steps = [
        (lock(Some(true), None, None, None), [true, false, false, false]),
        (lock(None, None, Some(true), None), [true, false, true, false]),
        (lock(None, None, None, Some(true)), [true, false, true, true]),
        (lock(Some(false), None, None, None), [false, false, true, true]),
        (lock(None, Some(true), None, None), [false, true, true, true]),
    ];
    for (action, expected) in steps {
        let [number, fingers, irises, face] = expected;
        let locks = town.set_locks(&office, resident, action).await;
        assert_eq!(locks, Locks { number, fingers, irises, face });
    }
    let code = town.code(&office, resident.number, 1).await;
    let open = lock(None, Some(false), Some(false), Some(false));
    let statement = town.send_order(&office, order_by_code(resident, code, open)).await.unwrap();
    assert_eq!(statement.outcome, Some(ResidentOutcome::Locks(Locks::default())));
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_locks_another_persons_number() {
    let town = Town::new().await;
    let (asha, maya) = (town.enrol(1).await, town.enrol(2).await);
    let office = town.office().await;
    let bank = town.bank().await;
    let mut draft = order(asha, lock_number(true));
    draft.fingers = hand(maya.person);
    let statement = town.send_order(&office, draft).await.unwrap();
    assert_eq!((statement.verdict, statement.reason), no(Reason::BiometricMismatch));
    assert_eq!(statement.outcome, None);
    assert_eq!(town.told(&bank, by_name(asha.number, NAME)).await, YES);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_party_that_does_not_serve_residents_gets_1022_for_every_order_and_every_number() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let bank = town.bank().await;
    let actions = [
        lock_number(true),
        ResidentAction::RevokeVirtualNumber,
        ResidentAction::CreateTotp,
        ResidentAction::RemoveTotp,
        ResidentAction::ReadHistory { page_size: 10, before: None },
        ResidentAction::CreateVirtualNumber {
            kind: plinth_identity::virtual_number::VirtualNumberKind::Perpetual,
            valid_for_ms: None,
        },
    ];
    for action in actions {
        let known = town.send_order(&bank, order(resident, action)).await.unwrap_err();
        assert_eq!(reason(&known).code(), 1022, "{action:?}");
        let mut draft = order(resident, action);
        draft.number = unknown_number(1);
        assert_eq!(town.send_order(&bank, draft).await.unwrap_err(), known);
    }
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_office_that_may_not_use_fingers_is_refused_with_576() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let factors = plinth_identity::FactorSet::EMPTY.with(plinth_identity::Factor::Otp);
    let policy = plinth_identity::RelyingPartyPolicy { factors, resident_agent: true, ..open_policy() };
    let office = town.party("office", policy).await;
    let refused = town.send_order(&office, order(resident, lock_number(true))).await.unwrap_err();
    assert_eq!(reason(&refused).code(), 576);
    let code = town.code(&office, resident.number, 1).await;
    let draft = order_by_code(resident, code, lock_number(true));
    assert_eq!(town.send_order(&office, draft).await.unwrap().verdict, Verdict::Yes);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_locked_number_and_fingers_undoes_both_with_a_code_at_the_office() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let (office, bank) = (town.office().await, town.bank().await);
    let both =
        |locked| ResidentAction::SetLocks { number: locked, fingers: locked, irises: None, face: None };
    let locks = town.set_locks(&office, resident, both(Some(true))).await;
    assert_eq!(locks, Locks { number: true, fingers: true, ..Locks::default() });
    let code = town.code(&office, resident.number, 1).await;
    let opened = town.send_order(&office, order_by_code(resident, code, both(Some(false)))).await.unwrap();
    assert_eq!(opened.outcome, Some(ResidentOutcome::Locks(Locks::default())));
    assert_eq!(town.told(&bank, by_fingers(resident.number, hand(1))).await, YES);
    town.close().await;
}
