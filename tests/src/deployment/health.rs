//! What the nodes of a deployment say of themselves: their health, and their numbers.

use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::{Deployment, node};

/// The numbers of a deployment, as Prometheus would read them.
#[derive(Clone, Debug)]
pub struct Numbers(Vec<(String, f64)>);

impl Deployment {
    /// What a node answers at a path of its clients' port in plain HTTP; `None`: nothing.
    pub async fn page(&self, number: usize, path: &str) -> Option<(u16, String)> {
        node::get(self.nodes[number].port, path).await
    }

    /// What `grpc.health.v1` of a node says of a name: whether it serves; `None`: it does not know the name.
    pub async fn serves(&self, number: usize, name: &str) -> Option<bool> {
        let channel = tonic::transport::Endpoint::from_shared(self.url(number)).ok()?.connect_lazy();
        let request = HealthCheckRequest { service: name.to_owned() };
        Some(HealthClient::new(channel).check(request).await.ok()?.into_inner().status == 1)
    }

    /// The numbers of all nodes.
    ///
    /// # Panics
    /// If it was not built with metrics, a node does not answer, or what it says is not Prometheus' text format.
    pub async fn metrics(&self) -> Numbers {
        let mut numbers = Vec::new();
        for node in &self.nodes {
            let port = node.metrics_port.expect("it was built with metrics");
            let (status, text) = node::get(port, "/metrics").await.expect("an answer");
            assert_eq!(status, 200, "{text}");
            numbers.extend(text.lines().filter(|line| !line.starts_with('#')).map(read));
        }
        Numbers(numbers)
    }
}

/// `name{label="value",...} number`
fn read(line: &str) -> (String, f64) {
    let (series, number) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no number: {line}"));
    let name = series.split('{').next().unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    assert!(!name.is_empty() && name.chars().all(plain), "no name: {line}");
    assert!(!series.contains('{') || series.ends_with("\"}"), "labels do not end: {line}");
    (series.to_owned(), number.parse().unwrap_or_else(|_| panic!("no number: {line}")))
}

impl Numbers {
    /// The sum over all nodes of a series, by the whole of its name and labels.
    ///
    /// # Panics
    /// If no node has it.
    pub fn sum(&self, series: &str) -> f64 {
        let found: Vec<f64> = self.0.iter().filter(|(name, _)| name == series).map(|(_, number)| *number).collect();
        assert!(!found.is_empty(), "nobody counts {series}");
        found.iter().sum()
    }

    /// The names of all series, with their labels.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}
