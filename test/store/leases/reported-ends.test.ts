// The time up to which lease ends have been reported, on a real disk.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { later, readBootId, readUptimeSeconds, systemClock } from '../../../src/ground/clock.ts';
import type { RackNote } from '../../../src/region/reports/notes.ts';
import { REPORTED_ENDS_FILE, ReportedEnds, readReportedEnds } from '../../../src/store/leases/reported-ends.ts';

let directory = '';
let problems: RackNote[] = [];
const onProblem = (note: RackNote): void => void problems.push(note);
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rackboot-ends-'));
  problems = [];
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test('the last note is there after closing, on the host’s clocks', async () => {
  const ends = new ReportedEnds(directory, systemClock, onProblem);
  ends.note(later(systemClock.now(), -120_000));
  ends.note(later(systemClock.now(), -60_000));
  const uptimeS = readUptimeSeconds();
  await ends.close();
  const read = readReportedEnds(directory);
  assert.equal(read?.bootId, readBootId());
  assert.ok(Math.abs(read.uptimeS - Math.max(0, uptimeS - 60)) < 1, `${read.uptimeS}`);
  assert.ok(Math.abs(read.wallMs - (systemClock.wallTimeMs() - 60_000)) < 1000);
  assert.deepEqual(problems, []);
});

test('without a note nothing is written, and a missing file is not a problem', async () => {
  await new ReportedEnds(directory, systemClock, onProblem).close();
  assert.equal(readReportedEnds(directory), undefined);
  assert.deepEqual(problems, []);
});

test('a file of another form counts as none', () => {
  for (const text of ['', '{', '{"version":2,"wallMs":1,"bootId":"a","uptimeS":1}', '[]', '{"version":1}']) {
    writeFileSync(join(directory, REPORTED_ENDS_FILE), text);
    assert.equal(readReportedEnds(directory), undefined, text);
  }
});

test('a failing disk is reported once, and a later note is written', async () => {
  const place = join(directory, 'away');
  const ends = new ReportedEnds(place, systemClock, onProblem);
  ends.note(systemClock.now());
  await ends.close();
  ends.note(systemClock.now());
  await ends.close();
  assert.equal(problems.length, 1);
  writeFileSync(join(directory, `${REPORTED_ENDS_FILE}.part`), 'left by a kill');
  const again = new ReportedEnds(directory, systemClock, onProblem);
  again.note(systemClock.now());
  await again.close();
  assert.match(readFileSync(join(directory, REPORTED_ENDS_FILE), 'utf8'), /^\{"version":1,/);
});
