"""The service of README.md, as four processes: prices and carts in a wild order, kills, and every cart becomes one
order, which a foreign reader sees on the stream."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bench.bench import Bench
from bench.publishing import publish_all
from bench.service import Replica, Service
from bench.waiting import NotYet, TrialFailed, check, until
from bench.wire import Event, seeded_id

PRODUCTS = 40
PRICES = 25
CARTS = 400


class OrdersService(Service):
    """Processes of the adopter's executable, which reads `orders.json` where it is started."""

    durable = "orders-orders"

    def __init__(self, executable: Path, tertib: Path, folder: Path, url: str) -> None:
        super().__init__(tertib, folder, url, name="orders")
        settings = json.loads((Path(__file__).parents[2] / "Adopter" / "orders.json").read_text())
        settings["nats"]["servers"] = [url]
        settings["consumers"]["orders"]["acknowledgementWait"] = "5s"  # a kill is felt for so long
        self.configuration.write_text(json.dumps(settings))
        self.executable = executable

    def start_replica(self) -> Replica:
        self.started += 1
        replica = Replica([self.executable], self.folder / f"orders-{self.started}.log", folder=self.folder)
        self.replicas.append(replica)
        return replica


async def orders_on_stream(jetstream: Any) -> list[tuple[str, int, dict[str, Any]]]:
    """Every order event that the stream holds: subject, version, payload."""
    subscription = await jetstream.subscribe("shop.order.*", ordered_consumer=True)
    found = []
    while len(found) < CARTS:
        message = await subscription.next_msg(timeout=10)
        version = int((message.headers or {})["ce-aggregateversion"])
        found.append((message.subject, version, json.loads(message.data)))
    await subscription.unsubscribe()
    return found


async def run(bench: Bench) -> str:
    random = bench.random("readme service")
    prices = [Event("product", f"p-{product}", version, "product.priced",
                    {"price": random.randrange(1, 1000)}, seeded_id(random))
              for product in range(PRODUCTS) for version in range(1, PRICES + 1)]
    carts = [Event("cart", f"c-{cart}", 1, "cart.checked-out",
                   {"product": f"p-{random.randrange(PRODUCTS)}", "quantity": random.randint(1, 9)},
                   seeded_id(random)) for cart in range(CARTS)]
    load = prices + carts
    random.shuffle(load)

    broker = await bench.broker()
    client = await broker.connect()
    jetstream = client.jetstream()
    executable = bench.settings.orders_service
    if executable is None:
        raise TrialFailed("the adopter's executable is not named with --orders-service")
    service = OrdersService(executable, bench.settings.tertib, bench.folder, broker.url)
    bench.services.append(service)
    await service.start(4, jetstream)
    for start in range(0, len(load), 128):
        await publish_all(jetstream, load[start : start + 128])
        if start in (384, 768):
            service.replace(random.randrange(4))

    def all_placed() -> bool:
        service.check_alive()
        placed = service.rows("SELECT count(*) FROM placed_order")[0][0]
        unpublished = service.rows("SELECT count(*) FROM tertib_outbox WHERE published_at IS NULL")[0][0]
        if placed < CARTS or unpublished:
            raise NotYet(f"{placed} orders are placed, {unpublished} not published yet")
        return True

    await until("every cart is an order, and every order is published", all_placed, timeout=120)
    copies = dict(service.rows("SELECT id, price FROM product_copy"))
    newest = {event.aggregate_id.encode(): event.data["price"] for event in prices if event.version == PRICES}
    check(copies == newest, "the copy of the products differs from their newest prices")

    known: dict[str, set[int]] = {}
    for event in prices:
        known.setdefault(event.aggregate_id, set()).add(event.data["price"])
    published = {}
    for subject, version, order in await orders_on_stream(jetstream):
        check(version == 1 and subject not in published, f"{subject} was published more than once")
        published[subject] = order
    totals = {row[0].decode(): row[1] for row in service.rows("SELECT id, total FROM placed_order")}
    for cart in carts:
        order = published.get(f"shop.order.{cart.aggregate_id}")
        check(order, f"no order was published for {cart.aggregate_id}")
        check(order["total"] == totals[cart.aggregate_id], f"stream and table differ: {order}")
        possible = {price * cart.data["quantity"] for price in known[cart.data["product"]]}
        check(order["total"] in possible, f"the total of {order} comes from no price of its product")
    await service.stop_all()
    await client.close()
    return f"{CARTS} carts became {CARTS} orders, {PRODUCTS} products have their newest price"
