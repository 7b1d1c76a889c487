-- part of event_fields is seq / 32768 now: a search looks into a quarter as many. Rows of events that go are found by
-- their parts, too. The fields are filled in again.
drop index if exists event_fields_seq;
delete from event_fields;
update search_fields set filled = 0, newest = (select value from counters where name = 'event_seq'),
    fill = (select value + 1 from counters where name = 'event_seq') where not dropped;
