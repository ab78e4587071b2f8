//! Tests of the store, through its public face and on real files. After every test each chain is
//! verified: a test that leaves a broken one fails whatever it checked.

mod accept;
mod bed;
mod claim;
mod claim_property;
mod commit;
mod decide;
mod decided;
mod forge;
mod gathered;
mod group;
mod messages;
mod open;
mod quarantine;
mod read;
mod said;
mod status;
mod tokens;
mod writer;
