//! Tokens.

use super::bed::{at, on_bed};
use crate::error::Code;
use crate::id::Digest;
use crate::store::{Holder, NewToken, Role, StoreError};

fn token(n: u32, secret: &str) -> NewToken {
    NewToken {
        id: format!("tok-{n:04}").parse().unwrap(),
        name: format!("person-{n}"),
        holder: Holder::New,
        role: Role::ALL[n as usize % Role::ALL.len()],
        hash: Digest::of(secret.as_bytes()),
        created_at: at(i64::from(n)),
        expires_at: (n == 2).then(|| at(99)),
    }
}

#[tokio::test]
async fn a_token_is_found_by_its_digest_until_someone_looks_at_its_dates() {
    on_bed(async |bed| {
        for n in 0..7 {
            bed.store.create_token(token(n, &format!("secret-{n}"))).await.unwrap();
        }
        let found = bed.store.token_by_hash(&Digest::of(b"secret-2")).await.unwrap().unwrap();
        assert_eq!((found.name.as_str(), found.role), ("person-2", Role::ALL[2]));
        assert_eq!((found.expires_at, found.revoked_at), (Some(at(99)), None));
        assert_eq!(bed.store.token_by_hash(&Digest::of(b"secret")).await.unwrap(), None);

        bed.store.revoke_token(&found.id, at(5)).await.unwrap();
        bed.store.revoke_token(&found.id, at(6)).await.unwrap();
        let revoked = bed.store.token_by_hash(&Digest::of(b"secret-2")).await.unwrap().unwrap();
        assert_eq!(revoked.revoked_at, Some(at(5)), "the first revocation stands");
        let unknown = bed.store.revoke_token(&"tok-none".parse().unwrap(), at(5)).await;
        assert_eq!(unknown, Err(StoreError::NotFound));

        let again = bed.store.create_token(token(8, "secret-1")).await;
        assert!(matches!(again, Err(StoreError::Conflict(_))), "a secret is one token's");
        let own = NewToken { name: "service".into(), ..token(9, "x") };
        assert!(matches!(bed.store.create_token(own).await, Err(StoreError::Conflict(_))));
        let names: Vec<String> =
            bed.store.tokens().await.unwrap().into_iter().map(|t| t.name).collect();
        assert_eq!(names, (0..7).map(|n| format!("person-{n}")).collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test]
async fn a_name_goes_from_a_token_that_is_over_to_the_same_person_only() {
    on_bed(async |bed| {
        let again = |n: u32, of: u32, holder, seconds| NewToken {
            name: format!("person-{of}"),
            holder,
            created_at: at(seconds),
            ..token(n, &format!("again-{n}"))
        };
        for n in 0..3 {
            bed.store.create_token(token(n, &format!("secret-{n}"))).await.unwrap();
        }
        bed.store.revoke_token(&"tok-0001".parse().unwrap(), at(86_400)).await.unwrap();
        for (of, seconds, used) in [
            (0, 90_000, None),
            (1, 90_000, Some("the name person-1 was used by a token revoked on 2026-01-04")),
            (2, 98, None),
            (2, 99, Some("the name person-2 was used by a token that expired on 2026-01-03")),
        ] {
            let refused = bed.store.create_token(again(8, of, Holder::New, seconds)).await;
            let refused = refused.unwrap_err();
            let words = used.unwrap_or("a token of this name exists");
            assert!(refused.to_string().starts_with(words), "{refused}");
            assert_eq!(refused.code(), Code::CONFLICT);
            let same = again(10 + of, of, Holder::Same, seconds);
            assert_eq!(bed.store.create_token(same).await.is_ok(), used.is_some(), "{of}");
        }
        let live = bed.store.create_token(again(9, 1, Holder::Same, 90_000)).await;
        assert!(matches!(live, Err(StoreError::Conflict(_))), "one at a time");
    })
    .await;
}

#[test]
fn labels_come_back() {
    for role in Role::ALL {
        assert_eq!(Role::from_label(role.label()), Some(role));
    }
    assert_eq!(Role::from_label("root"), None);
}
