"""Chunks in Weaviate: embedded, a server by URL, or Weaviate Cloud.

One class per embedding model (`Chunk_<hash>`), and in it one tenant per collection: a search cannot see another
collection, and dropping one is dropping its files.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

import numpy as np

from assistant.config import Settings
from assistant.knowledge import weaviate_server
from assistant.knowledge.stores import hybrid
from assistant.knowledge.types import Chunk, Hit, Vectors, Where
from graphs.errors import StoreError

if TYPE_CHECKING:
    from weaviate import WeaviateClient
    from weaviate.collections import Collection

BATCH = 100
"""Chunks sent at once: about a tenth of a second of work, far from any timeout."""
PAGE = 5000
"""Ids read at once; servers refuse more than 10,000."""
SEARCH_DEPTH = 256
"""HNSW's `ef`: 0.99 recall of the true neighbours, where the default gives 0.94."""
_MOMENT = 0.5
"""Seconds a server gets to say that it is ready."""
_SEARCHED = ["text", "title", "heading"]
_FIELDS = [field.name for field in fields(Chunk)]


@dataclass(frozen=True)
class Address:
    """Where a Weaviate is and which key opens it."""

    url: str
    grpc_host: str
    grpc_port: int
    key: str


def connect(settings: Settings, fingerprint: str, dimensions: int) -> WeaviateStore:
    """A store on the server `settings.store.url` names.

    Raises `StoreError` when it is out of reach or refuses the key.
    """
    address = parse_address(settings)
    if not _answers(address, settings.store.timeout / 2):
        raise StoreError(f"Weaviate at {address.url} does not answer.", "Start it, or correct store.url.")
    return WeaviateStore(lambda: address, None, settings.store.timeout, fingerprint, dimensions)


def open_embedded(
    settings: Settings, fingerprint: str, dimensions: int, on_put: Callable[[], None] | None = None
) -> WeaviateStore:
    """A store on this home's own server, started if it is not up; it is started again should it die."""
    importing = threading.Thread(target=_import_client, daemon=True)  # a second of work while the server starts
    importing.start()
    lease = weaviate_server.lease(settings)

    def find() -> Address:
        server = lease.server()
        importing.join()  # nobody else may meet the client half imported
        return Address(server.url, weaviate_server.HOST, server.grpc_port, server.key)

    try:
        return WeaviateStore(find, lease.close, settings.store.timeout, fingerprint, dimensions, on_put)
    except BaseException:
        lease.close()
        raise


def parse_address(settings: Settings) -> Address:
    """Where `settings.store.url` leads. Weaviate Cloud has its gRPC on a host of its own, on port 443."""
    url = settings.store.url if "://" in settings.store.url else f"http://{settings.store.url}"
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or not _port_is_a_number(parts):
        raise StoreError(f"store.url {settings.store.url!r} is not an address.", "Write it like http://localhost:8080.")
    url = f"{parts.scheme}://{parts.netloc}"
    if parts.hostname.endswith(".weaviate.cloud"):
        return Address(url, f"grpc-{parts.hostname}", 443, settings.store.api_key)
    if parts.hostname.endswith(".weaviate.network"):
        name, _, rest = parts.hostname.partition(".")
        return Address(url, f"{name}.grpc.{rest}", 443, settings.store.api_key)
    return Address(url, parts.hostname, settings.store.grpc_port, settings.store.api_key)


def _port_is_a_number(parts: SplitResult) -> bool:
    try:
        return parts.port is None or parts.port > 0
    except ValueError:
        return False


