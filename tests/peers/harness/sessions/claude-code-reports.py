"""Python, Claude Code: a long refactoring of a report service in many small edits over four turns, with test runs in
between: blocking calls out of the event loop, a mutable default, SQL put together from names, resources without an end."""
HARNESS = 'claude-code'
PROJECT = 'reports'
SEED = {
    '.gitignore': '__pycache__/\n.pytest_cache/\n',
    'reports/__init__.py': '',
    'reports/store.py': '''"""Reads orders."""
import sqlite3


def connect(path):
    return sqlite3.connect(path)


def orders_of(conn, customer, seen=[]):
    rows = conn.execute(f"SELECT id, cents FROM orders WHERE customer = '{customer}'").fetchall()
    for row in rows:
        if row not in seen:
            seen.append(row)
    return seen


def save(path, rows):
    f = open(path, "w")
    for row in rows:
        f.write("%d;%d\\n" % row)
    f.close()
''',
    'reports/service.py': '''"""Makes reports while requests wait."""
import asyncio
import subprocess
import time

from reports import store


async def make(conn, customer, path):
    rows = store.orders_of(conn, customer)
    store.save(path, rows)
    time.sleep(0.2)
    return path


async def pack(path):
    subprocess.run(f"gzip -kf {path}", shell=True, check=True)
    return path + ".gz"


async def make_all(conn, customers, folder):
    out = []
    for customer in customers:
        out.append(await make(conn, customer, f"{folder}/{customer}.csv"))
    return out
''',
    'tests/test_reports.py': '''import asyncio

import pytest

from reports import service, store


@pytest.fixture
def conn():
    conn = store.connect(":memory:")
    conn.execute("CREATE TABLE orders (id INTEGER, customer TEXT, cents INTEGER)")
    conn.executemany("INSERT INTO orders VALUES (?, ?, ?)", [(1, "ada", 500), (2, "ada", 700), (3, "bob", 900)])
    return conn


def test_a_customers_orders(conn):
    assert store.orders_of(conn, "ada") == [(1, 500), (2, 700)]


def test_a_report_is_written(conn, tmp_path):
    path = asyncio.run(service.make(conn, "ada", str(tmp_path / "ada.csv")))
    assert open(path).read() == "1;500\\n2;700\\n"
''',
}
PYT = 'python3 -m pytest -q --no-header -p no:cacheprovider'
TURNS = [
    turn('The report service is slow and sometimes mixes customers up. Clean it up step by step, with tests.',
         step(7, 'Let me plan it.', plan('No shared list between calls: the mutable default argument', 'Placeholders instead of formatted SQL', 'Files closed by context managers', 'Blocking calls off the event loop: asyncio.to_thread', 'No shell for gzip')),
         step(4, '', look('reports/store.py'), look('reports/service.py'), look('tests/test_reports.py')),
         step(8, 'A test that shows the mix-up first.', edit('tests/test_reports.py', 'def test_a_report_is_written', '''def test_customers_are_not_mixed(conn):
    store.orders_of(conn, "ada")
    assert store.orders_of(conn, "bob") == [(3, 900)]


def test_a_report_is_written''')),
         step(3, '', run(PYT, 'Run the tests')),
         step(7, 'The default list lives on between calls.', edit('reports/store.py', '''def orders_of(conn, customer, seen=[]):
''', '''def orders_of(conn, customer, seen=None):
    seen = [] if seen is None else seen
''')),
         step(3, '', run(PYT, 'Run the tests')),
         step(6, 'Now the SQL.', edit('reports/store.py', '''conn.execute(f"SELECT id, cents FROM orders WHERE customer = '{customer}'").fetchall()''', '''conn.execute("SELECT id, cents FROM orders WHERE customer = ?", (customer,)).fetchall()''')),
         step(5, 'And the file.', edit('reports/store.py', '''    f = open(path, "w")
    for row in rows:
        f.write("%d;%d\\n" % row)
    f.close()
''', '''    with open(path, "w", encoding="utf-8") as f:
        for row in rows:
            f.write("%d;%d\\n" % row)
''')),
         step(3, '', run(PYT, 'Run the tests')),
         step(4, '', done(1, 2, 3), run("git add -A && git commit -q -m 'Store: no shared list, placeholders, files closed'", 'Commit')),
         step(4, 'The store is clean; the service comes next.')),
    turn('Go on with the service.',
         step(9, 'Blocking work leaves the loop.', edit('reports/service.py', '''    rows = store.orders_of(conn, customer)
    store.save(path, rows)
    time.sleep(0.2)
    return path
''', '''    rows = await asyncio.to_thread(store.orders_of, conn, customer)
    await asyncio.to_thread(store.save, path, rows)
    await asyncio.sleep(0.2)
    return path
''')),
         step(3, '', run(PYT, 'Run the tests')),
         step(12, 'SQLite objects stay on their thread. The store opens its own connection there.', edit('reports/store.py', '''def connect(path):
    return sqlite3.connect(path)
''', '''def connect(path):
    return sqlite3.connect(path, check_same_thread=False)
''')),
         step(3, '', run(PYT, 'Run the tests')),
         step(7, 'No shell.', edit('reports/service.py', '''    subprocess.run(f"gzip -kf {path}", shell=True, check=True)
    return path + ".gz"
''', '''    gzip = await asyncio.create_subprocess_exec("gzip", "-kf", path)
    if await gzip.wait() != 0:
        raise RuntimeError("gzip failed")
    return path + ".gz"
''')),
         step(6, 'All customers at once.', edit('reports/service.py', '''    out = []
    for customer in customers:
        out.append(await make(conn, customer, f"{folder}/{customer}.csv"))
    return out
''', '''    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(make(conn, customer, f"{folder}/{customer}.csv")) for customer in customers]
    return [task.result() for task in tasks]
''')),
         step(4, '', edit('reports/service.py', 'import asyncio\nimport subprocess\nimport time\n', 'import asyncio\n')),
         step(3, '', run(PYT, 'Run the tests')),
         step(4, '', done(4, 5), run("git add -A && git commit -q -m 'Service: nothing blocks the loop'", 'Commit')),
         step(4, 'Nothing blocks the loop any more.'), pause=50),
    turn('Reports are too big for memory. Stream them, and measure how long one takes.',
         step(10, 'A generator instead of a list.', edit('reports/store.py', '''def save(path, rows):
''', '''def stream(conn, customer, size=500):
    """Gives a customer's orders bit by bit."""
    cursor = conn.execute("SELECT id, cents FROM orders WHERE customer = ?", (customer,))
    while chunk := cursor.fetchmany(size):
        yield from chunk


def save(path, rows):
''')),
         step(8, '', edit('reports/service.py', '''    rows = await asyncio.to_thread(store.orders_of, conn, customer)
    await asyncio.to_thread(store.save, path, rows)
    await asyncio.sleep(0.2)
    return path
''', '''    began = time.monotonic()
    await asyncio.to_thread(lambda: store.save(path, store.stream(conn, customer)))
    logging.info("report of %s took %.3f s", customer, time.monotonic() - began)
    return path
''')),
         step(3, '', run(PYT, 'Run the tests')),
         step(6, 'The imports.', edit('reports/service.py', 'import asyncio\n', 'import asyncio\nimport logging\nimport time\n')),
         step(3, '', run(PYT, 'Run the tests')),
         step(3, '', run("git commit -qam 'Reports are streamed and timed'", 'Commit')),
         step(3, 'Streamed, and timed with the monotonic clock.'), pause=40),
    turn('What happens if the folder is not writable?',
         step(8, 'Then save raises and nothing is left behind; I make that explicit.', edit('reports/store.py', '''    with open(path, "w", encoding="utf-8") as f:
        for row in rows:
            f.write("%d;%d\\n" % row)
''', '''    part = path + ".part"
    try:
        with open(part, "w", encoding="utf-8") as f:
            for row in rows:
                f.write("%d;%d\\n" % row)
    except OSError as error:
        raise RuntimeError(f"report {path} was not written") from error
    os.replace(part, path)
''')),
         step(4, '', edit('reports/store.py', 'import sqlite3\n', 'import os\nimport sqlite3\n')),
         step(3, '', run(PYT, 'Run the tests')),
         step(3, '', run("git commit -qam 'A report is whole or not there'", 'Commit')),
         step(3, 'A report is whole or not there.'), pause=30),
]
