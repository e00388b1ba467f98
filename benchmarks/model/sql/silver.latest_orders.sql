SELECT order_id, customer_id, CAST(order_ts AS DATE) AS order_date, status, currency, country, channel, updated_at
FROM {bronze.orders}
QUALIFY row_number() OVER (
  PARTITION BY order_id
  ORDER BY updated_at DESC, customer_id DESC, order_ts DESC, status DESC, currency DESC, country DESC, channel DESC
) = 1
ORDER BY order_id
