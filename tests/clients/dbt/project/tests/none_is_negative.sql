select * from {{ ref('iced') }} where price < 0
