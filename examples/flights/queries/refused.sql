-- What was refused and why, with one example of each. A full load meets the same bad rows at every run, so a row
-- counts once however often it was refused.
select
  job,
  rule,
  count(distinct coalesce(payload, hex(raw))) as refused,
  min(message) as example
from tidemark_quarantine
group by job, rule
order by refused desc, job, rule