class WeaviateStore:
    """A `ChunkStore` on a Weaviate. Safe to use from several threads."""

    kind = "weaviate"

    def __init__(
        self,
        find: Callable[[], Address],
        let_go: Callable[[], None] | None,
        timeout: float,
        fingerprint: str,
        dimensions: int,
        on_put: Callable[[], None] | None = None,
    ) -> None:
        self._find, self._let_go, self._timeout, self._on_put = find, let_go, timeout, on_put
        self._class = class_name(fingerprint, dimensions)
        self._lock = threading.Lock()
        self._client: WeaviateClient | None = None
        self._address: Address | None = None
        self.url = ""
        self.version = ""
        try:
            self._connected()
        except BaseException:
            self._disconnect()
            raise

    def ready(self) -> bool:
        """Whether the server answers now. Starts an embedded one that died."""
        try:
            with self._asking("asking whether it is ready"):
                return bool(self._connected().is_ready())
        except StoreError:
            return False

    def alive(self) -> bool:
        """Whether the server says within a moment that it is ready."""
        address = self._address
        return address is not None and _answers(address)

    def put(self, collection: str, chunks: Sequence[Chunk], vectors: Vectors) -> None:
        """Insert or overwrite; returns when Weaviate has written and indexed them."""
        from weaviate.classes.data import DataObject
        from weaviate.util import generate_uuid5

        if len(chunks) != len(vectors):
            raise ValueError(f"{len(chunks)} chunks, but {len(vectors)} vectors")
        for start in range(0, len(chunks), BATCH):
            objects = [
                DataObject(properties=_properties(chunk), uuid=generate_uuid5(chunk.chunk_id), vector=vector.tolist())
                for chunk, vector in zip(chunks[start : start + BATCH], vectors[start : start + BATCH], strict=True)
            ]
            with self._asking(f"storing {len(objects)} chunks"):
                result = self._tenant(collection).data.insert_many(objects)
            if result.has_errors:
                first = next(iter(result.errors.values()))
                raise StoreError(f"Weaviate at {self.url} refused {len(result.errors)} chunks: {first.message}", "")
        if chunks:
            self._settle(collection, chunks[-1])
        if chunks and self._on_put:
            self._on_put()

    def _settle(self, collection: str, chunk: Chunk) -> None:
        """Let Weaviate write down the vectors it has just taken.

        Weaviate 1.38 answers a batch having written its objects, but its vectors only with the batch after it: killed
        in between, it has chunks that no vector finds. A deletion that is a trial writes them, and deletes nothing.
        """
        from weaviate.classes.query import Filter
        from weaviate.util import generate_uuid5

        it = Filter.by_id().equal(generate_uuid5(chunk.chunk_id))
        with self._asking("writing vectors down"):
            self._tenant(collection).data.delete_many(where=it, dry_run=True)

    def remove(self, collection: str, document_id: str, *, everywhere: bool = True) -> None:
        """Delete a document's chunks, those of other embedding models too where `everywhere`."""
        from weaviate.classes.query import Filter

        its = Filter.by_property("document_id").equal(document_id)
        for name in self._classes() if everywhere else [self._class]:
            with self._asking("deleting a document"), _UnknownIsFine():
                while self._tenant(collection, name).data.delete_many(where=its).matches:
                    pass  # a server deletes at most 10,000 objects at once

    def drop(self, collection: str) -> None:
        """Delete a collection's tenant, in the classes of other embedding models too."""
        for name in self._classes():
            with self._asking("deleting a collection"), _UnknownIsFine():
                self._connected().collections.get(name).tenants.remove([collection])

    def clear(self) -> None:
        """Delete this embedding model's class."""
        with self._asking("deleting an embedding model's chunks"):
            self._connected().collections.delete(self._class)

    def near(self, collection: str, vector: Vectors, limit: int, where: Where) -> dict[str, float]:
        """Chunk id → cosine of the nearest chunks."""
        from weaviate.classes.query import MetadataQuery

        if where.documents == frozenset():  # which Weaviate does not take for a filter
            return {}
        with self._asking("searching"), _UnknownIsFine():
            found = self._tenant(collection).query.near_vector(
                near_vector=vector.reshape(-1).tolist(), limit=limit, filters=_filter(where),
                return_properties=["chunk_id"], return_metadata=MetadataQuery(distance=True),
            )  # fmt: skip
            return {str(one.properties["chunk_id"]): 1.0 - float(one.metadata.distance or 0) for one in found.objects}
        return {}

    def words(self, collection: str, text: str, limit: int, where: Where) -> dict[str, float]:
        """Chunk id → BM25 of the best chunks."""
        from weaviate.classes.query import MetadataQuery

        if where.documents == frozenset():
            return {}
        with self._asking("searching"), _UnknownIsFine():
            found = self._tenant(collection).query.bm25(
                query=text, limit=limit, query_properties=_SEARCHED, filters=_filter(where),
                return_properties=["chunk_id"], return_metadata=MetadataQuery(score=True),
            )  # fmt: skip
            return {str(one.properties["chunk_id"]): float(one.metadata.score or 0) for one in found.objects}
        return {}

    def get(self, collection: str, chunk_ids: Sequence[str]) -> dict[str, tuple[Chunk, Vectors]]:
        """The chunks that are there, with their vectors."""
        from weaviate.classes.query import Filter
        from weaviate.util import generate_uuid5

        found: dict[str, tuple[Chunk, Vectors]] = {}
        for start in range(0, len(chunk_ids), BATCH):
            part = [generate_uuid5(name) for name in chunk_ids[start : start + BATCH]]
            with self._asking("reading chunks"), _UnknownIsFine():
                page = self._tenant(collection).query.fetch_objects(
                    filters=Filter.by_id().contains_any(part), limit=len(part),
                    include_vector=True, return_properties=_FIELDS,
                ).objects  # fmt: skip
                found.update(_held(one) for one in page)
        return found

    def search(
        self, collection: str, text: str, vector: Vectors, k: int, alpha: float, where: Where | None = None
    ) -> list[Hit]:
        """Hybrid search; see `hybrid.search`."""
        return hybrid.search(self, collection, text, vector, k, alpha, where)

    def count(self, collection: str) -> int:
        """Number of chunks of a collection."""
        with self._asking("counting"), _UnknownIsFine():
            return int(self._tenant(collection).aggregate.over_all(total_count=True).total_count or 0)
        return 0

    def chunk_ids(self, collection: str, document_id: str) -> set[str]:
        """The ids of a document's chunks, read page by page in the order of their places in the document."""
        from weaviate.classes.query import Filter, Sort

        ids: set[str] = set()
        wanted = its = Filter.by_property("document_id").equal(document_id)
        with self._asking("listing a document's chunks"), _UnknownIsFine():
            while True:
                page = self._tenant(collection).query.fetch_objects(
                    filters=wanted, limit=PAGE,
                    sort=Sort.by_property("start"), return_properties=["chunk_id", "start"],
                ).objects  # fmt: skip
                fresh = {str(one.properties["chunk_id"]) for one in page} - ids
                ids |= fresh
                if len(page) < PAGE or not fresh:
                    return ids
                wanted = its & Filter.by_property("start").greater_or_equal(int(page[-1].properties["start"]))
        return ids

    def close(self) -> None:
        """Let go of the connection, and of the embedded server."""
        with self._lock:
            self._disconnect()
        if self._let_go:
            self._let_go()

    def _tenant(self, collection: str, name: str = "") -> Collection[Any, Any]:
        return self._connected().collections.get(name or self._class).with_tenant(collection)

    def _classes(self) -> list[str]:
        with self._asking("listing its classes"):
            return [name for name in self._connected().collections.list_all(simple=True) if name.startswith("Chunk_")]

    def _connected(self) -> WeaviateClient:
        """The client, connected anew where the embedded server has moved."""
        with self._lock:
            address = self._find()
            if self._client is None or address != self._address:
                self._disconnect()
                self.url = address.url
                with self._asking("connecting"):
                    self._client = _client(address, self._timeout)
                    self._client.connect()
                    _ensure_class(self._client, self._class)
                    self.version = str(self._client.get_meta()["version"])
                self._address = address
            return self._client

    def _disconnect(self) -> None:
        if self._client is not None:
            self._client.close()
        self._client = self._address = None

    @contextmanager
    def _asking(self, what: str) -> Iterator[None]:
        """Every failure inside becomes a `StoreError` that says what was being done, where, and what helps."""
        import grpc
        import httpx
        from weaviate.exceptions import WeaviateBaseError

        try:
            yield
        except (WeaviateBaseError, httpx.HTTPError, grpc.RpcError, OSError) as error:
            raise self._explain(what, error) from error

    def _explain(self, what: str, error: Exception) -> StoreError:
        words = " ".join(str(error).split())
        if (
            getattr(error, "status_code", 0) in (401, 403)
            or "nauthenticated" in words.lower()
            or "nauthorized" in words
        ):
            return StoreError(f"Weaviate at {self.url} refused the key.", "Set store.api_key to a key it accepts.")
        cure = "It is started again at the next use." if self._let_go else "Start it, or correct store.url."
        return StoreError(f"Weaviate at {self.url} failed while {what}: {words[:300]}", cure)


