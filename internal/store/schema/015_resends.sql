-- A delivery that is sent again. While it is, its state is pending; what it reads is in the other columns.
alter table deliveries add column delivered  {int}  not null default 0;  -- its first 2xx; 0: none, or it was never opened again
alter table deliveries add column resend     {text} not null default ''; -- state of the latest sending again; '': never
alter table deliveries add column replay     {int}  not null default 0;  -- key of the bulk replay that opened it last
alter table deliveries add column was        {text} not null default ''; -- state before it was opened again
alter table deliveries add column was_reason {text} not null default '';

create index deliveries_replay on deliveries (replay, node) where state = 'pending' and replay > 0;

alter table replays add column key {int} not null default 0; -- figures of the replay are in counts, under this key

update replays set key = (select count(*) from replays r
    where r.created < replays.created or r.created = replays.created and r.id <= replays.id);

create unique index replays_key on replays (key);

insert into counters (name, value) select 'replay_key', count(*) from replays;
