import cProfile, pstats, time
import pytest
from tests.sluice.refresh.spark.conftest import BUCKET
from tests.sluice.refresh.spark.shop import SharedShop
from tests.sluice.refresh.spark.test_writes import DELIVERIES
pytestmark = pytest.mark.spark
def test_p(aws, spark):
    shop = SharedShop(aws, spark, BUCKET)
    from sluice.refresh.plan import plan_refresh
    pr = cProfile.Profile()
    for n, delivery in enumerate(DELIVERIES):
        for dataset, rows in delivery.items(): shop.deliver(dataset, rows)
        while ready := plan_refresh(shop.project, shop.load).ready:
            for c in ready:
                t=time.time()
                if n: pr.enable()
                run = shop.run_spark(c.table)
                if n: pr.disable()
                print(n, c.table, round(time.time()-t,2), run.incremental, run.seconds)
    st = pstats.Stats(pr); st.sort_stats("cumulative").print_stats(70)
