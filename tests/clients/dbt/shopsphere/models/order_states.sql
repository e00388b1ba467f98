{{ config(
    materialized='incremental', incremental_strategy='merge', table_type='iceberg', unique_key='order_id',
    partitioned_by=['month(order_ts)']
) }}
select order_id, customer_id, status, channel, order_ts, shipping_cost, updated_at
from {{ source('silver', 'orders') }}
{% if is_incremental() %} where updated_at > (select max(updated_at) from {{ this }}) {% endif %}
