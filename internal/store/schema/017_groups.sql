-- The groups that the OpenID provider named at the user's last sign-in.
create table user_groups (
    user_key {int}  not null,
    name     {text} not null,
    primary key (user_key, name)
){rows};

-- Groups of the provider that have a role in a project.
create table member_groups (
    project_key {int}  not null,
    name        {text} not null,
    role        {text} not null,
    primary key (project_key, name)
){rows};
create index member_groups_name on member_groups (name);
