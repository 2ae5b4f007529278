-- The shop's tables, and a user for the load who may read and nothing else.
-- psql -v etl_password=... -d shop -f schema.sql
create type order_status as enum ('new', 'paid', 'shipped', 'returned');

create table countries (
  code char(2) primary key,
  name text not null,
  updated_at timestamptz not null default now()
);

create table customers (
  customer_id integer primary key,
  name text not null,
  email varchar(200),
  country char(2) not null,       -- the shop never checked it against countries
  segment text not null,
  vip boolean not null default false,
  born date,
  updated_at timestamptz not null default now()
);

create table products (
  product_id integer primary key,
  sku uuid not null unique,
  name text not null,
  price numeric(12, 2) not null,
  weight_kg numeric(10, 3),
  tags text[],
  attributes jsonb not null default '{}',
  discontinued boolean not null default false,
  updated_at timestamptz not null default now()
);

create table orders (
  order_id bigint primary key,
  customer_id integer not null,   -- no foreign key: old orders name customers who are gone
  ordered_at timestamptz not null,
  status order_status not null,
  total numeric(12, 2) not null,
  attributes jsonb,
  note text,
  updated_at timestamptz not null default now()
);

create table order_items (
  order_id bigint not null references orders,
  line_no smallint not null,
  product_id integer not null references products,
  quantity integer not null,
  price numeric(12, 2) not null,
  updated_at timestamptz not null default now(),
  primary key (order_id, line_no)
);

-- Somebody's leftover, which the copy leaves alone.
create table tmp_import (line text);

create index on customers (updated_at);
create index on products (updated_at);
create index on orders (updated_at);
create index on order_items (updated_at);

create role etl login password :'etl_password';
grant select on all tables in schema public to etl;
-- To see transactions that are still running; without it the watermark cannot be as sure.
grant pg_read_all_stats to etl;
