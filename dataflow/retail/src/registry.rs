//! Registration: the macros that turn the lists of views, collections and detectors into modules, builders and
//! catalogs.
//!
//! `views!`, `collections!` and `detectors!` name modules, one file each. The list of views generates the modules, the
//! functions of [`Graph`] that build each view on first use, the publication order, the tables and the schemas; the
//! list of detectors generates the modules and the exception types. Nothing refers to a position in a list.
//!
//! The file of a view has a type `Definition` that implements [`View`]. A collection is read by several views or
//! detectors and has no topic; its file has a type `Collected` and a function `collect` that builds it for a graph. The
//! file of a detector has its `KIND` and a function `steps` that builds the steps of its exceptions in a graph.

use std::cell::OnceCell;

use contract::event::Topic;
use contract::exception::Step;
use engine::detector::{StatefulDetector, run_detector};
use engine::emission::buffer::Outputs;
use engine::graph::{Catalog, Detected, GraphInputs, broadcast};
use engine::reference::Notice;
use engine::row::Row;
use engine::time::{Collection, Inputs};
use schemars::JsonSchema;

use crate::views::feed_health;
use crate::{collections, detectors, views};

/// A maintained view.
pub trait View {
    /// The name, `domain.view`: the name of its file with a dot for the first `_`.
    const NAME: &'static str;
    /// The topics that the view is derived from.
    const TOPICS: &'static [Topic];
    /// The key of a row.
    type Key: JsonSchema;
    /// The value of a row, with the fields that only detectors and other views read.
    type Inner;
    /// The value of a row as it is published.
    type Value: JsonSchema;

    /// Maintains the rows of a graph.
    fn build<'scope>(graph: &Graph<'scope>) -> Collection<'scope, Row<Self::Key, Self::Inner>>;

    /// Converts a row's value to its published form.
    fn publish(inner: Self::Inner) -> Self::Value;
}

/// The rows of a view.
pub type Rows<'scope, V> = Collection<'scope, Row<<V as View>::Key, <V as View>::Inner>>;

/// The views and detectors of this program.
pub const CATALOG: Catalog = Catalog { types: detectors::KINDS, build };

/// The inputs of views and detectors, and the collections that are built so far.
///
/// Each view and collection has a function that returns it and builds it on first use.
pub struct Graph<'scope> {
    /// The accepted records and the broadcast reference data.
    pub inputs: GraphInputs<'scope>,
    pub(crate) views: views::Built<'scope>,
    pub(crate) collections: collections::Built<'scope>,
    notices: OnceCell<Collection<'scope, Notice>>,
}

/// Builds every view and detector; the published views are collected in `outputs`.
fn build<'scope>(inputs: &GraphInputs<'scope>, outputs: &mut Outputs) -> Detected<'scope> {
    let graph = Graph::new(inputs.clone());
    let mut published = outputs.views(inputs.reference.inner.scope());
    views::publish(&graph, &mut published);
    published.build();
    Detected { steps: detectors::steps(&graph), notices: graph.notices().clone() }
}

impl<'scope> Graph<'scope> {
    /// Nothing is built yet.
    pub fn new(inputs: GraphInputs<'scope>) -> Self {
        let (views, collections) = Default::default();
        Graph { inputs, views, collections, notices: OnceCell::new() }
    }

    /// Policies, stores and stale feeds, to every worker.
    pub fn notices(&self) -> &Collection<'scope, Notice> {
        self.notices.get_or_init(|| {
            let stale = broadcast(feed_health::stale(self.inputs.ticks, self.feed_health()));
            self.inputs.reference.clone().concat(stale)
        })
    }

    /// Runs a detector over the changes of the rows it reads.
    pub fn watch<D: StatefulDetector>(
        &self,
        detector: D,
        input: impl Into<Inputs<'scope, D::Key, D::Input>>,
    ) -> Collection<'scope, Step> {
        run_detector(detector, self.inputs.ticks, self.inputs.context.clone(), self.notices(), input)
    }
}

