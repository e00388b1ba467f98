SELECT order_id, line_number, product_id, quantity, unit_price, discount_pct, currency,
       CAST(round(quantity * unit_price * (100 - coalesce(discount_pct, 0)) * 0.01, 2) AS DECIMAL(18,2)) AS net_amount,
       updated_at
FROM {bronze.order_lines}
QUALIFY row_number() OVER (
  PARTITION BY order_id, line_number
  ORDER BY updated_at DESC, product_id DESC, quantity DESC, unit_price DESC, discount_pct DESC, currency DESC
) = 1
ORDER BY order_id
