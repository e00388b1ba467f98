{{ config(materialized='view') }}
select l.order_id, l.line_number, l.order_date, l.country, l.channel, l.currency, l.quantity, l.net_amount, p.category
from {{ source('gold', 'fact_order_line') }} l
join {{ source('gold', 'dim_product') }} p on l.product_key = p.product_key
where l.is_sale
