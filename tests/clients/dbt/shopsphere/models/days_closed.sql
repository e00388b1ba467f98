{{ config(materialized='incremental', incremental_strategy='append', table_type='iceberg') }}
select order_date, sum(orders) as orders, sum(revenue) as revenue
from {{ source('gold', 'daily_sales') }}
where currency = 'EUR'
{% if is_incremental() %} and order_date > (select max(order_date) from {{ this }}) {% endif %}
group by order_date
