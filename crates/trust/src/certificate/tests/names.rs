//! Who is named, and by whom.

use super::*;

#[test]
fn the_issuer_is_the_expected_one_in_both_extensions() {
    let world = World::new();
    let named = || world.bare().with(names(&[(EMAIL, ME)])).with(purposes(&[CODE_SIGNING]));
    let evil = "https://login.example.evil";
    assert!(world.check(&named().with(new_issuer(ISSUER))).is_ok());
    assert!(world.check(&named().with(old_issuer(ISSUER))).is_ok());
    assert!(world.check(&named().with(old_issuer(ISSUER)).with(new_issuer(ISSUER))).is_ok());
    let other = Err(CertificateError::OtherIssuer(evil.into()));
    for (name, leaf, error) in [
        ("none", named(), Err(CertificateError::NoIssuer)),
        ("another, new form", named().with(new_issuer(evil)), other.clone()),
        ("another, old form", named().with(old_issuer(evil)), other.clone()),
        ("another in both", named().with(old_issuer(evil)).with(new_issuer(evil)), other),
        (
            "longer",
            named().with(new_issuer(&format!("{ISSUER}/"))),
            Err(CertificateError::OtherIssuer(format!("{ISSUER}/"))),
        ),
        (
            "the old differs",
            named().with(old_issuer(evil)).with(new_issuer(ISSUER)),
            Err(CertificateError::IssuersDiffer { old: evil.into(), new: ISSUER.into() }),
        ),
        (
            "the new differs",
            named().with(old_issuer(ISSUER)).with(new_issuer(evil)),
            Err(CertificateError::IssuersDiffer { old: ISSUER.into(), new: evil.into() }),
        ),
    ] {
        assert_eq!(world.check(&leaf), error, "{name}");
    }
    for (name, broken, why) in [
        ("the same form twice", vec![new_issuer(ISSUER), new_issuer(ISSUER)], "stands in it twice"),
        ("the old form twice", vec![old_issuer(ISSUER), old_issuer(evil)], "stands in it twice"),
        (
            "text after the new form",
            vec![extension("1.3.6.1.4.1.57264.1.8", false, &[tlv(0x0c, b"a"), vec![0]].concat())],
            "UTF8String",
        ),
        (
            "bare text in the new form",
            vec![extension("1.3.6.1.4.1.57264.1.8", false, ISSUER.as_bytes())],
            "UTF8String",
        ),
        (
            "another kind of string",
            vec![extension("1.3.6.1.4.1.57264.1.8", false, &tlv(0x13, ISSUER.as_bytes()))],
            "UTF8String",
        ),
        ("not UTF-8", vec![extension("1.3.6.1.4.1.57264.1.1", false, b"\xff")], "not UTF-8"),
    ] {
        let mut leaf = named();
        leaf.extensions.extend(broken);
        match world.check(&leaf) {
            Err(CertificateError::Structure { part: Part::Leaf, reason }) => {
                assert!(reason.contains(why), "{name}: {reason}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
    let long = world.check(&named().with(new_issuer(&"x".repeat(1 << 12)))).expect_err("long");
    assert!(long.to_string().len() < 300);
}

#[test]
fn the_subject_is_among_the_names_and_nowhere_else() {
    let world = World::new();
    let with = |found: Option<&[(u8, &[u8])]>| {
        let mut leaf = world.bare().with(purposes(&[CODE_SIGNING])).with(new_issuer(ISSUER));
        leaf.subject = "me@example.com".into();
        leaf.extensions.extend(found.map(names));
        world.check(&leaf)
    };
    assert!(with(Some(&[(EMAIL, ME)])).is_ok());
    assert!(with(Some(&[(EMAIL, b"you@example.com"), (EMAIL, ME)])).is_ok());
    assert!(with(Some(&[(URI, b"https://a.example"), (EMAIL, ME)])).is_ok());
    let other = |names: &str| Err(CertificateError::OtherSubject(names.into()));
    assert_eq!(with(None), other("nobody"), "in the common name only");
    assert_eq!(with(Some(&[(EMAIL, b"you@example.com")])), other("email:you@example.com"));
    assert_eq!(with(Some(&[(EMAIL, b"Me@example.com")])), other("email:Me@example.com"));
    assert_eq!(with(Some(&[(URI, ME)])), other("uri:me@example.com"));
    assert_eq!(with(Some(&[(DNS, ME)])), other("dns:me@example.com"));
    let two = with(Some(&[(EMAIL, b"a@example.com"), (EMAIL, b"b@example.com")]));
    assert_eq!(two, other("email:a@example.com, email:b@example.com"));
    let user = tlv(0xa0, &[]);
    let other_name = [oid("1.3.6.1.4.1.57264.1.7"), tlv(0xa0, &tlv(0x0c, ME))].concat();
    assert_eq!(with(Some(&[(0xa0, &other_name)])), other("user:me@example.com"));
    let no_text = [oid("1.3.6.1.4.1.57264.1.7"), tlv(0xa0, &tlv(0x04, ME))].concat();
    for (name, broken) in [
        ("an otherName that is none", names(&[(0xa0, &user)])),
        ("a user name that is no text", names(&[(EMAIL, ME), (0xa0, &no_text)])),
        ("not ASCII", names(&[(EMAIL, "mé@example.com".as_bytes())])),
        ("an address of five bytes", names(&[(EMAIL, ME), (ADDRESS, b"12345")])),
        ("an x400Address", names(&[(EMAIL, ME), (0xa3, b"")])),
    ] {
        let leaf = world.bare().with(purposes(&[CODE_SIGNING])).with(new_issuer(ISSUER));
        let error = world.check(&leaf.with(broken)).expect_err(name);
        assert!(matches!(error, CertificateError::Structure { .. }), "{name}: {error:?}");
    }
    let twice = world.leaf().with(names(&[(EMAIL, ME)]));
    let error = world.check(&twice).expect_err("the extension stands twice");
    assert!(matches!(error, CertificateError::Structure { .. }), "{error:?}");
}

#[test]
fn a_workload_is_named_by_a_uri() {
    let world = World::new();
    let flow = "https://forge.example/a/.workflows/b.yml@refs/heads/main";
    let leaf = world.bare().with(purposes(&[CODE_SIGNING])).with(new_issuer(ISSUER));
    let leaf = leaf.with(names(&[(URI, flow.as_bytes())])).pem(&world.middle);
    let chain = world.chain(&world.middle());
    let presented = Presented::from_pem(&leaf, Some(&chain)).expect("well formed");
    let check = |subject: Subject| {
        Fulcio::new(world.roots(), ISSUER, subject).expect("expectations").verify(&presented, AT)
    };
    assert!(check(flow.parse().expect("a URI")).is_ok());
    assert!(check(Subject::Uri(flow[..flow.len() - 1].into())).is_err());
    assert!(check(Subject::Email(flow.into())).is_err());
}

#[test]
fn an_organisation_names_e_mail_addresses_and_hosts() {
    let world = World::new();
    let leaf = world.bare().with(names(&[(EMAIL, ME), (DNS, b"*.example.com")]));
    let (me, host) = (Some("me@example.com"), Some("build.example.com"));
    for (email, host_name, accepted) in [
        (me, None, true),
        (None, host, true),
        (me, host, true),
        (Some("you@example.com"), None, false),
        (None, Some("example.com"), false),
        (Some("you@example.com"), host, false),
        (me, Some("example.com"), false),
    ] {
        let found = world.check_pki(&leaf, &world.pki(email, host_name));
        assert_eq!(found.is_ok(), accepted, "{email:?} {host_name:?}");
        let names = "email:me@example.com, dns:*.example.com".to_owned();
        assert!(accepted || found == Err(CertificateError::OtherSubject(names)));
    }
    // Without a purpose it is for all; with one, for code signing.
    let pki = world.pki(me, None);
    let leaf = || world.bare().with(names(&[(EMAIL, ME)]));
    assert!(world.check_pki(&leaf(), &pki).is_ok());
    assert!(world.check_pki(&leaf().with(purposes(&[CODE_SIGNING])), &pki).is_ok());
    let server = world.check_pki(&leaf().with(purposes(&[SERVER])), &pki);
    assert_eq!(server, Err(CertificateError::Usage));
    let expired = leaf().valid(BEFORE.0, BEFORE.1);
    let error = CertificateError::Expired { at: AT, until: 1_699_999_800 };
    assert_eq!(world.check_pki(&expired, &pki), Err(error));
}

#[test]
fn expecting_nothing_is_no_expectation() {
    let world = World::new();
    let email = |text: &str| Subject::Email(text.into());
    assert!(Fulcio::new(world.roots(), ISSUER, email("a@b")).is_some());
    assert!(Fulcio::new(world.roots(), "", email("a@b")).is_none());
    assert!(Fulcio::new(world.roots(), ISSUER, email("")).is_none());
    for (email, host, accepted) in [
        (None, None, false),
        (Some(""), None, false),
        (None, Some(""), false),
        (Some("a@b"), Some(""), false),
        (Some("a@b"), None, true),
        (None, Some("b"), true),
    ] {
        let text = |text: Option<&str>| text.map(str::to_owned);
        let pki = Pki::new(world.roots(), None, text(email), text(host));
        assert_eq!(pki.is_some(), accepted, "{email:?} {host:?}");
    }
}

#[test]
fn each_kind_of_name_is_compared_with_texts_of_that_kind() {
    let world = World::new();
    let user = [oid("1.3.6.1.4.1.57264.1.7"), tlv(0xa0, &tlv(0x0c, b"me!example.com"))].concat();
    let named = |tag: u8, value: &[u8]| {
        let leaf = world.bare().with(names(&[(tag, value)])).with(new_issuer(ISSUER));
        Leaf::read(&leaf.signed_by(&world.middle)).expect("readable")
    };
    let other = |of: &str| Err(CertificateError::OtherSubject(of.into()));
    for (text, own, others) in [
        ("me@example.com", EMAIL, &[URI, DNS][..]),
        ("https://ci.example/job", URI, &[EMAIL, DNS]),
        ("ci.example", DNS, &[EMAIL, URI]),
    ] {
        let (subject, bytes) = (Subject::of(text), text.as_bytes());
        assert_eq!(named(own, bytes).check(ISSUER, &subject), Ok(()), "{text}");
        for tag in others {
            assert!(named(*tag, bytes).check(ISSUER, &subject).is_err(), "{text} as {tag:x}");
        }
        let upper = Subject::of(&text.to_uppercase());
        assert!(named(own, bytes).check(ISSUER, &upper).is_err(), "{text}");
    }
    let leaf = named(0xa0, &user);
    assert_eq!(leaf.check(ISSUER, &Subject::of("me!example.com")), Ok(()));
    for text in ["me@example.com", "https://me!example.com", "me!example.com\0", ""] {
        let found = leaf.check(ISSUER, &Subject::of(text));
        assert_eq!(found, other("user:me!example.com"), "{text:?}");
    }
    let nobody = named(DNS, b"");
    assert!(nobody.check(ISSUER, &Subject::of("")).is_err());
    let unissued = world.bare().with(names(&[(DNS, b"ci.example")])).with(new_issuer(""));
    let unissued = Leaf::read(&unissued.signed_by(&world.middle)).expect("readable");
    let found = unissued.check("", &Subject::of("ci.example"));
    assert_eq!(found, Err(CertificateError::OtherIssuer(String::new())));
}
