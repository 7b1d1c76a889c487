-- Values by which events are found. Projects name the fields; each change of one raises fields in the row of event_seq,
-- which is locked while events get their numbers: a transaction that stores events knows by it which fields they have.
alter table counters add column fields {int} not null default 0;

create table search_fields (
    key         {key},
    project_key {int}  not null,
    path        {text} not null,
    dropped     {bool} not null, -- the project does not have it any more, and its rows are being deleted
    fill        {int}  not null, -- the project's events below this seq are still to be filled in; 0: none
    oldest      {int}  not null, -- the seqs between which events were to be filled in when the field was added
    newest      {int}  not null,
    filled      {int}  not null, -- how many events were
    created     {int}  not null
){rows};
create index search_fields_project on search_fields (project_key);
create index search_fields_work on search_fields (key) where dropped or fill > 0;

-- An event has a row for each of its fields. part is seq / 8192, so that the rows of new events are near each other
-- whatever their values are. value is at most 15 bytes, or 16 bytes of the SHA-256 of a longer one. An event whose body
-- was too large to look into has part -1 and an empty value.
create table event_fields (
    field {int}  not null,
    part  {int}  not null,
    value {blob} not null,
    seq   {int}  not null,
    primary key (field, part, value, seq)
){norowid};
create index event_fields_seq on event_fields (seq);
