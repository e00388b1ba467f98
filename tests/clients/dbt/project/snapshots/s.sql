{% snapshot orders_history %}
{{ config(target_schema='mart', unique_key='order_id', strategy='check', check_cols=['price'], table_type='iceberg') }}
select order_id, customer, price from {{ ref('orders') }}
{% endsnapshot %}
