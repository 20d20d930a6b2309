//! Walks the compiled contract: everything is explained, and everything is where its name says.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::path::Path;

use plinth_proto::FILE_DESCRIPTOR_SET;
use prost::Message;
use prost_types::field_descriptor_proto::Type;
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet};

/// Field numbers of `google.protobuf.FileDescriptorProto` and its parts, of which source locations are made.
mod path {
    pub(super) const FILE_MESSAGE: i32 = 4;
    pub(super) const FILE_ENUM: i32 = 5;
    pub(super) const FILE_SERVICE: i32 = 6;
    pub(super) const MESSAGE_FIELD: i32 = 2;
    pub(super) const MESSAGE_NESTED: i32 = 3;
    pub(super) const MESSAGE_ENUM: i32 = 4;
    pub(super) const MESSAGE_ONEOF: i32 = 8;
    pub(super) const ENUM_VALUE: i32 = 2;
    pub(super) const SERVICE_METHOD: i32 = 2;
}

fn contract() -> Vec<FileDescriptorProto> {
    FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap().file
}

/// Every element of a file with its source path: what must have a comment.
fn elements(file: &FileDescriptorProto) -> Vec<(Vec<i32>, String)> {
    let mut found = Vec::new();
    for (i, message) in (0..).zip(&file.message_type) {
        message_elements(message, &[path::FILE_MESSAGE, i], file.package(), &mut found);
    }
    for (i, one) in (0..).zip(&file.enum_type) {
        enum_elements(one, &[path::FILE_ENUM, i], file.package(), &mut found);
    }
    for (i, service) in (0..).zip(&file.service) {
        let name = format!("{}.{}", file.package(), service.name());
        for (j, method) in (0..).zip(&service.method) {
            let place = vec![path::FILE_SERVICE, i, path::SERVICE_METHOD, j];
            found.push((place, format!("{name}.{}", method.name())));
        }
        found.push((vec![path::FILE_SERVICE, i], name));
    }
    found
}

fn message_elements(
    message: &DescriptorProto,
    place: &[i32],
    scope: &str,
    found: &mut Vec<(Vec<i32>, String)>,
) {
    let name = format!("{scope}.{}", message.name());
    for (i, field) in (0..).zip(&message.field) {
        found.push(([place, &[path::MESSAGE_FIELD, i]].concat(), format!("{name}.{}", field.name())));
    }
    for (i, oneof) in (0..).zip(&message.oneof_decl) {
        // The compiler writes a oneof of its own around every optional field; nobody can comment on it.
        let synthetic =
            message.field.iter().any(|field| field.oneof_index == Some(i) && field.proto3_optional());
        if !synthetic {
            found.push(([place, &[path::MESSAGE_ONEOF, i]].concat(), format!("{name}.{}", oneof.name())));
        }
    }
    for (i, nested) in (0..).zip(&message.nested_type) {
        message_elements(nested, &[place, &[path::MESSAGE_NESTED, i]].concat(), &name, found);
    }
    for (i, nested) in (0..).zip(&message.enum_type) {
        enum_elements(nested, &[place, &[path::MESSAGE_ENUM, i]].concat(), &name, found);
    }
    found.push((place.to_vec(), name));
}

fn enum_elements(one: &EnumDescriptorProto, place: &[i32], scope: &str, found: &mut Vec<(Vec<i32>, String)>) {
    let name = format!("{scope}.{}", one.name());
    for (i, value) in (0..).zip(&one.value) {
        found.push(([place, &[path::ENUM_VALUE, i]].concat(), format!("{name}.{}", value.name())));
    }
    found.push((place.to_vec(), name));
}

#[test]
fn every_service_rpc_message_enum_value_and_field_has_a_comment() {
    let mut walked = 0;
    for file in contract() {
        let commented: BTreeSet<Vec<i32>> = file
            .source_code_info
            .as_ref()
            .unwrap()
            .location
            .iter()
            .filter(|location| location.leading_comments().trim().len() >= 5)
            .map(|location| location.path.clone())
            .collect();
        for (place, name) in elements(&file) {
            assert!(commented.contains(&place), "{name} has no comment");
            walked += 1;
        }
    }
    assert!(walked > 200, "only {walked} elements walked: the walk is broken");
}

#[test]
fn every_package_is_its_folder_and_no_file_is_left_out() {
    // Asked for at run time: checkouts may share one build folder.
    let here = std::env::var_os("CARGO_MANIFEST_DIR").unwrap();
    let root = Path::new(&here);
    let mut compiled = BTreeSet::new();
    for file in contract() {
        let folder = Path::new(file.name()).parent().unwrap().to_str().unwrap().replace('/', ".");
        assert_eq!(file.package(), folder, "{} is in the wrong folder", file.name());
        assert!(
            file.package().starts_with("plinth.") && file.package().ends_with(".v1"),
            "{}",
            file.package()
        );
        assert!(root.join(file.name()).is_file(), "{} does not exist", file.name());
        assert_eq!(file.syntax(), "proto3", "{}", file.name());
        compiled.insert(root.join(file.name()));
    }
    let mut folders = vec![root.join("plinth")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap().path();
            if entry.is_dir() {
                folders.push(entry);
            } else {
                assert!(compiled.contains(&entry), "{} is not compiled", entry.display());
            }
        }
    }
}

#[test]
fn every_rpc_has_messages_of_its_own_named_after_it() {
    for file in contract() {
        for method in file.service.iter().flat_map(|service| &service.method) {
            let expected = format!(".{}.{}", file.package(), method.name());
            assert_eq!(method.input_type(), format!("{expected}Request"));
            assert_eq!(method.output_type(), format!("{expected}Response"));
        }
    }
}

#[test]
fn every_enum_begins_with_an_unspecified_zero_and_names_its_values_after_itself() {
    for file in contract() {
        for one in &file.enum_type {
            let prefix = upper_snake(one.name());
            assert_eq!(one.value[0].name(), format!("{prefix}_UNSPECIFIED"));
            assert_eq!(one.value[0].number(), 0);
            assert!(
                one.value.iter().all(|value| value.name().starts_with(&format!("{prefix}_"))),
                "{prefix}"
            );
        }
    }
}

#[test]
fn every_signed_statement_and_request_begins_with_a_header() {
    let mut headed = 0;
    for message in contract().iter().flat_map(|file| &file.message_type) {
        for field in &message.field {
            if field.r#type() == Type::Message && field.type_name().ends_with("Header") {
                assert_eq!((field.name(), field.number()), ("header", 1), "{}", message.name());
                headed += 1;
            }
        }
    }
    assert_eq!(headed, 16, "sixteen bodies carry a header; a service description is the only one without");
}

fn upper_snake(camel: &str) -> String {
    let mut snake = String::new();
    for letter in camel.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_uppercase());
    }
    snake
}
