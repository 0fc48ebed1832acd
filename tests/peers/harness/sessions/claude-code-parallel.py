"""Two sessions side by side, Claude Code: SQL and shell against a real PostgreSQL in one window (a migration that fails on
duplicates first), Rust in the other (a borrow that the compiler refuses first)."""
HARNESS = 'claude-code'
PROJECT = 'billing'
SEED = {
    'README.md': 'Schema of the billing database. `bin/test` replays the migrations into a schema of its own.\n',
    'migrations/001_invoices.sql': '''CREATE TABLE invoices (
    id bigserial PRIMARY KEY,
    number text NOT NULL,
    customer_id bigint NOT NULL,
    cents bigint NOT NULL
);
INSERT INTO invoices (number, customer_id, cents) VALUES ('2026-001', 7, 1200), ('2026-002', 7, 900), ('2026-002', 7, 900);
''',
    'bin/test': '''#!/bin/bash
set -eu
cd "$(dirname "$0")/.."
psql -qX -v ON_ERROR_STOP=1 <<'SQL'
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS billing CASCADE;
CREATE SCHEMA billing;
SQL
for f in migrations/*.sql; do
    PGOPTIONS='-c search_path=billing' psql -qX -v ON_ERROR_STOP=1 -f "$f"
done
PGOPTIONS='-c search_path=billing' psql -qXAt -v ON_ERROR_STOP=1 -f test/checks.sql
echo "migrations and checks passed"
''',
    'test/checks.sql': "SELECT 'invoices ' || count(*) FROM invoices;\n",
    'Makefile': '.PHONY: test\ntest:\n\t@bin/test\n',
}
TURNS = [
    turn('Invoice numbers must be unique, and posting the same invoice twice must not make a second one.',
         step(6, 'Two steps.', plan('Unique index on the invoice number: remove the duplicates first', 'post_invoice: insert with ON CONFLICT, one writer a customer by an advisory lock')),
         step(4, '', look('migrations/001_invoices.sql')),
         step(8, 'The constraint.', write('migrations/002_unique_number.sql', 'ALTER TABLE invoices ADD CONSTRAINT invoices_number_key UNIQUE (number);\n')),
         step(3, '', run('make test', 'Replay the migrations')),
         step(10, 'There is a duplicate already. It goes first, in the same transaction.',
              run("cat > migrations/002_unique_number.sql <<'SQL'\nBEGIN;\nDELETE FROM invoices a USING invoices b WHERE a.number = b.number AND a.id > b.id;\nALTER TABLE invoices ADD CONSTRAINT invoices_number_key UNIQUE (number);\nCOMMIT;\nSQL", 'Rewrite the migration')),
         step(9, 'Posting, safe to repeat.', write('migrations/003_post_invoice.sql', '''CREATE FUNCTION post_invoice(p_number text, p_customer bigint, p_cents bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    result bigint;
BEGIN
    -- One writer a customer, until the transaction ends.
    PERFORM pg_advisory_xact_lock(hashtextextended('invoice', p_customer));
    INSERT INTO invoices (number, customer_id, cents) VALUES (p_number, p_customer, p_cents)
    ON CONFLICT (number) DO NOTHING
    RETURNING id INTO result;
    IF result IS NULL THEN
        SELECT id INTO result FROM invoices WHERE number = p_number;
    END IF;
    RETURN result;
END $$;
''')),
         step(6, '', look('test/checks.sql'), edit('test/checks.sql', "SELECT 'invoices ' || count(*) FROM invoices;\n", '''SELECT 'invoices ' || count(*) FROM invoices;
SELECT 'same twice ' || (post_invoice('2026-009', 8, 100) = post_invoice('2026-009', 8, 100));
''')),
         step(3, '', run('make test', 'Replay the migrations')),
         step(4, '', done(1, 2), run("git add -A && git commit -q -m 'Invoice numbers are unique; posting twice is safe'", 'Commit')),
         step(3, 'Numbers are unique, posting twice gives the same invoice, committed.'), approve={'cat > migrations': (7, True)}),
    turn('Give me a script that closes a month: it must see one state of the books while it sums.',
         step(8, 'A script with a serializable transaction.', write('bin/close-month', '''#!/bin/bash
# Sums a month's invoices. usage: close-month 2026-11
set -eu
month=$1
for try in 1 2 3; do
    if psql -qXAt -v ON_ERROR_STOP=1 -v month="$month" <<'SQL'
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT customer_id, sum(cents) FROM invoices WHERE number LIKE :'month' || '%' GROUP BY customer_id;
COMMIT;
SQL
    then
        exit 0
    fi
    sleep $((2 ** try))
done
echo "gave up on $month" >&2
exit 1
''')),
         step(4, '', run("chmod +x bin/close-month && PGOPTIONS='-c search_path=billing' bin/close-month 2026", 'Close a month')),
         step(4, '', run("git add -A && git commit -q -m 'Close a month' && git log --oneline -2", 'Commit')),
         step(3, 'It sums within one serializable transaction and tries again when that is refused.'), pause=40, approve={'close-month': (5, True)}),
]
GRID = '''//! A grid of cells that grows and dies.

/// Rows of cells.
pub struct Grid {
    pub rows: Vec<Vec<u8>>,
}

impl Grid {
    pub fn new(width: usize, height: usize) -> Self {
        Self { rows: vec![vec![0; width]; height] }
    }
}
'''
MORE = [{'project': 'grid', 'seed': {
    'Cargo.toml': '[package]\nname = "grid"\nversion = "0.1.0"\nedition = "2021"\n', '.gitignore': '/target\n', 'src/lib.rs': GRID,
}, 'turns': [
    turn('Add a way to visit the longest row and to age all rows on several threads.',
         step(5, 'Two parts.', plan('longest(): a reference into the grid, with its lifetime', 'age(): each row on its own thread, borrowed for a scope')),
         step(4, '', look('src/lib.rs')),
         step(10, 'First the ageing.', edit('src/lib.rs', '        Self { rows: vec![vec![0; width]; height] }\n    }\n', '''        Self { rows: vec![vec![0; width]; height] }
    }

    /// Makes every cell one older, each row on its own thread.
    pub fn age(&mut self) {
        let mut threads = Vec::new();
        for row in self.rows.iter_mut() {
            threads.push(std::thread::spawn(move || bump(row)));
        }
        for thread in threads {
            thread.join().unwrap();
        }
    }
''')),
         step(4, '', run("cat >> src/lib.rs <<'RS'\n\nfn bump(row: &mut Vec<u8>) {\n    for cell in row.iter_mut() {\n        *cell = cell.saturating_add(1);\n    }\n}\n\n/// The longest of two rows.\npub fn longest<'a>(a: &'a [u8], b: &'a [u8]) -> &'a [u8] {\n    if b.len() > a.len() { b } else { a }\n}\n\n#[cfg(test)]\nmod tests {\n    use super::*;\n\n    #[test]\n    fn all_cells_age() {\n        let mut grid = Grid::new(3, 2);\n        grid.age();\n        assert_eq!(grid.rows, [[1, 1, 1], [1, 1, 1]]);\n        assert_eq!(longest(&[1], &[1, 2]), [1, 2]);\n    }\n}\nRS", 'Append helpers and a test')),
         step(3, '', run('cargo test -q', 'Run the tests')),
         step(11, 'A spawned thread may outlive the borrow. A scope may not.', look('src/lib.rs'), edit('src/lib.rs', '''        let mut threads = Vec::new();
        for row in self.rows.iter_mut() {
            threads.push(std::thread::spawn(move || bump(row)));
        }
        for thread in threads {
            thread.join().unwrap();
        }
''', '''        std::thread::scope(|scope| {
            for row in self.rows.iter_mut() {
                scope.spawn(move || bump(row));
            }
        });
''')),
         step(3, '', run('cargo test -q', 'Run the tests')),
         step(3, '', done(1, 2), run("git add -A && git commit -q -m 'Age rows on threads'", 'Commit')),
         step(3, 'Rows age on scoped threads now; the test passes.'), approve={'cat >> src': (5, True)}),
    turn('Can several parts of the program hold the grid and change it?',
         step(9, 'With a shared owner and a check at run time.', run("cat > src/shared.rs <<'RS'\n//! A grid that several parts hold.\nuse crate::Grid;\nuse std::cell::RefCell;\nuse std::rc::Rc;\n\n/// Shared by all who hold it; changed by one at a time.\npub type Shared = Rc<RefCell<Grid>>;\n\npub fn shared(grid: Grid) -> Shared {\n    Rc::new(RefCell::new(grid))\n}\n\npub fn touch(grid: &Shared, x: usize, y: usize) {\n    grid.borrow_mut().rows[y][x] = 1;\n}\nRS\nsed -i '1a pub mod shared;' src/lib.rs", 'Add a shared grid')),
         step(4, '', run('cargo test -q', 'Run the tests')),
         step(3, 'Yes: src/shared.rs.'), pause=30, approve={'cat > src': (4, True)}),
]}]
