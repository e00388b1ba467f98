{% snapshot order_history %}
{{ config(target_schema='reports', unique_key='order_id', strategy='timestamp', updated_at='updated_at', table_type='iceberg') }}
select order_id, status, updated_at from {{ source('silver', 'orders') }}
{% endsnapshot %}
