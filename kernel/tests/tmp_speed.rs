use kernel::tagging::{SourceChange, tag, tag_command};
use std::time::Instant;
#[test]
fn speed() {
    let t = Instant::now();
    let _ = tag_command("git rebase main");
    println!("compile rules: {:?}", t.elapsed());
    let root = env!("CARGO_MANIFEST_DIR");
    let rust = std::fs::read_to_string(format!("{root}/src/items/build.rs")).unwrap().repeat(3);
    let rust: String = rust.lines().take(1000).map(|l| format!("{l}\n")).collect();
    let py = "class A:\n    def f(self, x=[]):\n        with open(x) as a, open(y) as b:\n            try:\n                r = requests.post(url, json={'a': 1, 'b': [1, 2, 3]})\n                cur.execute(f\"SELECT * FROM t WHERE id = {x}\")\n            except Timeout as e:\n                raise Foo(e)\n        return a.read() + b.read()\n\n".repeat(100);
    let ts = "export async function go(ids: number[]) {\n  const out: Row[] = [];\n  for (const id of ids) {\n    out.push(await load(id));\n  }\n  const r = await Promise.all(ids.map(async (id) => load(id)));\n  db.query(`select * from t where id = ${r}`);\n  return { out, r, s: 'x' };\n}\n\n".repeat(100);
    let go = "func f(ctx context.Context, id int) error {\n\tctx, cancel := context.WithTimeout(ctx, time.Second)\n\tdefer cancel()\n\tselect {\n\tcase <-ctx.Done():\n\t\treturn ctx.Err()\n\tcase j := <-jobs:\n\t\treturn db.Exec(fmt.Sprintf(\"select %d\", j))\n\t}\n}\n".repeat(100);
    let sh = "for i in 1 2 3; do\n  git push --force-with-lease origin \"$x\" || exit 1\n  if [ -n \"$y\" ]; then\n    echo $y | sed 's/a/b/'\n  fi\ndone\n".repeat(167);
    for (n, t) in [("a.rs", rust), ("a.py", format!("{py}")), ("a.ts", ts), ("a.go", format!("package m\n{go}")), ("a.sh", sh)] {
        let c = SourceChange::new_file(n, t.clone());
        let s = Instant::now();
        let r = tag(&c);
        println!("{n}: {} lines {} bytes {} mentions {:?}", t.lines().count(), t.len(), r.mentions.len(), s.elapsed());
        let lines: Vec<u32> = (1..=1000).step_by(7).collect();
        let c = SourceChange::in_file(n, t, &lines);
        let s = Instant::now();
        let r = tag(&c);
        println!("   in_file {} mentions {:?}", r.mentions.len(), s.elapsed());
    }
    let big = "x = [a, b(c), d['e']] + f(g=1)\n".repeat(16900);
    let s = Instant::now();
    let r = tag(&SourceChange::new_file("a.py", big.clone()));
    println!("big {} bytes: {:?} {:?}", big.len(), s.elapsed(), r.skipped);
    let nest = format!("{}x{}\n", "[".repeat(480), "]".repeat(480)).repeat(520);
    let s = Instant::now();
    let r = tag(&SourceChange::new_file("a.js", nest.clone()));
    println!("nested {} bytes: {:?} {:?}", nest.len(), s.elapsed(), r.skipped);
    let nest = format!("{}x{}\n", "for(;;){".repeat(200), "}".repeat(200)).repeat(250);
    let s = Instant::now();
    let r = tag(&SourceChange::new_file("a.js", nest.clone()));
    println!("nested for {} bytes: {:?} {:?}", nest.len(), s.elapsed(), r.skipped);
    let nest = format!("{}await x{}\n", "for(;;){".repeat(200), "}".repeat(200)).repeat(250);
    let s = Instant::now();
    let r = tag(&SourceChange::new_file("a.js", nest.clone()));
    println!("nested await {} bytes: {:?} {:?}", nest.len(), s.elapsed(), r.skipped);
    let wide = "await x;".repeat(60000);
    let s = Instant::now();
    let r = tag(&SourceChange::new_file("a.js", wide.clone()));
    println!("wide await {} bytes: {:?} {:?}", wide.len(), s.elapsed(), r.skipped);
    let deep = format!("{}1", "1+".repeat(200_000));
    let s = Instant::now();
    let r = tag(&SourceChange::new_file("a.py", deep.clone()));
    println!("chain {} bytes: {:?} {:?}", deep.len(), s.elapsed(), r.skipped);
    let s = Instant::now();
    for i in 0..100 { let _ = kernel::items::assemble(kernel::catalogue::Catalogue::builtin(), &"git-rebase".parse().unwrap(), i).unwrap(); }
    println!("100 items {:?}", s.elapsed());
}
