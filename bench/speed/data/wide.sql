-- 200 columns of eight kinds in turn, as an exported spreadsheet has them.
select 'create unlogged table wide (' || string_agg('c' || part || ' ' || (array['bigint', 'int', 'numeric(15,2)',
    'text', 'float8', 'date', 'boolean', 'timestamptz'])[1 + part % 8], ', ' order by part) || ')'
  from generate_series(0, 199) part \gexec
select 'insert into wide select i, ' || string_agg(format((array[
    'speed.pick(i, %1$s, %2$s, 1000000000000)',
    'speed.pick(i, %1$s, %2$s, 1000000)',
    'speed.pick(i, %1$s, %2$s, 100000000) / 100.0',
    'substr(speed.letters(i, %1$s, %2$s), 1, 1 + i::int %% 16)',
    'speed.pick(i, %1$s, %2$s, 1000000007) / 7.0::float8',
    'date ''2000-01-01'' + speed.pick(i, %1$s, %2$s, 9000)::int',
    'speed.pick(i, %1$s, %2$s, 2) = 0',
    'timestamptz ''2020-01-01 00:00:00+00'' + speed.pick(i, %1$s, %2$s, 150000000) * interval ''1 second'''
    ])[1 + part % 8], :seed, part), ', ' order by part) || ' from generate_series(1::bigint, ' || :rows || ') i'
  from generate_series(1, 199) part \gexec
