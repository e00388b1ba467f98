SELECT product_id, name, category, brand, list_price, currency, updated_at
FROM {bronze.products}
QUALIFY row_number() OVER (PARTITION BY product_id ORDER BY updated_at DESC, name DESC, category DESC, brand DESC) = 1
ORDER BY product_id
