-- A line of an order, as TPC-H has it: four numerics, three dates, five texts of which four are of fixed length.
create unlogged table li (
  l_orderkey bigint not null, l_partkey int not null, l_suppkey int not null, l_linenumber int not null,
  l_quantity numeric(15,2) not null, l_extendedprice numeric(15,2) not null, l_discount numeric(15,2) not null,
  l_tax numeric(15,2) not null, l_returnflag char(1) not null, l_linestatus char(1) not null,
  l_shipdate date not null, l_commitdate date not null, l_receiptdate date not null,
  l_shipinstruct char(25) not null, l_shipmode char(10) not null, l_comment varchar(44) not null);
insert into li select
  (i - 1) / 4 * 8 + (i - 1) / 4 % 8 + 1,
  1 + speed.pick(i, :seed, 1, 200000), 1 + speed.pick(i, :seed, 2, 10000), 1 + (i - 1) % 4,
  1 + speed.pick(i, :seed, 3, 50), (90000 + speed.pick(i, :seed, 4, 10400000)) / 100.0,
  speed.pick(i, :seed, 5, 11) / 100.0,
  speed.pick(i, :seed, 6, 9) / 100.0, substr('RAN', 1 + speed.pick(i, :seed, 7, 3)::int, 1),
  substr('OF', 1 + speed.pick(i, :seed, 8, 2)::int, 1), date '1992-01-02' + speed.pick(i, :seed, 9, 2526)::int,
  date '1992-01-31' + speed.pick(i, :seed, 10, 2466)::int, date '1992-01-03' + speed.pick(i, :seed, 11, 2555)::int,
  (array['DELIVER IN PERSON', 'COLLECT COD', 'NONE', 'TAKE BACK RETURN'])[1 + speed.pick(i, :seed, 12, 4)],
  (array['REG AIR', 'AIR', 'RAIL', 'SHIP', 'TRUCK', 'MAIL', 'FOB'])[1 + speed.pick(i, :seed, 13, 7)],
  speed.prose(i, :seed, 14, 10, 43)
from generate_series(1::bigint, :rows) i;
