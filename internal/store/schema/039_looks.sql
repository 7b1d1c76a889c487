-- How the portals of an owner's projects look.
create table owner_looks (
    owner {text} not null primary key, -- in lower case
    data  {text} not null              -- JSON
){rows};
