//! Integration tests: the built binary and real sockets.

#[cfg(test)]
mod accused;
#[cfg(test)]
mod any_api;
#[cfg(test)]
mod architecture;
#[cfg(test)]
mod attacks;
#[cfg(test)]
mod attacks_embedded;
#[cfg(test)]
mod attacks_gate;
#[cfg(test)]
mod attacks_load;
#[cfg(test)]
mod attacks_steps;
#[cfg(test)]
mod attacks_windows;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod bodies;
#[cfg(test)]
mod causes;
#[cfg(test)]
mod check;
#[cfg(test)]
mod ci_examples;
#[cfg(test)]
mod ci_runner;
#[cfg(test)]
mod compare;
#[cfg(test)]
mod completions;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod correlate;
#[cfg(test)]
mod credentials;
#[cfg(test)]
mod dependencies;
#[cfg(test)]
mod every_sender;
#[cfg(test)]
mod evidence_folder;
#[cfg(test)]
mod evidence_run;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod forged;
#[cfg(test)]
mod forgeries;
#[cfg(test)]
mod full_disk;
#[cfg(test)]
mod fuzz_seeds;
#[cfg(test)]
mod gate;
#[cfg(test)]
mod generic;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod honest;
#[cfg(test)]
mod honest_windows;
#[cfg(test)]
mod inbox;
#[cfg(test)]
mod journal_gone;
#[cfg(test)]
mod learn;
#[cfg(test)]
mod load;
#[cfg(test)]
mod load_flows;
#[cfg(test)]
mod load_senders;
#[cfg(test)]
mod load_shards;
#[cfg(test)]
mod load_tls;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod misbehaving;
#[cfg(test)]
mod never_accused;
#[cfg(test)]
mod no_certificates;
#[cfg(test)]
mod observe;
#[cfg(test)]
mod observe_drive;
mod observe_logs;
#[cfg(test)]
mod observe_written;
#[cfg(test)]
mod older_scripts;
#[cfg(test)]
mod origin;
#[cfg(test)]
mod own_memos;
#[cfg(test)]
mod packages;
#[cfg(test)]
mod probe;
#[cfg(test)]
mod probe_own;
#[cfg(test)]
mod probe_table;
#[cfg(test)]
mod promote;
#[cfg(test)]
mod readme;
#[cfg(test)]
mod receive;
#[cfg(test)]
mod receive_hostile;
#[cfg(test)]
mod receive_limits;
#[cfg(test)]
mod receiver;
#[cfg(test)]
mod report;
#[cfg(test)]
mod reserved;
#[cfg(test)]
mod resources;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod scan;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod screens;
#[cfg(test)]
mod senders;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod signature;
#[cfg(test)]
mod smokes;
#[cfg(test)]
mod staging;
#[cfg(test)]
mod strangers;
#[cfg(test)]
mod surroundings;
#[cfg(test)]
mod tampering;
#[cfg(test)]
mod tap;
#[cfg(test)]
mod telemetry;
#[cfg(test)]
mod trust;
#[cfg(test)]
mod used_rows;
#[cfg(test)]
mod wall_clock;
#[cfg(test)]
mod window;
#[cfg(test)]
mod witness;
#[cfg(test)]
mod witness_receivers;
