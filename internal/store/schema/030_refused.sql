-- Path, query and header of a refused request as they came, sealed: with them it can be checked again. null: not all of it
-- is kept.
alter table refused add column request {blob};
