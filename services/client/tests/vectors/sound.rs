//! Answers that prove what they say.

use data_encoding::HEXLOWER;
use plinth_client::envelope_to_bytes;
use plinth_identity::authentication::Verdict;
use plinth_identity::merkle::MAX_LEAVES;
use plinth_proto::authentication::v1 as authentication;
use prost::Message as _;

use crate::list::{List, yes};
use crate::says;
use crate::signed::{
    FIRST_POSITION, POSITION, REQUEST, STATEMENT, TOKEN, bank, below_in_two_parts, newer, number_of, planted,
    request, request_below, request_body, service, sound, statement, stating, with_key_id, with_signature,
};

pub(crate) fn sound_alone(list: &mut List) {
    let both = [newer().public().to_bytes(), service().public().to_bytes()];
    let no = |reason: Option<u16>| says(Verdict::No, reason, POSITION, None);
    list.add("yes", "A yes with the person's pseudonym, signed alone.", sound(), yes());
    list.add(
        "yes without a token",
        "The relying party's policy gives it no pseudonym.",
        stating(|statement| statement.token.clear()),
        says(Verdict::Yes, None, POSITION, None),
    );
    let refusing = |reason: u32| {
        stating(|statement| {
            statement.set_verdict(authentication::Verdict::No);
            statement.reason = Some(reason);
            statement.token.clear();
        })
    };
    list.add(
        "no with a reason",
        "A no whose reason the relying party may see.",
        refusing(100),
        no(Some(100)),
    );
    list.add(
        "no without a reason",
        "The reason's four bytes are zero: it is not shown.",
        refusing(0),
        no(None),
    );
    let unnamed = with_key_id(&sound(), None);
    list.add("no key id", "The key id is a hint and may be absent.", unnamed.clone(), yes());
    list.add(
        "key of an earlier epoch",
        "Two keys are trusted, and the answer names the older one.",
        sound(),
        yes(),
    )
    .trusting(&both);
    list.add("no key id, two keys", "Each trusted key is tried where none is named.", unnamed, yes())
        .trusting(&both);
    let late = bank().sign(REQUEST, request_body(1, true));
    let mut captured = statement(late.payload(), POSITION, Verdict::Yes);
    captured.buffered = true;
    list.add(
        "buffered request",
        "Captured without a connection; the statement says so.",
        service().sign(STATEMENT, captured.encode_to_vec()),
        yes(),
    )
    .asked(late);
    // A number, eight bytes, four bytes, two bytes, and a group with a number in it, in fields 15 to 19.
    let unknown = "7880018101000000000000000\
                   08d0100000000920102ffff9b01080a9c01";
    let unknown = HEXLOWER.decode(unknown.as_bytes()).unwrap();
    list.add(
        "unknown fields",
        "Fields of a newer version, of every wire type, are skipped.",
        [envelope_to_bytes(&sound()), unknown].concat(),
        yes(),
    );
    list.add(
        "a value twice",
        "Of two payloads the last counts, as protobuf says.",
        [vec![0x0a, 1, 0xff], envelope_to_bytes(&sound())].concat(),
        yes(),
    );
}

pub(crate) fn sound_below(list: &mut List) {
    let trees: [(u32, &[u32]); 7] = [
        (1, &[0]),
        (2, &[0, 1]),
        (3, &[0, 1, 2]),
        (5, &[0, 3, 4]),
        (8, &[0, 5, 7]),
        (200, &[0, 127, 128, 199]),
        (MAX_LEAVES, &[0, MAX_LEAVES - 1]),
    ];
    let says_below = |index: u32| {
        let position = FIRST_POSITION + u64::from(index);
        match index % 2 {
            0 => says(Verdict::Yes, None, position, Some(&TOKEN)),
            _ => says(Verdict::No, None, position, None),
        }
    };
    for (size, indexes) in trees {
        for index in indexes {
            list.add(
                format!("below a root, leaf {index} of {size}"),
                "Proved by the path from its leaf to the signed root.",
                planted(size, *index, |_| (), |_| ()),
                says_below(*index),
            )
            .asked(request(number_of(*index)));
        }
    }
    list.add(
        "proof in two parts",
        "Parts of one message are one message, as protobuf says.",
        below_in_two_parts(),
        says_below(3),
    )
    .asked(request(3));
    list.add(
        "batch-signed request",
        "The request is below a root of the relying party's own.",
        sound(),
        yes(),
    )
    .asked(request_below());
    list.add(
        "batch-signed request and answer",
        "Both are below roots.",
        planted(2, 1, |_| (), |_| ()),
        says_below(1),
    )
    .asked(request_below());
    list.add(
        "request with a spoilt signature",
        "The service checked the request's signature; what counts here are the bytes it covers.",
        sound(),
        yes(),
    )
    .asked(with_signature(&request(1), [0; 64]));
}
