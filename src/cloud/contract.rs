//! The contract suite: what every cloud must do, run on the twin and, over the wire, on moto.