def _answers(address: Address, seconds: float = _MOMENT) -> bool:
    """Whether the server says that it is ready; a closed door is known at once, a silent one after `seconds`."""
    parts = urlsplit(address.url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=seconds)
    try:
        connection.request("GET", "/v1/.well-known/ready")
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def class_name(fingerprint: str, dimensions: int) -> str:
    """The Weaviate class that holds the chunks of one embedding model."""
    return f"Chunk_{hashlib.sha256(f'{fingerprint}/{dimensions}'.encode()).hexdigest()[:8]}"


def _import_client() -> None:
    """Import the client, which turns on every warning of the process where nobody asked for any: not here."""
    unasked = not sys.warnoptions
    if unasked:
        sys.warnoptions.append("default")  # the client takes it for somebody's wish, and lets warnings be
    try:
        import weaviate  # noqa: F401
    finally:
        if unasked:
            sys.warnoptions.remove("default")


def _client(address: Address, timeout: float) -> WeaviateClient:
    """A client that gives up after `timeout`.

    It would retry six times over a minute when a server is gone. `waitForReady` makes gRPC itself wait for the server
    until the deadline of the call, which is not retried.
    """
    _import_client()
    import weaviate
    from weaviate.classes.init import AdditionalConfig, Auth, Timeout
    from weaviate.config import GrpcConfig

    parts = urlsplit(address.url)
    secure = parts.scheme == "https"
    wait = json.dumps({"methodConfig": [{"name": [{}], "waitForReady": True}]})
    one_try = max(timeout - 1.5, timeout / 2)  # a connection that breaks is tried a second time, a second later
    return weaviate.WeaviateClient(
        connection_params=weaviate.connect.ConnectionParams.from_params(
            http_host=parts.hostname or "", http_port=parts.port or (443 if secure else 80), http_secure=secure,
            grpc_host=address.grpc_host, grpc_port=address.grpc_port, grpc_secure=secure,
        ),
        auth_client_secret=Auth.api_key(address.key) if address.key else None,
        additional_config=AdditionalConfig(
            timeout=Timeout(init=one_try, query=one_try, insert=one_try),
            grpc_config=GrpcConfig(channel_options=[("grpc.service_config", wait)]),
        ),
        skip_init_checks=True,
    )  # fmt: skip


