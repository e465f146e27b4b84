//! Texts about keys and certificates.

use super::{Row, fulcio, gpg, one, pki, read, refused, sigstore, stricter};

pub(super) fn rows() -> Vec<Row> {
    [keys(), rekor(), certificates()].into_iter().flatten().collect()
}

fn keys() -> Vec<Row> {
    const EMPTY: &str = "an empty name is no file, and taken for absence by the stack";
    const NULL: &str = "null is no value, and taken for absence by the stack";
    vec![
        read(sigstore(r#""keyPath":"/k""#)),
        read(sigstore(r#""keyPath":"relative""#)),
        read(sigstore(r#""keyPaths":["/a","/b"]"#)),
        read(sigstore(r#""keyData":"QUJD""#)),
        read(sigstore(r#""keyData":"QU\r\nJD\n""#)),
        read(sigstore(r#""keyDatas":["QUJD","QQ=="]"#)),
        read(gpg(r#""keyType":"GPGKeys","keyPath":"/k""#)),
        read(gpg(r#""keyType":"GPGKeys","keyPaths":["/a"]"#)),
        read(gpg(r#""keyType":"GPGKeys","keyData":"QUJD""#)),
        read(gpg(r#""keyType":"signedByGPGKeys","keyPath":"/k""#)),
        read(gpg(r#""keyType":"X509Certificates","keyPath":"/k""#)),
        read(gpg(r#""keyType":"signedByX509CAs","keyPath":"/k""#)),
        refused(gpg(r#""keyType":"gpgKeys","keyPath":"/k""#), "default[0].keyType", "keyType"),
        refused(gpg(r#""keyType":null,"keyPath":"/k""#), "default[0].keyType", "a text"),
        refused(gpg(r#""keyPath":"/k""#), "default[0]", "keyType"),
        refused(
            gpg(r#""keyType":"GPGKeys""#),
            "default[0]",
            "needs one of keyPath, keyPaths, keyData",
        ),
        refused(
            gpg(r#""keyType":"GPGKeys","keyPath":"/k","keyData":"QUJD""#),
            "default[0]",
            "keyPath, keyData at once",
        ),
        refused(gpg(r#""keyType":"GPGKeys","keyDatas":["QUJD"]"#), "default[0]", "keyDatas"),
        refused(gpg(r#""keyType":"GPGKeys","keyPath":"""#), "default[0].keyPath", "empty"),
        refused(gpg(r#""keyType":"GPGKeys","keyPath":null"#), "default[0].keyPath", "a text"),
        refused(
            one(r#"{"type":"sigstoreSigned"}"#),
            "default[0]",
            "needs one of keyPath, keyPaths",
        ),
        refused(sigstore(r#""keypath":"/k""#), "default[0]", "unknown key \"keypath\""),
        refused(sigstore(r#""keyPath":"/k","keyType":"GPGKeys""#), "default[0]", "keyType"),
        refused(sigstore(r#""keyPath":["/k"]"#), "default[0].keyPath", "a text"),
        refused(sigstore(r#""keyPath":"""#), "default[0].keyPath", "empty"),
        refused(sigstore(r#""keyPath":null"#), "default[0].keyPath", "a text"),
        refused(sigstore(r#""keyPaths":[]"#), "default[0].keyPaths", "at least one"),
        refused(sigstore(r#""keyDatas":[]"#), "default[0].keyDatas", "at least one"),
        refused(sigstore(r#""keyPaths":null"#), "default[0].keyPaths", "a list"),
        refused(sigstore(r#""keyPaths":"/k""#), "default[0].keyPaths", "a list"),
        refused(sigstore(r#""keyPaths":["/a",1]"#), "default[0].keyPaths[1]", "a text"),
        refused(sigstore(r#""keyData":null"#), "default[0].keyData", "a text"),
        refused(sigstore(r#""keyData":"QUJ""#), "default[0].keyData", "base64"),
        refused(sigstore(r#""keyData":"QU JD""#), "default[0].keyData", "base64"),
        refused(sigstore(r#""keyData":"_-__""#), "default[0].keyData", "base64"),
        refused(sigstore(r#""keyDatas":["QUJD","!"]"#), "default[0].keyDatas[1]", "base64"),
        refused(
            sigstore(r#""keyPath":"/k","keyPaths":["/k"]"#),
            "default[0]",
            "keyPath, keyPaths at once",
        ),
        refused(
            sigstore(r#""keyPath":"/k","keyData":"QUJD""#),
            "default[0]",
            "keyPath, keyData at once",
        ),
        refused(
            sigstore(r#""keyData":"QUJD","keyDatas":["QUJD"]"#),
            "default[0]",
            "keyData, keyDatas at once",
        ),
        stricter(
            gpg(r#""keyType":"GPGKeys","keyPaths":[]"#),
            "default[0].keyPaths",
            "at least one",
            "no image ever satisfies it, which can only be a mistake",
        ),
        stricter(sigstore(r#""keyPaths":["/a",""]"#), "default[0].keyPaths[1]", "empty", EMPTY),
        stricter(sigstore(r#""keyPaths":["/a",null]"#), "default[0].keyPaths[1]", "a text", NULL),
        stricter(sigstore(r#""keyPath":"/a","keyData":null"#), "default[0]", "at once", NULL),
        stricter(sigstore(r#""keyPath":"","keyData":"QUJD""#), "default[0]", "at once", EMPTY),
        stricter(
            sigstore(r#""keyData":"""#),
            "default[0].keyData",
            "empty",
            "no key is in nothing",
        ),
        stricter(
            sigstore(r#""keyData":"QUJE\nQR==""#),
            "default[0].keyData",
            "base64",
            "bits after the last byte make a second spelling",
        ),
        stricter(
            sigstore(r#""keyData":[65,66]"#),
            "default[0].keyData",
            "a text",
            "Go reads a list of numbers as bytes; the format says base64",
        ),
    ]
}

fn rekor() -> Vec<Row> {
    const OPEN: &str = "the stack would then demand no log entry";
    let with = |members: &str| sigstore(&format!(r#""keyPath":"/k",{members}"#));
    vec![
        read(with(r#""rekorPublicKeyPath":"/r""#)),
        read(with(r#""rekorPublicKeyPaths":["/r","/s"]"#)),
        read(with(r#""rekorPublicKeyData":"QUJD""#)),
        read(with(r#""rekorPublicKeyDatas":["QUJD"]"#)),
        refused(with(r#""rekorPublicKeypath":"/r""#), "default[0]", "rekorPublicKeypath"),
        refused(
            with(r#""rekorPublicKeyPath":"/r","rekorPublicKeyData":"QUJD""#),
            "default[0]",
            "rekorPublicKeyPath, rekorPublicKeyData at once",
        ),
        refused(
            with(r#""rekorPublicKeyPaths":["/r"],"rekorPublicKeyDatas":["QUJD"]"#),
            "default[0]",
            "at once",
        ),
        refused(
            with(r#""rekorPublicKeyPaths":[]"#),
            "default[0].rekorPublicKeyPaths",
            "at least one",
        ),
        refused(with(r#""rekorPublicKeyDatas":null"#), "default[0].rekorPublicKeyDatas", "a list"),
        refused(with(r#""rekorPublicKeyPaths":"/r""#), "default[0].rekorPublicKeyPaths", "a list"),
        refused(with(r#""rekorPublicKeyData":"!""#), "default[0].rekorPublicKeyData", "base64"),
        stricter(
            with(r#""rekorPublicKeyPath":"""#),
            "default[0].rekorPublicKeyPath",
            "empty",
            OPEN,
        ),
        stricter(
            with(r#""rekorPublicKeyPath":null"#),
            "default[0].rekorPublicKeyPath",
            "a text",
            OPEN,
        ),
    ]
}

fn certificates() -> Vec<Row> {
    const NULL: &str = "null is no value, and taken for absence by the stack";
    const WHO: &str = r#""oidcIssuer":"https://i","subjectEmail":"a@b""#;
    let fulcio_ca = |ca: &str| fulcio(&format!("{ca},{WHO}"));
    let pki_for = |members: &str| pki(&format!(r#"{members},"subjectEmail":"a@b""#));
    vec![
        read(fulcio_ca(r#""caPath":"/c""#)),
        read(fulcio_ca(r#""caData":"QUJD""#)),
        refused(fulcio(WHO), "default[0].fulcio", "needs one of caPath, caData"),
        refused(fulcio_ca(r#""caPath":"/c","caData":"QUJD""#), "default[0].fulcio", "at once"),
        refused(fulcio_ca(r#""caPath":"""#), "default[0].fulcio.caPath", "empty"),
        refused(fulcio_ca(r#""caPaths":["/c"]"#), "default[0].fulcio", "caPaths"),
        refused(
            fulcio(r#""caPath":"/c","oidcIssuer":"https://i""#),
            "default[0].fulcio",
            "subjectEmail",
        ),
        refused(fulcio(r#""caPath":"/c","subjectEmail":"a""#), "default[0].fulcio", "oidcIssuer"),
        refused(
            fulcio(r#""caPath":"/c","subjectEmail":"a","oidcIssuer":"""#),
            "default[0].fulcio.oidcIssuer",
            "empty",
        ),
        refused(
            sigstore(r#""rekorPublicKeyPath":"/r","fulcio":null"#),
            "default[0].fulcio",
            "an object",
        ),
        refused(
            sigstore(&format!(r#""fulcio":{{"caPath":"/c",{WHO}}}"#)),
            "default[0]",
            "needs one of rekorPublicKeyPath",
        ),
        refused(
            sigstore(&format!(
                r#""keyPath":"/k","rekorPublicKeyPath":"/r","fulcio":{{"caPath":"/c",{WHO}}}"#
            )),
            "default[0]",
            "keyPath, fulcio at once",
        ),
        stricter(fulcio_ca(r#""caPath":"/c","caData":null"#), "default[0].fulcio", "at once", NULL),
        read(pki(r#""caRootsPath":"/c","subjectHostname":"a.example""#)),
        read(pki_for(r#""caRootsData":"QUJD""#)),
        read(pki_for(r#""caRootsPath":"/c","caIntermediatesPath":"/i""#)),
        read(pki_for(
            r#""caRootsPath":"/c","caIntermediatesData":"QUJD","subjectHostname":"a.example""#,
        )),
        refused(
            pki(r#""caRootsPath":"/c""#),
            "default[0].pki",
            "needs one of subjectEmail, subjectHostname",
        ),
        refused(pki(r#""subjectEmail":"a@b""#), "default[0].pki", "needs one of caRootsPath"),
        refused(
            pki_for(r#""caRootsPath":"/c","caRootsData":"QUJD""#),
            "default[0].pki",
            "caRootsPath, caRootsData at once",
        ),
        refused(
            pki_for(
                r#""caRootsPath":"/c","caIntermediatesPath":"/i","caIntermediatesData":"QQ==""#,
            ),
            "default[0].pki",
            "caIntermediatesPath, caIntermediatesData at once",
        ),
        refused(pki_for(r#""caPath":"/c""#), "default[0].pki", "unknown key \"caPath\""),
        refused(
            sigstore(
                r#""rekorPublicKeyPath":"/r","pki":{"caRootsPath":"/c","subjectEmail":"a@b"}"#,
            ),
            "default[0]",
            "pki, rekorPublicKeyPath at once",
        ),
        refused(
            sigstore(r#""keyPath":"/k","pki":{"caRootsPath":"/c","subjectEmail":"a@b"}"#),
            "default[0]",
            "keyPath, pki at once",
        ),
        stricter(
            pki(r#""caRootsPath":"/c","subjectHostname":"a.example","subjectEmail":"""#),
            "default[0].pki.subjectEmail",
            "empty",
            "an empty address is none",
        ),
    ]
}
