-- While the content of another database is being copied into this one: how far it is. Servers do not start until it is
-- empty again.
create table moves (
    name     {text} not null primary key, -- of a table; '': the row of the other database
    place    {text} not null,             -- primary key of the last row, as JSON; of the other database, what tells it
    copied   {int}  not null,             -- rows
    checksum {text} not null,             -- of these rows
    complete {bool} not null
){rows};
