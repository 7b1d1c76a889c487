-- The change of the key of the secrets to another: the one under way, or the last one.
create table key_rotation (
    id         {int}  not null primary key, -- 1
    value      {blob} not null,             -- as in key_check, sealed with the new key
    phase      {text} not null,
    part       {int}  not null,             -- number of the column whose values are being sealed again
    place      {text} not null,             -- key of the last row of it that is done, as JSON
    sealed     {int}  not null,             -- values so far
    unreadable {int}  not null,             -- values that no key opens, which stay as they are
    started    {int}  not null,
    ended      {int}  not null              -- 0: it is under way
){rows};

-- What a node can do of the rotation under way. 1: it opens values sealed with the new key, 2: it seals with it, too.
alter table nodes add column rotation {int} not null default 0;
