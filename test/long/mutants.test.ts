// Small changes of the code of the wire and of machines' lives, one at a time: the tests of its rooms must notice most of them. Each run takes a
// sample, by a seed that it prints; it lists the survivors, which a person judges. MUTANTS=500 takes more, MUTATED='^src/tftp/' other files.
// @host computes, 1200 s

import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { coverTests, findKiller, findMutants, type Mutant } from '../support/mutants.ts';
import { printedRandom } from '../support/printed-random.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const MUTATED = new RegExp(process.env.MUTATED ?? '^src/(?:tftp|dhcp|dns|boot|region/life)/');
const SAMPLE = Number(process.env.MUTANTS ?? 100);
const RUN_MS_MAX = 40 * 60_000;
/** A test that takes longer is not asked. */
const TEST_MS_MAX = 60_000;
/** Some changes are none: they change the order of equal things, or a remark. */
const NOTICED_SHARE_MIN = 0.75;

test('the tests notice most changes of the code', { timeout: 2 * RUN_MS_MAX }, async () => {
  const random = printedRandom('mutants');
  const all = findMutants(MUTATED);
  const sample = Array.from({ length: SAMPLE }, () => all[random(all.length)] ?? assert.fail('nothing to change'));
  const rooms = new Set(sample.map(({ file }) => relative(join(ROOT, 'src'), file).split('/').slice(0, -1).join('/')));
  const folders = [...rooms].flatMap((room) => [`test/${room}/*.test.ts`, `test/${room.split('/')[0]}/*.test.ts`]);
  const tests = [...new Set(globSync([...folders, 'test/conformance/*.test.ts'], { cwd: ROOT }))];
  const covered = await coverTests(tests, MUTATED, TEST_MS_MAX);
  const from = performance.now();
  const survivors: Mutant[] = [];
  let tried = 0;
  for (const mutant of sample) {
    if (performance.now() - from > RUN_MS_MAX) break;
    tried += 1;
    if ((await findKiller(mutant, covered)) === undefined) survivors.push(mutant);
  }
  for (const { file, line, what } of survivors) console.log(`# survives: ${relative(ROOT, file)}:${line}: ${what}`);
  console.log(`# ${tried - survivors.length} of ${tried} changes were noticed, of ${all.length}`);
  assert.ok(survivors.length <= (1 - NOTICED_SHARE_MIN) * tried, `${survivors.length} of ${tried} changes survive`);
});
