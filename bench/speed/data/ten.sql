-- Ten rows of li, for what a run costs before it has read anything. REQUIRES li.
create unlogged table ten (like li);
insert into ten select * from li order by l_orderkey, l_linenumber limit 10;
