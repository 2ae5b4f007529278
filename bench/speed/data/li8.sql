-- li eight times, for what must not grow with a table. REQUIRES li.
create unlogged table li8 (like li);
insert into li8 select li.* from li, generate_series(1, 8);