def _ensure_class(client: WeaviateClient, name: str) -> None:
    from weaviate.exceptions import UnexpectedStatusCodeError

    if client.collections.exists(name):
        return
    try:
        _create_class(client, name)
    except UnexpectedStatusCodeError:
        if not client.collections.exists(name):  # else somebody else just did
            raise


def _create_class(client: WeaviateClient, name: str) -> None:
    from weaviate.classes.config import Configure, DataType, Property, Tokenization, VectorDistances

    def words(field: str) -> Property:
        return Property(name=field, data_type=DataType.TEXT, tokenization=Tokenization.WORD, index_filterable=False)

    def label(field: str) -> Property:
        return Property(name=field, data_type=DataType.TEXT, tokenization=Tokenization.FIELD, index_searchable=False)

    def number(field: str) -> Property:
        return Property(name=field, data_type=DataType.INT)

    client.collections.create(
        name,
        properties=[
            *(words(field) for field in _SEARCHED),
            *(label(field) for field in ("chunk_id", "document_id", "source")),
            *(number(field) for field in ("start", "end", "page")),
        ],
        vector_config=Configure.Vectors.self_provided(
            vector_index_config=Configure.VectorIndex.hnsw(distance_metric=VectorDistances.COSINE, ef=SEARCH_DEPTH)
        ),
        multi_tenancy_config=Configure.multi_tenancy(auto_tenant_creation=True, auto_tenant_activation=True),
    )


class _UnknownIsFine(AbstractContextManager[None, bool]):
    """Ends its block quietly where a collection has no tenant yet, because nobody has put anything into it."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        return error is not None and "tenant not found" in str(error)


def _properties(chunk: Chunk) -> dict[str, Any]:
    return {name: value for name, value in asdict(chunk).items() if value is not None}


def _filter(where: Where) -> Any:
    """Weaviate's filter for `where`; None where it narrows nothing."""
    from weaviate.classes.query import Filter

    conditions: list[Any] = []
    if where.documents is not None:
        conditions.append(Filter.by_property("document_id").contains_any(sorted(where.documents)))
    if words := where.heading_words:
        conditions.append(Filter.by_property("heading").equal(" ".join(words)))  # all of them: it is kept as words
    if where.pages is not None:
        first, last = where.pages
        conditions.append(Filter.by_property("page").greater_or_equal(first))
        conditions.append(Filter.by_property("page").less_or_equal(last))
    return Filter.all_of(conditions) if conditions else None


def _held(found: Any) -> tuple[str, tuple[Chunk, Vectors]]:
    known = dict(found.properties)
    for name in ("start", "end"):
        known[name] = int(known[name])
    known["page"] = None if known.get("page") is None else int(known["page"])
    known["heading"] = known.get("heading") or ""
    return str(known["chunk_id"]), (Chunk(**known), np.asarray(found.vector["default"], dtype=np.float32))
