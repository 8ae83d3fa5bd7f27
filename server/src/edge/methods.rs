//! Which methods there are, read from the contract itself: which are open to strangers, and which are streams.

use std::collections::HashMap;

use guildhall_proto::FILE_DESCRIPTOR_SET;
use prost::Message;
use prost_types::FileDescriptorSet;

/// What may be called without a token. Everything else may not.
const OPEN: [&str; 4] = [
    "/guildhall.v1.AuthService/Register",
    "/guildhall.v1.AuthService/Login",
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
];

/// What the edge must know of a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Method {
    /// Strangers may call it.
    pub(super) open: bool,
    /// It answers with a stream, which lasts as long as it likes and is counted by those who serve it.
    pub(super) streams: bool,
    /// It belongs to the health service, which answers while the server goes down.
    pub(super) health: bool,
}

/// All methods that are served.
pub(super) struct Methods(HashMap<String, Method>);

impl Methods {
    /// Those of the contract, of the health service and, if it is served, of reflection. Whoever serves reflection serves
    /// it to strangers.
    pub(super) fn new(reflection: bool) -> Self {
        let mut methods = HashMap::new();
        add(&mut methods, FILE_DESCRIPTOR_SET, false);
        add(&mut methods, tonic_health::pb::FILE_DESCRIPTOR_SET, false);
        if reflection {
            add(&mut methods, tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET, true);
        }
        Self(methods)
    }

    /// The method of a path.
    pub(super) fn get(&self, path: &str) -> Option<Method> {
        self.0.get(path).copied()
    }

    /// The names of the contract's services.
    pub(super) fn services() -> Vec<String> {
        let mut names: Vec<_> = services(FILE_DESCRIPTOR_SET).map(|(name, _)| name).collect();
        names.sort_unstable();
        names
    }
}

fn add(methods: &mut HashMap<String, Method>, descriptors: &[u8], open: bool) {
    for (service, list) in services(descriptors) {
        for method in list {
            let path = format!("/{service}/{}", method.name());
            let entry = Method {
                open: open || OPEN.contains(&path.as_str()),
                streams: method.server_streaming(),
                health: service == "grpc.health.v1.Health",
            };
            methods.insert(path, entry);
        }
    }
}

/// The services of a compiled contract, with their methods. The bytes are compiled in, so that unreadable ones are found
/// by the test below and not by users.
fn services(descriptors: &[u8]) -> impl Iterator<Item = (String, Vec<prost_types::MethodDescriptorProto>)> {
    let set = FileDescriptorSet::decode(descriptors).unwrap_or_default();
    set.file.into_iter().flat_map(|file| {
        let package = file.package().to_owned();
        file.service.into_iter().map(move |service| (format!("{package}.{}", service.name()), service.method))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contract_is_known() {
        let methods = Methods::new(false);
        for path in OPEN {
            assert!(methods.get(path).is_some_and(|method| method.open), "{path}");
        }
        let session = methods.get("/guildhall.v1.GatewayService/Session");
        assert!(session.is_some_and(|method| method.streams && !method.open));
        let push = methods.get("/guildhall.v1.GatewayService/Push");
        assert!(push.is_some_and(|method| !method.streams && !method.open));
        assert_eq!(methods.get("/guildhall.v1.GatewayService/Nothing"), None);
        assert_eq!(methods.get("/healthz"), None);
    }

    #[test]
    fn only_the_listed_methods_are_open() {
        let methods = Methods::new(false);
        let open = methods.0.iter().filter(|(_, method)| method.open);
        assert_eq!(open.count(), OPEN.len());
    }

    #[test]
    fn reflection_is_known_only_if_it_is_served() {
        let path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
        assert_eq!(Methods::new(false).get(path), None);
        assert!(Methods::new(true).get(path).is_some_and(|method| method.open));
    }
}
