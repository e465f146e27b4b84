//! A seal that is required, by who has configured it and by who has not.

use super::*;
use crate::archive::sealing::{SealingError, seal};
use crate::seal::sign;
use crate::trust::SigningKey;
use crate::unpack::{SealInputs, SealRefusal};

/// What is trusted: the vendor's key, and this of seals.
fn trusting(scene: &Scene, seal: SealInputs) -> TrustInputs {
    TrustInputs { seal, ..scene.trusting("*") }
}

async fn refused(scene: &Scene, trust: TrustInputs) -> SealRefusal {
    let unpacked = scene.run_as_it_is(scene.options(trust)).await;
    assert!(scene.is_untagged().await);
    match unpacked {
        Err(UnpackError::Seal(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_required_seal_is_one_that_was_verified() {
    let scene = Scene::new().await;
    scene.builder.write(&scene.archive());
    let key = SigningKey::generate().expect("a key");
    let required =
        |keys: Vec<PublicKey>| SealInputs { keys, required: true, ..SealInputs::default() };
    let own = || required(vec![key.public_key().clone()]);
    let bundle = Opened::open(&[scene.archive()]).expect("opened").archive().bundle_digest();
    let expecting = |seal| TrustInputs { expect_bundle: Some(bundle), ..trusting(&scene, seal) };

    // Nobody can verify it: what is configured contradicts itself.
    for trust in [trusting(&scene, required(vec![])), expecting(required(vec![]))] {
        let refusal = refused(&scene, trust).await;
        assert!(matches!(refusal, SealRefusal::NoKey(_)), "{refusal:?}");
        assert_eq!(refusal.class(), Class::Usage);
    }
    // The digest is no seal.
    for trust in [trusting(&scene, own()), expecting(own())] {
        let refusal = refused(&scene, trust).await;
        assert!(matches!(refusal, SealRefusal::Absent), "{refusal:?}");
        assert_eq!(refusal.class(), Class::Refused);
    }
    let sealed = seal::<SealingError>(&[scene.archive()], |inventory| {
        Ok(sign(inventory, &key).expect("a seal"))
    });
    sealed.expect("sealed");
    let other = SigningKey::generate().expect("a key").public_key().clone();
    let refusal = refused(&scene, trusting(&scene, required(vec![other]))).await;
    assert!(matches!(refusal, SealRefusal::Invalid(_)), "{refusal:?}");
    let refusal = refused(&scene, trusting(&scene, required(vec![]))).await;
    assert!(matches!(refusal, SealRefusal::NoKey(_)), "{refusal:?}");
    for trust in [trusting(&scene, own()), expecting(own())] {
        let unpacked = scene.run_as_it_is(scene.options(trust)).await;
        assert!(unpacked.expect("unpacked").names_bound);
    }
}
