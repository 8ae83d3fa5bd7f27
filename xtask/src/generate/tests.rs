//! Tests of the generator on protos made up for them: what it reads, and that it refuses what it does not know.

use std::fs;
use std::path::Path;

use super::rules::Model;
use super::{checks, descriptors, redact, snapshot, stage_dependencies};
use crate::workspace;

/// Compiles one message with these fields and reads its rules.
fn read(name: &str, fields: &str) -> anyhow::Result<Model> {
    let root = workspace::target().join("xtask-tests").join(name);
    write(&root, fields);
    let compiled = descriptors::compile(&[root, stage_dependencies()?], super::PACKAGE)?;
    Model::read(&compiled.pool)
}

fn write(root: &Path, fields: &str) {
    let dir = root.join("guildhall/v1");
    fs::create_dir_all(&dir).unwrap();
    let text = format!(
        "syntax = \"proto3\";
        package guildhall.v1;
        import \"buf/validate/validate.proto\";
        import \"google/protobuf/timestamp.proto\";
        enum Kind {{ KIND_UNSPECIFIED = 0; }}
        message Inner {{ uint32 number = 1 [(buf.validate.field).uint32.gt = 3]; }}
        message Made {{ {fields} }}
        message Response {{}}
        service MadeService {{ rpc Make(Made) returns (Response); }}"
    );
    fs::write(dir.join("made.proto"), text).unwrap();
}

fn snapshot_of(name: &str, fields: &str) -> Vec<String> {
    let text = snapshot::emit(&read(name, fields).unwrap());
    let lines = text.lines().filter_map(|line| line.strip_prefix("guildhall.v1.Made."));
    lines.map(ToOwned::to_owned).collect()
}

fn refusal_of(name: &str, fields: &str) -> String {
    match read(name, fields) {
        Ok(_) => panic!("accepted: {fields}"),
        Err(error) => format!("{error:#}"),
    }
}

#[test]
fn two_bounds_are_one_rule() {
    let lines = snapshot_of(
        "bounds",
        "int32 a = 1 [(buf.validate.field).int32 = { gt: 0, lte: 9 }];
         uint64 b = 2 [(buf.validate.field).uint64 = { gte: 9, lt: 2 }];
         fixed64 c = 3 [(buf.validate.field).fixed64.lt = 7];",
    );
    assert_eq!(lines, ["a int32.gt_lte = 0, 9", "b uint64.gte_lt_exclusive = 9, 2", "c fixed64.lt = 7"]);
}

#[test]
fn items_and_presence_are_read() {
    let lines = snapshot_of(
        "items",
        "repeated string a = 1 [(buf.validate.field).repeated = {
            unique: true, items: { string: { in: [\"x\", \"y\"] } } }];
         string b = 2 [(buf.validate.field).ignore = IGNORE_IF_ZERO_VALUE, (buf.validate.field).string.prefix = \"p\"];
         oneof c { option (buf.validate.oneof).required = true; Inner d = 3; }
         Inner e = 4 [(buf.validate.field).required = true];",
    );
    assert_eq!(
        lines,
        [
            "c oneof.required = true",
            "a repeated.unique = true",
            "a[] string.in = [x, y]",
            "b ignore = IGNORE_IF_ZERO_VALUE",
            "b string.prefix = p",
            "e required = true",
        ]
    );
}

#[test]
fn code_follows_presence() {
    let fields = "optional uint32 a = 1 [(buf.validate.field).uint32.lt = 5];
        uint32 b = 2 [(buf.validate.field).required = true];
        repeated Inner c = 3;
        oneof d { Inner e = 4; google.protobuf.Timestamp f = 5; }";
    let code = checks::emit(&read("presence", fields).unwrap()).unwrap();
    for part in [
        "if let Some(v) = &self.a { if *v >= 5",
        "let v = &self.b; if *v == 0 { walk.fail(\"b\", \"required\", \"value is required\");",
        "walk.enter_item(\"c\", index); v.check(walk); walk.leave();",
        "Some(v1::made::D::E(v)) => { walk.within(\"e\", v); } _ => {}",
        "impl Validate for v1::Inner",
    ] {
        assert!(code.contains(part), "no `{part}` in\n{code}");
    }
}

/// Fields that are refused, and why.
const REFUSED: &[(&str, &str)] = &[
    ("string a = 1 [(buf.validate.field).string.email = true];", "rule string.email is not supported"),
    ("string a = 1 [(buf.validate.field).cel = { id: \"x\", expression: \"true\" }];", "CEL is not supported"),
    ("string a = 1 [(buf.validate.field).cel_expression = \"true\"];", "CEL is not supported"),
    ("double a = 1 [(buf.validate.field).double.gt = 1];", "rules of double are not supported"),
    ("uint64 a = 1 [(buf.validate.field).fixed64.gt = 1];", "rules `fixed64` do not fit this field"),
    ("repeated string a = 1 [(buf.validate.field).string.len = 1];", "rules `string` do not fit this field"),
    ("map<string, string> a = 1 [(buf.validate.field).map.min_pairs = 1];", "rules of maps are not supported"),
    ("google.protobuf.Timestamp a = 1 [(buf.validate.field).timestamp.lt_now = true];", "do not fit"),
    ("string a = 1 [(buf.validate.field).string.pattern = \"(\"];", "pattern `(`"),
];

#[test]
fn what_is_not_known_is_refused_by_name() {
    for (number, (field, reason)) in REFUSED.iter().enumerate() {
        let refusal = refusal_of(&format!("refused-{number}"), field);
        assert!(refusal.starts_with("guildhall.v1.Made.a: "), "{refusal}");
        assert!(refusal.contains(reason), "{refusal}");
    }
    let option = "option (buf.validate.message).oneof = { fields: [\"a\"] }; string a = 1;";
    assert!(refusal_of("refused-message", option).starts_with("guildhall.v1.Made: "));
}

#[test]
fn secrets_are_found() {
    let root = workspace::target().join("xtask-tests/secrets");
    write(&root, "string name = 1; string password = 2 [debug_redact = true];");
    let compiled = descriptors::compile(&[root, stage_dependencies().unwrap()], super::PACKAGE).unwrap();
    let redacted = redact::Redacted::find(&compiled.pool).unwrap();
    assert_eq!(redacted.paths(), [".guildhall.v1.Made"]);
    let code = redacted.emit();
    assert!(code.contains(".field(\"name\", &self.name)"), "{code}");
    assert!(!code.contains("self.password"), "{code}");
}
