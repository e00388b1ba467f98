{{ config(materialized='incremental', incremental_strategy='insert_overwrite', partitioned_by=['order_date']) }}
select channel, count(*) as lines, sum(quantity) as pieces, order_date
from {{ ref('sold_lines') }}
{% if is_incremental() %} where order_date >= (select max(order_date) from {{ this }}) {% endif %}
group by channel, order_date
