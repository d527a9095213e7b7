//! Looks up and creates topics of a Fluvio cluster.

use crate::error::{Error, Place};
use crate::fluvio::config::FluvioCluster;
use crate::fluvio::runtime::{Client, Failure};

/// How many partitions a topic has.
///
/// # Errors
/// If the cluster cannot be reached, or, finally, has no such topic.
pub fn partitions(cluster: &FluvioCluster, topic: &str) -> Result<u32, Error> {
    let place = Place { topic: topic.to_owned(), ..Place::default() };
    let asked = Client::connect(cluster).and_then(|client| client.partitions(topic));
    let count = asked.map_err(|failure| failure.at("look up", &place))?;
    count.ok_or_else(|| Error::broker_final("look up", &place, "there is no such topic"))
}

/// Creates a topic with so many partitions, unless it is there.
///
/// # Errors
/// If the cluster cannot be reached or refuses, or, finally, the topic is there with another number of partitions.
pub fn create_topic(cluster: &FluvioCluster, topic: &str, partitions: u32) -> Result<(), Error> {
    let place = Place { topic: topic.to_owned(), ..Place::default() };
    let failed = |failure: Failure| failure.at("create", &place);
    let client = Client::connect(cluster).map_err(failed)?;
    match client.partitions(topic).map_err(failed)? {
        None => client.create_topic(topic, partitions).map_err(failed),
        Some(held) if held == partitions => Ok(()),
        Some(held) => Err(Error::broker_final("create", &place, format!("it is there, with {held} partitions"))),
    }
}
