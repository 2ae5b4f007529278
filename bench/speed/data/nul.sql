-- li with a fifth of its values missing, of every column but the first. REQUIRES li.
create unlogged table nul (like li);
select format('alter table nul alter %I drop not null', column_name)
  from information_schema.columns where table_name = 'nul' and ordinal_position > 1 \gexec
select 'insert into nul select l_orderkey, ' ||
  string_agg(format('case when speed.pick(i, %s, %s, 5) > 0 then %I end', :seed, 100 + ordinal_position, column_name),
    ', ' order by ordinal_position) ||
  ' from (select row_number() over (order by l_orderkey, l_linenumber) i, * from li) li'
  from information_schema.columns where table_name = 'nul' and ordinal_position > 1 \gexec
