-- due is always a time: when the delivery may be sent at the earliest. place is where the delivery stands in the queue of
-- an ordered hook: the seq of its event. It is 0 for other hooks, whose deliveries are claimed by due alone.
alter table deliveries add column place {int} not null default 0;

-- Until now due was the seq for ordered hooks.
update deliveries set place = event_seq, due = updated where state = 'pending' and due = event_seq;

create index deliveries_places on deliveries (hook_key, node, place) where state = 'pending' and place > 0;
