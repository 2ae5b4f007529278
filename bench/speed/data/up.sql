-- li with a key and the time of a row's last change, for loads of what is new. REQUIRES li.
create unlogged table up (like li, updated_at timestamptz not null, primary key (l_orderkey, l_linenumber));
insert into up select *, timestamptz '2024-01-01 00:00:00+00' + l_linenumber * interval '1 second' from li;
create index up_at on up (updated_at);
