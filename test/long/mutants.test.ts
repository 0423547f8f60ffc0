// Small changes of the code of the wire and of machines' lives, one at a time: the tests must notice most of them. Those of the changed room are
// asked first, then those of its top room. Each run takes a sample, by a seed that it prints; it lists the survivors, which a person judges.
// MUTANTS=500 takes more, MUTATED='^src/tftp/' other files.
// @host computes, 1800 s

import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { findMutants, type Mutant, TestCoverage } from '../support/mutants.ts';
import { printedRandom } from '../support/printed-random.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const MUTATED = new RegExp(process.env.MUTATED ?? '^src/(?:tftp|dhcp|dns|boot|region/life)/');
const SAMPLE = Number(process.env.MUTANTS ?? 100);
const RUN_MS_MAX = 40 * 60_000;
/** A test that takes longer is not asked. */
const TEST_MS_MAX = 60_000;
/** Besides the tests of a room: what its configuration may hold, and what the standards say. */
const FOR_ALL = ['test/config/*.test.ts', 'test/conformance/*.test.ts'];
/** Some changes are none: they change the order of equal things, or a remark. */
const NOTICED_SHARE_MIN = 0.75;

test('the tests notice most changes of the code', { timeout: 2 * RUN_MS_MAX }, async () => {
  const random = printedRandom('mutants');
  const all = findMutants(MUTATED);
  const sample = Array.from({ length: SAMPLE }, () => all[random(all.length)] ?? assert.fail('nothing to change'));
  const tests = new TestCoverage(MUTATED, TEST_MS_MAX);
  const isNoticed = async (mutant: Mutant): Promise<boolean> => {
    const room = relative(join(ROOT, 'src'), dirname(mutant.file));
    const own = globSync(`test/${room}/*.test.ts`, { cwd: ROOT });
    if ((await tests.findKiller(mutant, own)) !== undefined) return true;
    const top = room.split('/')[0];
    const others = globSync([`test/${top}{,-*}/**/*.test.ts`, `test/e2e/${top}.test.ts`, ...FOR_ALL], { cwd: ROOT });
    const further = others.filter((file) => !own.includes(file));
    return (await tests.findKiller(mutant, further)) !== undefined;
  };
  const from = performance.now();
  const survivors: Mutant[] = [];
  let tried = 0;
  for (const mutant of sample) {
    if (performance.now() - from > RUN_MS_MAX) break;
    tried += 1;
    if (!(await isNoticed(mutant))) survivors.push(mutant);
  }
  for (const { file, line, what } of survivors) console.log(`# survives: ${relative(ROOT, file)}:${line}: ${what}`);
  console.log(`# ${tried - survivors.length} of ${tried} changes were noticed, of ${all.length}`);
  assert.ok(survivors.length <= (1 - NOTICED_SHARE_MIN) * tried, `${survivors.length} of ${tried} changes survive`);
});
