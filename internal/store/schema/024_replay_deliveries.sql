-- The deliveries of a bulk replay in the order of lists.
create index deliveries_of_replay on deliveries (replay, event_seq, hook_key) where replay > 0;