/// Lists the views, by name.
macro_rules! views {
    ($($name:ident),+ $(,)?) => {
        /// The maintained views, one file each, as the list in the root of the crate names them.
        pub mod views {
            use std::cell::OnceCell;
            use std::collections::BTreeSet;

            use contract::event::Topic;
            use crate::registry::{Graph, Rows, View};
            use contract::schema::Table;
            use engine::emission::buffer::ViewOutputs;

            $(pub mod $name;)+

            /// The rows of the views that are built.
            #[derive(Default)]
            pub(crate) struct Built<'scope> {
                $($name: OnceCell<Rows<'scope, $name::Definition>>,)+
            }

            impl<'scope> Graph<'scope> {
                $(
                    #[doc = concat!("The rows of view ", stringify!($name), ".")]
                    pub fn $name(&self) -> &Rows<'scope, $name::Definition> {
                        self.views.$name.get_or_init(|| $name::Definition::build(self))
                    }
                )+
            }

            /// Sends the rows of every view to its topic.
            pub(crate) fn publish<'scope>(graph: &Graph<'scope>, outputs: &mut ViewOutputs<'_, 'scope>) {
                $(outputs.send($name::Definition::NAME, graph.$name(), $name::Definition::publish);)+
            }

            /// Every view, by name.
            pub fn tables() -> Vec<Table> {
                fn table<V: View>() -> Table {
                    Table::of::<V::Key, V::Value>(V::NAME, V::TOPICS)
                }
                vec![$(table::<$name::Definition>()),+]
            }

            /// The topics that these views are made of.
            pub fn topics(views: &[&str]) -> BTreeSet<Topic> {
                let all = [$(($name::Definition::NAME, $name::Definition::TOPICS)),+];
                all.iter().filter(|(name, _)| views.contains(name)).flat_map(|(_, topics)| topics.iter().copied()).collect()
            }
        }
    };
}

/// Lists the collections that views and detectors share.
macro_rules! collections {
    ($($name:ident),+ $(,)?) => {
        /// Collections that several views and detectors read and that have no topic, one file each, as the list in the
        /// root of the crate names them.
        pub mod collections {
            use std::cell::OnceCell;

            use crate::registry::Graph;

            $(pub mod $name;)+

            /// The collections that are built.
            #[derive(Default)]
            pub(crate) struct Built<'scope> {
                $($name: OnceCell<$name::Collected<'scope>>,)+
            }

            impl<'scope> Graph<'scope> {
                $(
                    #[doc = concat!("The collection ", stringify!($name), ".")]
                    pub fn $name(&self) -> &$name::Collected<'scope> {
                        self.collections.$name.get_or_init(|| $name::collect(self))
                    }
                )+
            }
        }
    };
}

/// Lists the detectors, by the name of their type.
macro_rules! detectors {
    ($($name:ident),+ $(,)?) => {
        /// The detectors, one file each, as the list in the root of the crate names them: the file has the name of the type.
        pub mod detectors {
            use differential_dataflow::collection::concatenate;

            use contract::exception::Step;
            use contract::exception_type::ExceptionTypes;
            use crate::registry::Graph;
            use engine::time::Collection;

            $(pub mod $name;)+

            /// Every exception type, by name.
            pub const KINDS: ExceptionTypes = ExceptionTypes::new(&[$($name::KIND),+]);

            /// Runs every detector.
            pub(crate) fn steps<'scope>(graph: &Graph<'scope>) -> Collection<'scope, Step> {
                concatenate(graph.inputs.reference.inner.scope(), [$($name::steps(graph)),+])
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A list in which every name is that of its file, and comes before the next.
    fn check(listed: &str, names: &[&str]) {
        let root = include_str!("lib.rs");
        let (_, list) = root.split_once(listed).expect("the list");
        let (list, _) = list.split_once('}').expect("its end");
        let files: Vec<&str> = list.split(',').map(str::trim).filter(|file| !file.is_empty()).collect();
        assert!(names.is_sorted(), "{names:?}");
        assert_eq!(names.iter().map(|name| name.replace('.', "_")).collect::<Vec<_>>(), files);
    }

    #[test]
    fn every_view_and_detector_has_the_name_of_its_file() {
        check("\nviews! {", &views::tables().iter().map(|table| table.name).collect::<Vec<_>>());
        check("\ndetectors! {", &detectors::KINDS.iter().map(|kind| kind.name).collect::<Vec<_>>());
    }

    #[test]
    fn every_type_reads_views_that_are_listed() {
        let tables = views::tables();
        for kind in detectors::KINDS.iter() {
            assert!(kind.views.iter().all(|view| tables.iter().any(|table| table.name == *view)), "{}", kind.name);
        }
    }

    /// The rule of a type is text: its actions, parameters, approvers and policies must occur in the code of its detector.
    #[test]
    fn every_rule_names_what_its_detector_recommends() {
        for kind in detectors::KINDS.iter() {
            let file = format!("{}/src/detectors/{}.rs", env!("CARGO_MANIFEST_DIR"), kind.name.replace('.', "_"));
            let text = std::fs::read_to_string(&file).expect("its file");
            let (_, code) = text.split_once("\n};\n").expect("the code after KIND");
            for one in kind.rule.recommends {
                let names = [one.action, one.approver].into_iter().chain(one.parameters.iter().copied());
                names.for_each(|name| assert!(code.contains(&format!("\"{name}\"")), "{name} in {file}"));
            }
            let texts = format!("{} {}", kind.rule.opens, kind.rule.clears);
            for policy in texts.split('`').skip(1).step_by(2) {
                assert!(kind.policies.iter().any(|own| own.name == policy), "{policy} in {file}");
            }
            for policy in kind.policies {
                assert!(texts.contains(&format!("`{}`", policy.name)), "{} in {file}", policy.name);
            }
        }
    }
}
