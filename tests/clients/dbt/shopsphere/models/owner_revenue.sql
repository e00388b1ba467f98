{{ config(materialized='table') }}
select o.owner, o.monthly_target, count(distinct l.order_id) as orders, sum(l.net_amount) as revenue
from {{ ref('sold_lines') }} l
join {{ ref('channel_owners') }} o on l.channel = o.channel
where l.currency = 'EUR'
group by o.owner, o.monthly_target
