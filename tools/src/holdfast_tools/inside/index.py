"""`holdfast-index NAME`: an Elasticsearch index's documents."""

import orjson
from elasticsearch import ApiError, AsyncElasticsearch, NotFoundError, TransportError

from holdfast.service.settings import read
from holdfast_tools.command_line import UserError, parser, positive, run
from holdfast_tools.stores import StoreSettings


def main() -> int:
    arguments = parser("holdfast-index", "Print an index's documents as JSON lines: _id, _version, _source.")
    arguments.add_argument("name", help="products, carts, orders, customers, watermarks or parked")
    arguments.add_argument("--id", help="one document, as it is now (without waiting for a refresh)")
    arguments.add_argument("--last", type=positive, default=10, help="how many")
    options = arguments.parse_args()

    async def work() -> int:
        settings = read(StoreSettings)
        index = f"{settings.namespace}{options.name}"
        elasticsearch = AsyncElasticsearch(settings.elasticsearch_url, request_timeout=10, max_retries=0)
        try:
            if options.id:
                found = [dict(await elasticsearch.get(index=index, id=options.id))]
            else:
                answer = await elasticsearch.search(index=index, size=options.last, version=True)
                found = list(answer["hits"]["hits"])
                total = answer["hits"]["total"]["value"]
                print(f"{total} documents in {', '.join(await elasticsearch.indices.get(index=index))}")
        except NotFoundError as error:
            raise UserError(f"there is no {'document ' + options.id if options.id else 'index ' + index}") from error
        except (ApiError, TransportError) as error:
            raise UserError(f"Elasticsearch: {error}") from error
        finally:
            await elasticsearch.close()
        for document in found:
            print(orjson.dumps({name: document.get(name) for name in ("_id", "_version", "_source")}).decode())
        return 0

    return run("holdfast-index", work)
