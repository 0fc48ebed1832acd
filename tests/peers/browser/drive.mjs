// Drives Debian's Chromium through one story against a served appliance, and says what it saw.
// usage: node drive.mjs < job.json → one JSON object {pages, findings, seen}; exit 1 where the story could not go on.
import { Eyes } from './look.mjs';
import * as stories from './stories.mjs';

const read = async (stream) => { let all = ''; for await (const part of stream) all += part; return all; };
const job = JSON.parse(await read(process.stdin));
const began = Date.now();
const eyes = await Eyes.open(job);
try {
  const seen = await stories[job.story](eyes, job);
  console.log(JSON.stringify({ pages: eyes.pages, findings: eyes.findings, seen, ms: Date.now() - began }));
} catch (error) {
  console.error(error.stack, ...eyes.findings.map((finding) => `\nfound before that: ${finding}`));
  process.exitCode = 1;
} finally {
  await eyes.close();
}
